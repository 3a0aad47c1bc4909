// The dialog that adds tracks to a playlist.

import { asName, make, say } from "./page.js";
import { request, send } from "./server.js";

const PLAYLISTS = "/api/v1/playlists";
const N_PLAYLISTS = 200; // that are offered

const dialog = document.body.appendChild(make("dialog", { class: "chooser", "aria-labelledby": "chooser-title" }));
let adding = []; // the tracks

const named = () => (adding.length === 1 ? `“${adding[0].title}”` : `${adding.length} tracks`);

/** Let a person choose a playlist for tracks; then the focus goes back to `opener`. */
export async function choosePlaylist(tracks, opener) {
  const answer = await request(`${PLAYLISTS}?limit=${N_PLAYLISTS}`);
  const { playlists } = await answer.json();
  adding = tracks;
  const playlistButtons = playlists.toSorted((one, other) => other.changed_at - one.changed_at).map(({ id, name, n_tracks: n }) =>
    make("li", {}, make("button", { type: "button", "data-playlist-id": id }, make("bdi", {}, name), make("span", { class: "soft" }, `${n} ${n === 1 ? "track" : "tracks"}`))));
  const input = make("input", { id: "chooser-name", type: "text", maxlength: 200, required: "", autocomplete: "off" });
  dialog.replaceChildren(
    make("h2", { id: "chooser-title" }, "Add ", make("bdi", {}, named()), " to a playlist"),
    ...(playlistButtons.length ? [make("ul", {}, ...playlistButtons)] : []),
    make("form", { method: "dialog" }, make("label", { for: "chooser-name" }, "New playlist"), input, make("button", { type: "submit", class: "main-button" }, "Create")),
    make("button", { type: "button", "data-cancel": "" }, "Cancel"));
  dialog.addEventListener("close", () => opener.focus({ preventScroll: true }), { once: true });
  dialog.showModal();
  (dialog.querySelector("[data-playlist-id]") ?? input).focus();
}

async function add(write) {
  try {
    const { id, name } = await write(adding.map((track) => Number(track.id)));
    say(`Added ${named()} to “${name}”.`);
    document.dispatchEvent(new CustomEvent("playlist-changed", { detail: String(id) }));
  } catch (error) {
    say(error.message);
  }
}

dialog.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (event.target === dialog || button?.dataset.cancel === "") dialog.close();
  else if (button?.dataset.playlistId) {
    dialog.close();
    add((ids) => send("PATCH", `${PLAYLISTS}/${button.dataset.playlistId}`, { append: ids }));
  }
});
dialog.addEventListener("submit", () => {
  const name = asName(dialog.querySelector("input").value);
  if (name) add((ids) => send("POST", PLAYLISTS, { name, track_ids: ids }));
});
