// The library's pages: what is chosen is shown at once, hearts, albums that are played from their covers.

import "./about.js";
import { itemOf, say } from "./page.js";
import { playAll } from "./player.js";
import { request, sendFeedback } from "./server.js";

document.getElementById("choice")?.addEventListener("change", (event) => event.currentTarget.requestSubmit());

document.addEventListener("click", (event) => {
  const heart = event.target.closest("[data-like]");
  if (heart) like(heart);
  const album = event.target.closest("[data-play-page]");
  if (album) playPage(album.dataset.playPage).catch((error) => say(error.message));
});

/** Play the tracks of another page. */
async function playPage(address) {
  const answer = await request(address, { headers: { Accept: "text/html" } });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  playAll([...page.querySelectorAll("[data-track]")].map(itemOf), { ofPage: false });
}

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
