// One playlist: its order, its name, what comes next. Every change is kept at once, and can be undone.

import { deleteForSession } from "./deleted_playlist.js";
import { draggable, putBack } from "./dragging.js";
import { asName, changed, itemOf, say } from "./page.js";
import { playAll } from "./player.js";
import "./search.js";
import { request, send, etagOf } from "./server.js";
import "./track_menu.js";

const main = document.getElementById("playlist");
const address = `/api/v1/playlists/${main.dataset.playlist}`;
const byId = (id) => document.getElementById(id);
const entries = () => [...document.querySelectorAll(".entry")];
const ids = () => entries().map((entry) => Number(entry.dataset.entry));
const undoStack = []; // what can be undone: {name, track_ids, keys, words}
let nKeys = entries().length;
const newKey = () => `entry ${nKeys++}`;

// As the server has it; keys tell entries apart, also of one track.
let saved = { name: main.dataset.name, track_ids: ids(), keys: entries().map((entry) => entry.dataset.key) };
let state = etagOf(address);
let writing = Promise.resolve();

/** Take what the page shows as what the server has. What was known of it keeps its keys. */
function readEntries({ track_ids: before, keys: known }) {
  const track_ids = ids();
  const left = before.map((id, place) => ({ id, key: known[place] }));
  const keys = track_ids.map((id) => {
    const at = left.findIndex((other) => other.id === id);
    return at < 0 ? newKey() : left.splice(at, 1)[0].key;
  });
  saved = { name: main.dataset.name, track_ids, keys };
  entries().forEach((entry, place) => { entry.dataset.key = keys[place]; });
}

/** Return entries, {track_ids, keys}, of which `pick` makes others. */
function changing(pick) {
  const pairs = pick(saved.track_ids.map((id, place) => ({ id, key: saved.keys[place] })));
  return { track_ids: pairs.map(({ id }) => id), keys: pairs.map(({ key }) => key) };
}

/** Keep a change of what there is by then, after the changes before it. */
function enqueue(change, words, how = {}) {
  const saying = typeof words === "string" ? () => words : words;
  writing = writing.then(() => write(change, saying, how)).catch((error) => say(error.message));
}

/** Write a change; where another window has made one meanwhile, show that instead. */
async function write(change, words, { undoing = false, focus = null }) {
  if (undoing && !undoStack.length) return;
  const before = saved;
  let now = saved;
  let message = words();
  try {
    const whole = { ...saved, ...change() };
    const { name, track_ids } = whole;
    await send("PUT", address, { name, track_ids }, "application/json", { "If-Match": await state });
    now = whole;
    if (undoing) undoStack.pop();
    else undoStack.push({ ...before, words: message });
  } catch (error) {
    putBack(entries());
    message = error.message;
  }
  const latest = await etagOf(address);
  await renew(focus, now);
  state = latest;
  say(message);
}

/** Show the playlist as it is now. */
async function renew(focus, now = saved) {
  const page = new DOMParser().parseFromString(await (await request(location.href)).text(), "text/html");
  const fresh = page.getElementById("playlist");
  if (!fresh) return;
  for (const id of ["name", "entries"]) byId(id).replaceWith(page.getElementById(id));
  document.title = page.title;
  main.dataset.name = fresh.dataset.name;
  readEntries(now);
  byId("undo").disabled = !undoStack.length;
  byId("undo").title = undoStack.length ? `Undo: ${undoStack.at(-1).words}` : "";
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
  const { key } = entry.dataset;
  const move = (all) => {
    const rest = all.filter((other) => other.key !== key);
    return rest.length < all.length ? rest.toSpliced(to, 0, all.find((other) => other.key === key)) : all;
  };
  enqueue(() => changing(move), `Moved “${entry.dataset.title}” to place ${to + 1}.`, {
    focus: () => entries()[to]?.querySelector(".handle"),
  });
}

function remove(entry) {
  const place = entries().indexOf(entry);
  const { key } = entry.dataset;
  enqueue(() => changing((all) => all.filter((other) => other.key !== key)), `Removed “${entry.dataset.title}”.`, {
    focus: () => entries()[Math.min(place, entries().length - 1)]?.querySelector("[data-remove]"),
  });
}

function add(button) {
  const more = button.dataset.add.split(",").map(Number);
  const title = button.closest("[data-title]")?.dataset.title;
  enqueue(() => changing((all) => [...all, ...more.map((id) => ({ id, key: newKey() }))]), title ? `Added “${title}”.` : `Added ${more.length} tracks.`, {
    focus: () => document.querySelector("#more [data-add]"),
  });
}

function undo() {
  if (!undoStack.length) return;
  const before = () => {
    const { name, track_ids, keys } = undoStack.at(-1); // the last one when its turn comes
    return { name, track_ids, keys };
  };
  enqueue(before, () => `Undone: ${undoStack.at(-1).words}`, { undoing: true });
}

function showRename(open) {
  byId("rename-form").hidden = !open;
  byId("rename").setAttribute("aria-expanded", String(open));
  if (open) byId("new-name").select();
  else byId("rename").focus();
}

async function recommendNext() {
  history.replaceState(null, "", `${location.pathname}?more=1`);
  await renew(() => document.querySelector("#more [data-add]"));
  say("Recommendations are listed below.");
}

/** Delete the playlist; the page of all playlists can bring it back. */
async function deletePlaylist() {
  try {
    await deleteForSession(main.dataset.playlist);
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
  else if (button.id === "delete") deletePlaylist();
  else if (button.id === "continue") {
    event.preventDefault();
    recommendNext();
  }
});

byId("rename-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const name = asName(byId("new-name").value);
  showRename(false);
  if (name && name !== saved.name) enqueue(() => ({ name }), `Renamed to “${name}”.`);
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

// A track was added by the menu of a row: to this playlist too, perhaps.
document.addEventListener("playlist-changed", ({ detail }) => {
  if (detail !== main.dataset.playlist) return;
  writing = writing.then(async () => {
    const latest = await etagOf(address);
    await renew(null);
    state = latest;
  }).catch((error) => say(error.message));
});

draggable(main, entries, moved);
