// Albums that are played from their covers.

import { itemOf, say } from "./page.js";
import { playAll } from "./player.js";
import { request } from "./server.js";

document.addEventListener("click", (event) => {
  const album = event.target.closest("[data-play-page]");
  if (album) playPage(album.dataset.playPage).catch((error) => say(error.message));
});

/** Play the tracks of another page. */
async function playPage(address) {
  const answer = await request(address, { headers: { Accept: "text/html" } });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  playAll([...page.querySelectorAll("[data-track]")].map(itemOf), { ofPage: false });
}
