// The menu of a track's row, the same on every page, and the dialog that adds a track to a playlist.

import { asName, itemOf, make, rows, say, whenChanged } from "./page.js";
import { request, send } from "./server.js";

const PLAYLISTS = "/api/v1/playlists";
const N_PLAYLISTS = 200; // that are offered

// Menus

function menuOf({ id, title, artist }) {
  const menu = make("details", { class: "menu" },
    make("summary", { "aria-label": `More for “${title}”`, title: "More" }, moreIcon()),
    make("ul", {},
      make("li", {}, make("button", { type: "button", "data-add-to-playlist": "" }, "Add to playlist …")),
      make("li", {}, make("a", { href: `/?${new URLSearchParams({ like: `track:${id}` })}` }, "Start a new mix")),
      make("li", {}, make("a", { href: `/playlists/path?${new URLSearchParams({ start: title, start_id: id })}` }, "Find a path from here")),
      make("li", {}, make("a", { href: `/tracks/${id}` }, "Track page"))));
  if (artist) {
    menu.querySelector("ul").append(make("li", {}, make("a", { href: `/artist?${new URLSearchParams({ name: artist })}` }, "Artist page")));
  }
  return menu;
}

function moreIcon() {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  for (const [name, value] of Object.entries({ class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true" })) svg.setAttribute(name, value);
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", "M5 10h4v4H5zm5 0h4v4h-4zm5 0h4v4h-4z");
  svg.append(path);
  return svg;
}

/** Give each song of this page its menu; rows of a mix come with theirs, which does more. */
function addMenus() {
  for (const row of rows()) {
    if (row.matches(".song") && !row.querySelector(".menu")) row.append(menuOf(itemOf(row)));
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-add-to-playlist]");
  for (const menu of document.querySelectorAll(".menu[open]")) {
    if (button || !menu.contains(event.target)) menu.open = false;
  }
  if (button) choosePlaylist(itemOf(button.closest("[data-track]")), button);
});
document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && event.target.closest?.(".menu[open]");
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

// The dialog

const dialog = document.body.appendChild(make("dialog", { class: "chooser", "aria-labelledby": "chooser-title" }));
let adding = null; // the track

async function choosePlaylist(track, button) {
  const answer = await request(`${PLAYLISTS}?limit=${N_PLAYLISTS}`);
  const { playlists } = await answer.json();
  adding = track;
  const playlistButtons = playlists.toSorted((one, other) => other.changed_at - one.changed_at).map(({ id, name, n_tracks: n }) =>
    make("li", {}, make("button", { type: "button", "data-playlist-id": id }, make("bdi", {}, name), make("span", { class: "soft" }, `${n} ${n === 1 ? "track" : "tracks"}`))));
  const input = make("input", { id: "chooser-name", type: "text", maxlength: 200, required: "", autocomplete: "off" });
  dialog.replaceChildren(
    make("h2", { id: "chooser-title" }, "Add “", make("bdi", {}, track.title), "” to a playlist"),
    ...(playlistButtons.length ? [make("ul", {}, ...playlistButtons)] : []),
    make("form", { method: "dialog" }, make("label", { for: "chooser-name" }, "New playlist"), input, make("button", { type: "submit", class: "main-button" }, "Create")),
    make("button", { type: "button", "data-cancel": "" }, "Cancel"));
  const opener = button.closest(".menu")?.querySelector("summary") ?? button;
  dialog.addEventListener("close", () => opener.focus({ preventScroll: true }), { once: true });
  dialog.showModal();
  (dialog.querySelector("[data-playlist-id]") ?? input).focus();
}

async function add(write) {
  try {
    const { id, name } = await write(Number(adding.id));
    say(`Added “${adding.title}” to “${name}”.`);
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
    add((id) => send("PATCH", `${PLAYLISTS}/${button.dataset.playlistId}`, { append: [id] }));
  }
});
dialog.addEventListener("submit", () => {
  const name = asName(dialog.querySelector("input").value);
  if (name) add((id) => send("POST", PLAYLISTS, { name, track_ids: [id] }));
});

whenChanged(addMenus);
addMenus();
