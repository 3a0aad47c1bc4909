// The page: clicks, keys, drags and drops, each turned into one of the few things that can be done.

import { draggable } from "./dragging.js";
import { act, keepOrder, meant, move, show, undo } from "./list.js";
import { rows, say } from "./page.js";
import "./renewals.js";
import { rate, remove, keepRow } from "./row.js";
import "./saving.js";
import { whenChosen } from "./search.js";
import { send } from "./server.js";
import "./page_playing.js";
import "./track_menu.js";

const mix = document.getElementById("mix");

document.addEventListener("click", (event) => {
  const plain = !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
  const link = event.target.closest("a[data-go]");
  const button = event.target.closest("button");
  if (link && plain) {
    event.preventDefault();
    const href = link.getAttribute("href");
    if ("remove" in link.dataset) remove(link.closest(".row"));
    else act(link.dataset.go === "anew" ? href : meant(href), { words: link.dataset.say ?? "" });
  } else if (button?.dataset.sayKind) rate(button.closest(".row"), button.dataset.sayKind);
  else if (button && "stay" in button.dataset) keepRow(button.closest(".row"));
  else if (button?.dataset.move) move(button.closest(".row"), Number(button.dataset.move));
  else if (button?.id === "undo") undo();
});

whenChosen((question, words) => act(`/?${question}`, { words }));

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-side]")) act(meant(`/${event.target.value}`), { words: "Changed a seed." });
  else if (event.target.closest("#controls")) {
    const given = [...new FormData(event.target.closest("form"))].filter(([, value]) => value !== "");
    act(meant(`/?${new URLSearchParams(given)}`), { words: "Mix updated." });
  } else if (event.target.id === "file" && event.target.files[0]) {
    take(event.target.files[0]);
    event.target.value = "";
  }
});

window.addEventListener("popstate", () => {
  show(location.pathname + location.search, { push: false }).catch((error) => say(error.message));
});

// Keys: they act on the row that has the focus, never on what is typed into a field.

const KEYS = { l: "like", d: "dislike", s: "skip" };

document.addEventListener("keydown", (event) => {
  if (event.target.matches("input:not([type=range]), select")) return;
  if ((event.ctrlKey || event.metaKey) && event.key === "z") {
    event.preventDefault();
    undo();
    return;
  }
  const row = event.target.closest(".row");
  if (row && !event.ctrlKey && !event.metaKey) rowKey(event, row);
});

function rowKey(event, row) {
  const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  if (by && (event.altKey || event.target.closest(".handle"))) {
    event.preventDefault();
    move(row, by);
  } else if (by && !event.altKey) {
    event.preventDefault();
    rows()[rows().indexOf(row) + by]?.querySelector("[data-play]").focus();
  } else if (KEYS[event.key.toLowerCase()] && !event.altKey) {
    rate(row, KEYS[event.key.toLowerCase()]);
  } else if (event.key.toLowerCase() === "w" && !event.altKey) {
    row.querySelector(".why").toggleAttribute("open");
  } else if (event.key === "Delete") remove(row);
}

draggable(mix, rows, (row, from, to) => {
  keepOrder(Math.max(from, to), `Moved “${row.dataset.title}” to place ${to + 1}.`);
});

// Files as seeds: playlists, and music that is not in the library

const take = (file) => (/\.(m3u8?|xspf|jspf|json)$/i.test(file.name) ? importPlaylist(file) : analyse(file));

async function analyse(file) {
  say(`Analysing ${file.name} …`, false);
  try {
    const sound = await sendInTurn(file);
    const question = new URLSearchParams(location.search);
    question.append("like", sound.ref);
    await act(`/?${question}`, { words: `Added ${sound.name}.` });
  } catch (error) {
    say(error.message);
  }
}

const LONGEST_WAIT = 30; // s between two attempts; a limit by the hour says more
const MOST_TURNS = 60;

/** Send a file, again and again while others' files are analysed. */
async function sendInTurn(file) {
  const path = `/api/v1/sounds?${new URLSearchParams({ name: file.name })}`;
  for (let turn = 1; ; turn++) {
    try {
      return await send("POST", path, file, "application/octet-stream");
    } catch (error) {
      if (!(error.retryAfter <= LONGEST_WAIT) || !error.retryAfter || turn === MOST_TURNS) throw error;
      const seconds = error.retryAfter === 1 ? "second" : "seconds";
      say(`Other files are being analysed. Trying ${file.name} again in ${error.retryAfter} ${seconds} …`, false);
      await new Promise((go) => { setTimeout(go, 1000 * error.retryAfter); });
    }
  }
}

async function importPlaylist(file) {
  try {
    const imported = await send("POST", "/api/v1/playlists/import", await file.arrayBuffer(), "application/octet-stream");
    if (!imported.tracks.length) throw new Error(`${file.name} contains no track of your library.`);
    const question = new URLSearchParams(location.search);
    const existing = new Set(question.getAll("like"));
    const room = 200 - ["like", "unlike", "without"].reduce((n, side) => n + question.getAll(side).length, 0);
    const seeds = [...new Set(imported.tracks)].map((id) => `track:${id}`).filter((ref) => !existing.has(ref)).slice(0, room);
    for (const ref of seeds) question.append("like", ref);
    const missing = imported.n_missing ? ` ${imported.n_missing} entries are not in the library.` : "";
    await act(`/?${question}`, { words: `Added ${seeds.length} tracks of ${file.name} as seeds.${missing}` });
  } catch (error) {
    say(error.message);
  }
}

const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
document.addEventListener("dragover", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  document.body.classList.add("dropping");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("dropping");
});
document.addEventListener("drop", (event) => {
  document.body.classList.remove("dropping");
  if (!hasFiles(event)) return;
  event.preventDefault();
  if (event.dataTransfer.files[0]) take(event.dataTransfer.files[0]);
});
