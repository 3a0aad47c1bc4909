// The menu of a track's row, the same on every page.

import "./queue_actions.js";
import { itemOf, make, rows, whenChanged } from "./page.js";
import { choosePlaylist } from "./playlist_dialog.js";
import "./selection.js";

// Menus

function menuOf({ id, title, artist }) {
  const menu = make("details", { class: "menu" },
    make("summary", { "aria-label": `More for “${title}”`, title: "More" }, moreIcon()),
    make("ul", {},
      make("li", {}, make("button", { type: "button", "data-queue": "next" }, "Play next")),
      make("li", {}, make("button", { type: "button", "data-queue": "last" }, "Add to queue")),
      make("li", {}, make("button", { type: "button", "data-radio-of-track": "" }, "Start radio")),
      make("li", {}, make("button", { type: "button", "data-add-to-playlist": "" }, "Add to playlist …")),
      make("li", {}, make("button", { type: "button", "data-select": "" }, "Select")),
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
  const isChosen = event.target.closest(".menu li button");
  for (const menu of document.querySelectorAll(".menu[open]")) {
    if (!isChosen && menu.contains(event.target)) continue;
    if (menu.contains(document.activeElement)) menu.querySelector("summary").focus({ preventScroll: true });
    menu.open = false;
  }
  if (button) choosePlaylist([itemOf(button.closest("[data-track]"))], button.closest(".menu")?.querySelector("summary") ?? button);
});
/** Open a menu upwards where the player would hide it. */
document.addEventListener("toggle", ({ target }) => {
  if (!target.matches?.(".menu[open]")) return;
  const { bottom, height } = target.querySelector("ul").getBoundingClientRect();
  const end = document.getElementById("player").hidden ? innerHeight : document.getElementById("player").getBoundingClientRect().top;
  target.classList.toggle("up", bottom > end && target.getBoundingClientRect().top > height);
}, { capture: true });
document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && event.target.closest?.(".menu[open]");
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

whenChanged(addMenus);
addMenus();
