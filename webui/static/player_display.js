// What the player and the rows show of what plays.

import { clock, rows } from "./page.js";
import { draw, picture } from "./waveform.js";

const byId = (id) => document.getElementById(id);
const seek = byId("seek");
const cover = byId("now-cover");

/** Show which track it is. */
export function showCurrent({ id, title, artist }) {
  picture(id);
  byId("player").hidden = false;
  byId("now-title").textContent = title;
  byId("now-title").href = byId("now-link").href = `/tracks/${id}`;
  byId("now-artist").textContent = artist;
  cover.hidden = true; // until it has come; some tracks have none
  cover.src = `/api/v1/tracks/${id}/cover?size=96`;
}
cover.addEventListener("load", () => { cover.hidden = false; });

/** Show on which rows it is, by a function that says so, and whether it plays. */
export function showRows(isIt, playing) {
  for (const row of rows()) {
    const current = isIt(row);
    if (current) row.setAttribute("aria-current", "true"); else row.removeAttribute("aria-current");
    for (const button of row.querySelectorAll("[data-play]")) {
      button.classList.toggle("playing", current && playing);
      button.setAttribute("aria-label", `${current && playing ? "Pause" : "Play"} “${row.dataset.title}”`);
    }
  }
  byId("toggle").classList.toggle("playing", playing);
  byId("toggle").setAttribute("aria-label", playing ? "Pause" : "Play");
}

/** Show how far it has come, in seconds. */
export function showTime(position, length) {
  seek.max = length || 1;
  if (!seek.matches(":active")) seek.value = position;
  seek.setAttribute("aria-valuetext", `${clock(position)} of ${clock(length)}`);
  byId("elapsed").textContent = clock(position);
  byId("total").textContent = clock(length);
  draw(length ? position / length : 0);
}
