// The library's pages: what is chosen is shown at once, hearts.

import "./about.js";
import { say } from "./page.js";
import "./page_playing.js";
import { sendFeedback } from "./server.js";

const CHANGED = "earshot-changed"; // in the session's storage: the field of the form that was changed
const choice = document.getElementById("choice");

choice?.addEventListener("change", ({ target }) => {
  sessionStorage.setItem(CHANGED, target.name);
  choice.requestSubmit();
});
choice?.elements[sessionStorage.getItem(CHANGED)]?.focus({ preventScroll: true }); // where it was
sessionStorage.removeItem(CHANGED);

document.addEventListener("click", (event) => {
  const heart = event.target.closest("[data-like]");
  if (heart) like(heart);
});

/** Like a row's track, or take that back. */
async function like(heart) {
  const isLiked = heart.getAttribute("aria-pressed") === "true";
  const { track, title } = heart.closest("[data-track]").dataset;
  try {
    await sendFeedback(track, isLiked ? null : "like");
    heart.setAttribute("aria-pressed", String(!isLiked));
    say(isLiked ? `Removed the like from “${title}”.` : `Liked “${title}”.`);
  } catch (error) {
    say(error.message);
  }
}
