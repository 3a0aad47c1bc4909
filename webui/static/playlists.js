// All playlists: read from files, deleted, and brought back.

import { asName, make, say } from "./page.js";
import "./player.js";
import "./search.js";
import { ask, send } from "./server.js";
import "./way.js";

const PLAYLISTS = "/api/v1/playlists";
const DELETED = "deleted-playlist"; // in the session: also the one deleted on its own page
const undo = document.getElementById("undo");

const lastDeleted = () => JSON.parse(sessionStorage.getItem(DELETED));

function showUndo() {
  const last = lastDeleted();
  undo.hidden = !last;
  undo.title = last ? `Restore “${last.name}”` : "";
}

/** Show the page as it is now. */
async function renew() {
  const page = new DOMParser().parseFromString(await (await ask("/playlists")).text(), "text/html");
  const now = document.querySelector(".kept-lists, #read + .note");
  now.replaceWith(page.querySelector(".kept-lists, #read + .note"));
  showUndo();
}

async function remove(button) {
  const row = button.closest("[data-playlist]");
  const place = [...row.parentElement.children].indexOf(row);
  await deletePlaylist(row.dataset.playlist);
  await renew();
  const left = document.querySelectorAll("[data-delete]");
  (left[Math.min(place, left.length - 1)] ?? undo).focus();
  say(`Deleted “${row.dataset.name}”.`);
}

/** Delete a playlist, and keep what it was for this session. */
async function deletePlaylist(id) {
  const kept = await (await ask(`${PLAYLISTS}/${id}`)).json();
  await send("DELETE", `${PLAYLISTS}/${id}`);
  const track_ids = kept.tracks.map((track) => track.id);
  sessionStorage.setItem(DELETED, JSON.stringify({ name: kept.name, track_ids }));
}

async function bringBack() {
  const last = lastDeleted();
  await send("POST", PLAYLISTS, last);
  sessionStorage.removeItem(DELETED);
  await renew();
  document.querySelector(".kept-lists a").focus();
  say(`Restored “${last.name}”.`);
}

async function read(file) {
  const found = await send("POST", `${PLAYLISTS}/import`, await file.arrayBuffer(), "application/octet-stream");
  if (!found.tracks.length) throw new Error(`${file.name} contains no track of your library.`);
  const name = asName(found.title) || asName(file.name.replace(/\.\w+$/, "")) || "Untitled";
  const kept = await send("POST", PLAYLISTS, { name, track_ids: found.tracks });
  await renew();
  report(file.name, kept, found);
}

/** Say what became of a file, and which of its entries are not in the library. */
function report(file, kept, found) {
  const note = document.getElementById("read");
  note.hidden = false;
  note.replaceChildren(make("p", {}, `${file}: ${kept.n_tracks} tracks, in `,
    make("a", { href: `/playlists/${kept.id}` }, make("bdi", {}, kept.name)), "."));
  if (found.n_missing) {
    const more = found.n_missing - found.missing.length;
    note.append(make("p", {}, `${found.n_missing} of its entries are not in the library:`),
      make("ul", {}, ...found.missing.map(({ title, artist }) =>
        make("li", {}, make("bdi", {}, artist ? `${artist} – ${title}` : title)))));
    if (more > 0) note.append(make("p", {}, `and ${more} more.`));
  }
  say(`Imported ${file}: ${kept.n_tracks} tracks${found.n_missing ? `, ${found.n_missing} not in the library` : ""}.`);
}

const attempt = (what) => what.catch((error) => say(error.message));

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button && "delete" in button.dataset) attempt(remove(button));
  else if (button && button === undo) attempt(bringBack());
});
document.addEventListener("keydown", (event) => {
  if (event.target.matches("input") || !(event.ctrlKey || event.metaKey) || event.key !== "z") return;
  event.preventDefault();
  if (!undo.hidden) attempt(bringBack());
});
document.getElementById("file").addEventListener("change", (event) => {
  if (event.target.files[0]) attempt(read(event.target.files[0]));
  event.target.value = "";
});
showUndo();
if (location.hash === "#deleted" && !undo.hidden) { // on its own page, a moment ago
  history.replaceState(null, "", location.pathname);
  undo.focus();
  say(`Deleted “${lastDeleted().name}”.`);
}
