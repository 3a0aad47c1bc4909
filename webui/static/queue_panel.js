// The queue as one sees it: what plays, what comes next; moved, removed, kept as a playlist.

import { draggable } from "./dragging.js";
import { asName, clock, make, say } from "./page.js";
import { playUpcoming, queue, queueChanged, whenQueued } from "./player.js";
import { send } from "./server.js";

const SHOWN = 200; // of what comes next
const byId = (id) => document.getElementById(id);
const panel = byId("queue");
const list = byId("queue-list");
const opener = byId("queue-toggle");
const entries = () => [...list.children];

/** Open the panel or close it. */
export function showQueue(open = panel.hidden) {
  panel.hidden = !open;
  opener.setAttribute("aria-expanded", String(open));
  if (!open) {
    opener.focus({ preventScroll: true });
    return;
  }
  render();
  panel.focus({ preventScroll: true });
}

function icon(name) {
  return byId(`icon-${name}`).content.cloneNode(true);
}

function button(label, name, more = {}) {
  const made = make("button", { type: "button", "aria-label": label, ...more });
  made.append(icon(name));
  return made;
}

const cover = ({ id, title }) => make("span", { class: "cover", "aria-hidden": "true" }, title.slice(0, 1).toUpperCase(),
  make("img", { src: `/api/v1/tracks/${id}/cover?size=96`, alt: "", loading: "lazy" }));
const named = ({ title, artist }) => [make("bdi", { class: "title" }, title), make("bdi", { class: "artist" }, artist || "Unknown artist")];

function entry(item) {
  const names = make("button", { type: "button", class: "names", "data-start": "", title: `Play “${item.title}”` }, ...named(item));
  return make("li", { class: "queued", "data-key": item.key, "data-name": item.title },
    button(`Move “${item.title}”`, "move", { class: "handle", title: "Drag to move, or use the arrow keys" }),
    cover(item), names, make("span", { class: "duration" }, item.duration ? clock(item.duration) : ""),
    button(`Remove “${item.title}” from the queue`, "remove", { class: "round", "data-unqueue": "" }));
}

function render() {
  if (panel.hidden) return;
  const { current, upcoming, radio } = queue;
  const active = document.activeElement?.closest?.(".queued");
  const focus = active && { key: active.dataset.key, place: entries().indexOf(active), name: document.activeElement.className };
  byId("queue-now").replaceChildren(...(current ? [cover(current), make("span", { class: "names" }, ...named(current))] : ["Nothing plays."]));
  list.replaceChildren(...upcoming.slice(0, SHOWN).map(entry));
  const more = upcoming.length - SHOWN;
  byId("queue-note").textContent = radio ? `Radio: ${radio.name}. It goes on for as long as you listen.`
    : more > 0 ? `and ${more.toLocaleString("en")} more` : upcoming.length ? "" : "Nothing comes next.";
  for (const id of ["queue-clear", "queue-save"]) byId(id).disabled = !upcoming.length;
  if (focus) refocus(focus);
}

/** Give the focus back to the same control of the same entry, or of the one in its place. */
function refocus({ key, place, name }) {
  const row = entries().find((one) => one.dataset.key === key) ?? entries()[Math.min(place, entries().length - 1)];
  const same = row && [...row.querySelectorAll("button")].find((one) => one.className === name);
  (same ?? row?.querySelector("button") ?? panel).focus({ preventScroll: true });
}

function change(how, words) {
  queue.change(how);
  queueChanged();
  if (!panel.contains(document.activeElement) || document.activeElement.disabled) panel.focus({ preventScroll: true });
  say(words);
}

const without = (key) => (all) => all.filter((item) => item.key !== key);

function moved(row, _, to) {
  const { key, name } = row.dataset;
  change((all) => without(key)(all).toSpliced(to, 0, all.find((item) => item.key === key)), `Moved “${name}” to place ${to + 1}.`);
}

function move(row, by) {
  const from = entries().indexOf(row);
  const to = Math.min(Math.max(from + by, 0), entries().length - 1);
  if (to !== from) moved(row, from, to);
}

async function save(event) {
  event.preventDefault();
  const name = asName(byId("queue-name").value);
  const items = [queue.current, ...queue.upcoming].filter(Boolean).slice(0, 10_000);
  if (!name) return;
  try {
    const playlist = await send("POST", "/api/v1/playlists", { name, track_ids: items.map((item) => Number(item.id)) });
    byId("queue-form").hidden = true;
    say(`Saved “${playlist.name}” with ${playlist.n_tracks} tracks.`);
  } catch (error) {
    say(error.message);
  }
}

opener.addEventListener("click", () => showQueue());
panel.addEventListener("click", (event) => {
  const row = event.target.closest(".queued");
  const pressed = event.target.closest("button");
  if (!pressed) return;
  if (pressed.id === "queue-close") showQueue(false);
  else if (pressed.id === "queue-clear") change(() => [], "Cleared the queue.");
  else if (pressed.id === "queue-save") {
    byId("queue-form").hidden = !byId("queue-form").hidden;
    byId("queue-name").focus();
  } else if ("unqueue" in pressed.dataset) change(without(row.dataset.key), `Removed “${row.dataset.name}” from the queue.`);
  else if ("start" in pressed.dataset) playUpcoming(row.dataset.key);
});
byId("queue-form").addEventListener("submit", save);
panel.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    event.preventDefault();
    showQueue(false);
    return;
  }
  const row = event.target.closest(".queued");
  const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  if (!row || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (by) event.preventDefault();
  if (by && (event.altKey || event.target.closest(".handle"))) move(row, by);
  else if (by) entries()[entries().indexOf(row) + by]?.querySelector("[data-start]").focus();
  else if (event.key === "Delete") change(without(row.dataset.key), `Removed “${row.dataset.name}” from the queue.`);
});
draggable(list, entries, moved);
whenQueued(render);
