// Pages about a track or an artist: what their buttons do beside playing.

import { itemOf, rows, say } from "./page.js";
import { playAll } from "./player.js";
import "./search.js";
import { sendFeedback } from "./server.js";
import "./track_menu.js";

const RATED = { like: "You like it.", dislike: "You dislike it." };

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.id === "play-all") playAll(rows().map(itemOf));
  else if (button?.dataset.opinion) rate(button);
});

/** Like or dislike the track of this page, or take it back. */
async function rate(button) {
  const kind = button.getAttribute("aria-pressed") === "true" ? null : button.dataset.opinion;
  const { track: id, title } = button.closest("[data-track]").dataset;
  try {
    await sendFeedback(id, kind);
  } catch (error) {
    say(error.message);
    return;
  }
  for (const other of document.querySelectorAll("[data-opinion]")) {
    other.setAttribute("aria-pressed", String(other.dataset.opinion === kind));
  }
  document.getElementById("opinion").textContent = RATED[kind] ?? "";
  say(kind ? `${kind === "like" ? "Liked" : "Disliked"} “${title}”.` : `Removed your rating of “${title}”.`);
}
