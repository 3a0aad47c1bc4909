// One playlist: its order, its name, what comes next. Every change is kept at once, and can be undone.

import { draggable, putBack } from "./dragging.js";
import { asName, changed, itemOf, say } from "./page.js";
import { playAll } from "./player.js";
import "./search.js";
import { ask, send, stateOf } from "./server.js";

const main = document.getElementById("playlist");
const address = `/api/v1/playlists/${main.dataset.playlist}`;
const byId = (id) => document.getElementById(id);
const entries = () => [...document.querySelectorAll(".entry")];
const ids = () => entries().map((entry) => Number(entry.dataset.entry));
const done = []; // what can be undone: {name, track_ids, words}

let kept = { name: main.dataset.name, track_ids: ids() }; // as the server has it
let state = stateOf(address);
let writing = Promise.resolve();

/** Keep a change, after those before it. */
function keep(change, words, how = {}) {
  writing = writing.then(() => write(change, words, how)).catch((error) => say(error.message));
}

/** Write a change; where another window has made one meanwhile, show that instead. */
async function write(change, words, { undoing = false, focus = null }) {
  const before = kept;
  let said = words;
  try {
    const whole = { ...kept, ...change };
    await send("PUT", address, whole, "application/json", { "If-Match": await state });
    if (undoing) done.pop();
    else done.push({ ...before, words });
  } catch (error) {
    putBack(entries());
    said = error.message;
  }
  const latest = await stateOf(address);
  await renew(focus);
  state = latest;
  say(said);
}

/** Show the playlist as it is now. */
async function renew(focus) {
  const page = new DOMParser().parseFromString(await (await ask(location.href)).text(), "text/html");
  const fresh = page.getElementById("playlist");
  if (!fresh) return;
  for (const id of ["name", "entries"]) byId(id).replaceWith(page.getElementById(id));
  document.title = page.title;
  main.dataset.name = fresh.dataset.name;
  kept = { name: fresh.dataset.name, track_ids: ids() };
  byId("undo").disabled = !done.length;
  byId("undo").title = done.length ? `Undo: ${done.at(-1).words}` : "";
  changed();
  if (focus) (focus() ?? main).focus({ preventScroll: true });
}

function move(entry, by) {
  const from = entries().indexOf(entry);
  const to = Math.min(Math.max(from + by, 0), entries().length - 1);
  if (to === from) return;
  if (by < 0) entries()[to].before(entry); else entries()[to].after(entry);
  entry.querySelector(".handle").focus({ preventScroll: true });
  moved(entry, from, to);
}

function moved(entry, from, to) {
  keep({ track_ids: ids() }, `Moved “${entry.dataset.title}” to place ${to + 1}.`, {
    focus: () => entries()[to]?.querySelector(".handle"),
  });
}

function remove(entry) {
  const place = entries().indexOf(entry);
  keep({ track_ids: ids().toSpliced(place, 1) }, `Removed “${entry.dataset.title}”.`, {
    focus: () => entries()[Math.min(place, entries().length - 1)]?.querySelector("[data-remove]"),
  });
}

function add(button) {
  const more = button.dataset.add.split(",").map(Number);
  const title = button.closest("[data-title]")?.dataset.title;
  keep({ track_ids: [...ids(), ...more] }, title ? `Added “${title}”.` : `Added ${more.length} tracks.`, {
    focus: () => document.querySelector("#more [data-add]"),
  });
}

function undo() {
  const last = done.at(-1);
  if (!last) return;
  const { words, ...before } = last;
  keep(before, `Undone: ${words}`, { undoing: true });
}

function showRename(open) {
  byId("rename-form").hidden = !open;
  byId("rename").setAttribute("aria-expanded", String(open));
  if (open) byId("new-name").select();
  else byId("rename").focus();
}

async function goOn() {
  history.replaceState(null, "", `${location.pathname}?more=1`);
  await renew(() => document.querySelector("#more [data-add]"));
  say("These could come next.");
}

/** Delete the playlist; the page of all playlists can bring it back. */
async function drop() {
  try {
    await send("DELETE", address);
    sessionStorage.setItem("deleted-playlist", JSON.stringify(kept));
    location.assign("/playlists#deleted");
  } catch (error) {
    say(error.message);
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button, #continue");
  if (!button) return;
  if ("remove" in button.dataset) remove(button.closest(".entry"));
  else if (button.dataset.add) add(button);
  else if (button.id === "undo") undo();
  else if (button.id === "play-all") playAll(entries().filter((entry) => entry.dataset.track).map(itemOf));
  else if (button.id === "rename") showRename(byId("rename-form").hidden);
  else if (button.id === "delete") drop();
  else if (button.id === "continue") {
    event.preventDefault();
    goOn();
  }
});

byId("rename-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const name = asName(byId("new-name").value);
  showRename(false);
  if (name && name !== kept.name) keep({ name }, `It is called “${name}” now.`);
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !byId("rename-form").hidden) showRename(false);
  if (event.target.matches("input:not([type=range])")) return;
  if ((event.ctrlKey || event.metaKey) && event.key === "z") {
    event.preventDefault();
    undo();
    return;
  }
  const entry = event.target.closest(".entry");
  if (!entry || event.ctrlKey || event.metaKey) return;
  const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  if (by) event.preventDefault();
  if (by && (event.altKey || event.target.closest(".handle"))) move(entry, by);
  else if (by) entries()[entries().indexOf(entry) + by]?.querySelector("[data-play], [data-remove]").focus();
  else if (event.key === "Delete") remove(entry);
});

draggable(main, entries, moved);
