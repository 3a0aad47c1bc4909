// All playlists: read from files, deleted, and brought back.

import { deleteForSession, lastDeleted, restoreDeleted } from "./deleted_playlist.js";
import { asName, make, say } from "./page.js";
import "./player.js";
import "./search.js";
import { request, send } from "./server.js";
import "./path_form.js";

const PLAYLISTS = "/api/v1/playlists";
const undo = document.getElementById("undo");

function showUndo() {
  const last = lastDeleted();
  undo.hidden = !last;
  undo.title = last ? `Restore “${last.name}”` : "";
}

/** Show the page as it is now. */
async function refresh() {
  const page = new DOMParser().parseFromString(await (await request("/playlists")).text(), "text/html");
  const now = document.querySelector(".kept-lists, #read + .note");
  now.replaceWith(page.querySelector(".kept-lists, #read + .note"));
  showUndo();
}

async function remove(button) {
  const row = button.closest("[data-playlist]");
  const place = [...row.parentElement.children].indexOf(row);
  await deleteForSession(row.dataset.playlist);
  await refresh();
  const left = document.querySelectorAll("[data-delete]");
  (left[Math.min(place, left.length - 1)] ?? undo).focus();
  say(`Deleted “${row.dataset.name}”.`);
}

async function restore() {
  const name = await restoreDeleted();
  await refresh();
  document.querySelector(".kept-lists a").focus();
  say(`Restored “${name}”.`);
}

async function importFile(file) {
  const imported = await send("POST", `${PLAYLISTS}/import`, await file.arrayBuffer(), "application/octet-stream");
  if (!imported.tracks.length) throw new Error(`${file.name} contains no track of your library.`);
  const name = asName(imported.title) || asName(file.name.replace(/\.\w+$/, "")) || "Untitled";
  const playlist = await send("POST", PLAYLISTS, { name, track_ids: imported.tracks });
  await refresh();
  report(file.name, playlist, imported);
}

/** Say what became of a file, and which of its entries are not in the library. */
function report(file, playlist, imported) {
  const note = document.getElementById("read");
  note.hidden = false;
  note.replaceChildren(make("p", {}, `${file}: ${playlist.n_tracks} tracks, in `,
    make("a", { href: `/playlists/${playlist.id}` }, make("bdi", {}, playlist.name)), "."));
  if (imported.n_missing) {
    const more = imported.n_missing - imported.missing.length;
    note.append(make("p", {}, `${imported.n_missing} of its entries are not in the library:`),
      make("ul", {}, ...imported.missing.map(({ title, artist }) =>
        make("li", {}, make("bdi", {}, artist ? `${artist} – ${title}` : title)))));
    if (more > 0) note.append(make("p", {}, `and ${more} more.`));
  }
  say(`Imported ${file}: ${playlist.n_tracks} tracks${imported.n_missing ? `, ${imported.n_missing} not in the library` : ""}.`);
}

const attempt = (what) => what.catch((error) => say(error.message));

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button && "delete" in button.dataset) attempt(remove(button));
  else if (button && button === undo) attempt(restore());
});
document.addEventListener("keydown", (event) => {
  if (event.target.matches("input") || !(event.ctrlKey || event.metaKey) || event.key !== "z") return;
  event.preventDefault();
  if (!undo.hidden) attempt(restore());
});
document.getElementById("file").addEventListener("change", (event) => {
  if (event.target.files[0]) attempt(importFile(event.target.files[0]));
  event.target.value = "";
});
showUndo();
if (location.hash === "#deleted" && !undo.hidden) { // on its own page, a moment ago
  history.replaceState(null, "", location.pathname);
  undo.focus();
  say(`Deleted “${lastDeleted().name}”.`);
}
