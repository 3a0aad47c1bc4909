// Several rows that are chosen at once, and what is done with them.

import { itemOf, make, rows, say, whenChanged } from "./page.js";
import { playAll } from "./player.js";
import { choosePlaylist } from "./playlist_dialog.js";
import { enqueue } from "./queue_actions.js";
import { sendFeedback } from "./server.js";

const chosen = new Set(); // rows
const selectable = () => rows().filter((row) => row.matches(".song, .row"));
let last = null; // the row that was chosen last, from which Shift goes on

const bar = document.querySelector("main").appendChild(make("div", { class: "selection", role: "toolbar", "aria-label": "Selected tracks", hidden: "" },
  make("span", { class: "number", "aria-live": "polite" }),
  ...[["play", "Play"], ["next", "Play next"], ["queue", "Add to queue"], ["playlist", "Add to playlist …"], ["like", "Like"], ["all", "Select all"], ["done", "Done"]]
    .map(([act, words]) => make("button", { type: "button", "data-act": act }, words))));

function show() {
  for (const row of chosen) if (!row.isConnected) chosen.delete(row);
  const selecting = chosen.size > 0;
  document.body.classList.toggle("selecting", selecting);
  bar.hidden = !selecting;
  bar.firstChild.textContent = `${chosen.size} selected`;
  for (const row of selectable()) {
    let box = row.querySelector(".pick");
    if (selecting && !box) {
      box = make("input", { type: "checkbox", class: "pick", "aria-label": `Select “${row.dataset.title}”` });
      row.prepend(box);
      box.style.left = `${row.querySelector(".cover, [data-play]").offsetLeft}px`;
    }
    if (!selecting) box?.remove();
    else box.checked = chosen.has(row);
    row.classList.toggle("chosen", chosen.has(row));
  }
}

function choose(row, on = !chosen.has(row)) {
  if (on) chosen.add(row); else chosen.delete(row);
  last = row;
  show();
}

/** Choose all rows from the last one to this one. */
function chooseTo(row) {
  const all = selectable();
  const ends = [all.indexOf(last), all.indexOf(row)].sort((a, b) => a - b);
  for (const one of all.slice(Math.max(ends[0], 0), ends[1] + 1)) chosen.add(one);
  last = row;
  show();
}

function end() {
  const row = [...chosen][0];
  const hadFocus = bar.contains(document.activeElement) || document.activeElement.matches(".pick");
  chosen.clear();
  show();
  if (hadFocus) row?.querySelector("[data-play]")?.focus({ preventScroll: true });
}

async function likeAll(list) {
  let n = 0;
  try {
    for (const row of list) {
      await sendFeedback(row.dataset.track, "like");
      row.querySelector('[data-like], [data-say-kind="like"]')?.setAttribute("aria-pressed", "true");
      if (row.matches(".row")) row.dataset.feedback = "like";
      n += 1;
    }
  } catch (error) {
    say(`Liked ${n} of ${list.length} tracks. ${error.message}`);
    return;
  }
  say(`Liked ${n} ${n === 1 ? "track" : "tracks"}.`);
}

bar.addEventListener("click", (event) => {
  const { act } = event.target.closest("button")?.dataset ?? {};
  const list = selectable().filter((row) => chosen.has(row)); // in the page's order
  const items = list.map(itemOf);
  if (act === "play") playAll(items, { ofPage: false });
  else if (act === "next" || act === "queue") enqueue(items, act === "next");
  else if (act === "playlist") choosePlaylist(items, event.target);
  else if (act === "like") likeAll(list);
  else if (act === "all") {
    for (const row of selectable()) chosen.add(row);
    show();
  }
  if (["play", "next", "queue", "done"].includes(act)) end();
});

document.addEventListener("click", (event) => {
  const row = event.target.closest(".song[data-track], .row[data-track]");
  if (!row) return;
  if (event.target.closest("[data-select]")) {
    choose(row, true);
    row.querySelector(".pick").focus({ preventScroll: true });
  } else if (event.target.matches(".pick")) {
    if (event.shiftKey && last) chooseTo(row); else choose(row, event.target.checked);
    if (!chosen.size) row.querySelector("[data-play]")?.focus({ preventScroll: true });
  } else if (!event.target.closest("a, button, summary, input, details") && (event.ctrlKey || event.metaKey)) choose(row);
  else if (!event.target.closest("a, button, summary, input, details") && event.shiftKey && last?.isConnected) {
    getSelection().removeAllRanges();
    chooseTo(row);
  }
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && chosen.size && !document.querySelector("dialog[open], .menu[open]")) end();
  const row = event.target.closest?.(".song[data-track], .row[data-track]");
  if (!row || event.target.matches("input:not([type=checkbox]), select")) return;
  if (event.key.toLowerCase() === "x") {
    choose(row);
    if (chosen.size) row.querySelector(".pick").focus({ preventScroll: true });
  }
  const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  if (!by || event.shiftKey || !row.matches(".song.listed")) return;
  event.preventDefault();
  const all = selectable();
  all[all.indexOf(row) + by]?.querySelector(chosen.size ? ".pick" : "[data-play]").focus();
});
whenChanged(show);
