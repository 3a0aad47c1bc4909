// A picture of how loud the current track is over its length.

import { request } from "./server.js";

const canvas = document.getElementById("waveform");

let levels = null; // of equal parts of the track, 0 to 1
let played = 0; // share
let turn = 0;

/** Draw a track when its levels are here; where they are not known, nothing. */
export async function picture(id) {
  const mine = ++turn;
  levels = null;
  draw(0);
  const answer = await request(`/api/v1/tracks/${id}/waveform`);
  if (!answer.ok) return;
  const { levels: fresh } = await answer.json();
  if (mine !== turn) return; // another track plays by now
  levels = fresh.map((level) => level / 255);
  draw(played);
}

/** Return the greatest level of a share of the track, from 0 to 1. */
function levelOf(from, to) {
  const part = levels.slice(Math.floor(from * levels.length), Math.max(Math.ceil(to * levels.length), 1));
  return Math.max(...part, 0.04);
}

/** Draw what there is, the first `share` of it as played. */
export function draw(share) {
  played = share;
  canvas.hidden = !levels;
  if (!levels) return;
  const style = getComputedStyle(canvas);
  const scale = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth * scale, canvas.clientHeight * scale];
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, width, height);
  const n = Math.min(levels.length, Math.floor(width / (3 * scale)));
  for (let i = 0; i < n; i++) {
    const level = height * levelOf(i / n, (i + 1) / n);
    pen.fillStyle = style.getPropertyValue(i / n < played ? "--accent" : "--edge");
    pen.fillRect((i * width) / n, (height - level) / 2, (width / n) * 0.66, level);
  }
}
