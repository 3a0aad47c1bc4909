// The taggram of a track, its playhead, and where a similarity comes from.

import { clock, itemOf, make, say } from "./page.js";
import { isCurrent, now, playParts, seekTo, play } from "./player.js";
import { request } from "./server.js";

const track = document.getElementById("track");
const figure = document.getElementById("taggram");
const id = track.dataset.track;
let taggram = null; // {duration, moments: [{start, end}], tags: [{tag, probabilities}]}

// Drawing

const GAMMA = 0.7; // so that what is unlikely is still seen

function fitCanvas(canvas) {
  const scale = window.devicePixelRatio || 1;
  Object.assign(canvas, { width: canvas.clientWidth * scale, height: canvas.clientHeight * scale });
  const pen = canvas.getContext("2d");
  pen.fillStyle = getComputedStyle(canvas).color;
  return pen;
}

/** Paint each moment's probability up to halfway to its neighbours. */
function paint(canvas, probabilities) {
  const pen = fitCanvas(canvas);
  const { moments, duration } = taggram;
  const across = canvas.width / duration;
  const middles = moments.map(({ start, end }) => (start + end) / 2);
  probabilities.forEach((probability, i) => {
    const from = Math.round(i ? across * (middles[i - 1] + middles[i]) / 2 : 0);
    const to = Math.round(i + 1 < middles.length ? across * (middles[i] + middles[i + 1]) / 2 : canvas.width);
    pen.globalAlpha = probability ** GAMMA;
    pen.fillRect(from, 0, to - from, canvas.height);
  });
}

function paintMoments(canvas) {
  const pen = fitCanvas(canvas);
  const across = canvas.width / taggram.duration;
  for (const { start, end } of taggram.moments) pen.fillRect(start * across, 0, (end - start) * across, canvas.height);
}

function paintAll() {
  if (!taggram) return;
  const rows = new Map(taggram.tags.map(({ tag, probabilities }) => [tag, probabilities]));
  for (const strip of figure.querySelectorAll("[data-tag]")) {
    if (rows.has(strip.dataset.tag)) paint(strip.querySelector("canvas"), rows.get(strip.dataset.tag));
  }
  paintMoments(figure.querySelector(".axis canvas"));
}

function fillTable() {
  const head = make("tr", {}, make("th", { scope: "col" }, "Tag"), ...taggram.moments.map(({ start }) => make("th", { scope: "col" }, clock(start))));
  const body = taggram.tags.map(({ tag, probabilities }) => make("tr", {}, make("th", { scope: "row" }, make("bdi", {}, tag)),
    ...probabilities.map((probability) => make("td", {}, `${Math.round(100 * probability)} %`))));
  figure.querySelector(".scroll").replaceChildren(make("table", {}, make("thead", {}, head), make("tbody", {}, ...body)));
}

async function load() {
  const answer = await request(figure.dataset.address);
  if (!answer.ok) return; // the bars are there without it
  taggram = await answer.json();
  taggram.duration ??= taggram.moments.at(-1).end;
  figure.classList.add("timed");
  for (const hidden of figure.querySelectorAll(".axis, [data-strips], #taggram-table")) hidden.hidden = false;
  paintAll();
  fillTable();
  new ResizeObserver(paintAll).observe(figure);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paintAll);
  requestAnimationFrame(follow);
}

// The playhead: one custom property, which every strip's line follows

function follow() {
  const { id: playing, position } = now();
  const shows = playing === id;
  figure.classList.toggle("played", shows);
  if (shows) figure.style.setProperty("--at", Math.min(position / taggram.duration, 1));
  requestAnimationFrame(follow);
}

figure?.addEventListener("click", (event) => {
  const strip = event.target.closest(".strip");
  if (!strip || !taggram) return;
  const box = strip.getBoundingClientRect();
  const seconds = taggram.duration * (event.clientX - box.left) / box.width;
  if (!isCurrent(id)) play(track);
  seekTo(seconds);
});

function showMoment(moment) {
  figure.classList.toggle("marked", moment !== null);
  if (!moment || !taggram) return;
  figure.style.setProperty("--from", moment.start / taggram.duration);
  figure.style.setProperty("--span", (moment.end - moment.start) / taggram.duration);
}

// Where a similarity comes from

const span = ({ start, end }) => `${clock(start)}–${clock(end)}`;

function partButton(words, parts) {
  const button = make("button", { type: "button" }, words);
  button.addEventListener("click", () => playParts(parts));
  return button;
}

/** Draw how alike the segments of two tracks are; a press on one plays both. */
function grid({ moments, cosines, closest }, one, two) {
  const [rows, columns] = moments;
  const [i, j] = closest;
  const canvas = make("canvas", { role: "img", title: "Press a square to hear both moments", "aria-label": `Segments compared: ${span(rows[i])} of this track and ${span(columns[j])} of that track are the most alike` });
  const draw = () => {
    const pen = fitCanvas(canvas);
    const [width, height] = [canvas.width / columns.length, canvas.height / rows.length];
    cosines.forEach((row, r) => row.forEach((cosine, c) => {
      pen.globalAlpha = Math.max(cosine, 0) ** 3;
      pen.fillRect(Math.floor(c * width), Math.floor(r * height), Math.ceil(width), Math.ceil(height));
    }));
    pen.globalAlpha = 1;
    pen.lineWidth = 2 * (window.devicePixelRatio || 1);
    pen.strokeStyle = getComputedStyle(canvas.parentElement).color;
    pen.strokeRect(j * width, i * height, width, height);
  };
  canvas.addEventListener("click", ({ clientX, clientY }) => {
    const box = canvas.getBoundingClientRect();
    const at = (share, of) => of[Math.min(Math.floor(share * of.length), of.length - 1)];
    playParts([{ item: one, ...at((clientY - box.top) / box.height, rows) }, { item: two, ...at((clientX - box.left) / box.width, columns) }]);
  });
  const figure = make("figure", { class: "compared" }, make("span", { class: "down" }, "This track"), canvas, make("span", { class: "across" }, "That track"),
    make("figcaption", { class: "caption" }, "Every segment of both, from the beginning on: the stronger the colour, the more alike. The marked pair is the most alike; press one to hear both."));
  new ResizeObserver(draw).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  return figure;
}

function explain({ shared_tags: shared, moments: [mine, its], tempo, keys }, other) {
  const [one, two] = [{ item: itemOf(track), ...mine }, { item: itemOf(other), ...its }];
  const paragraphs = [make("p", {}, "These moments are the most alike:"),
    make("p", { class: "parts" },
      partButton(`This track, ${span(mine)}`, [one]), partButton(`That track, ${span(its)}`, [two]), partButton("Play both", [one, two]))];
  if (shared.length) {
    paragraphs.push(make("p", { class: "soft" }, "Shared tags: ",
      ...shared.flatMap(({ tag, share }, i) => [i ? ", " : "", make("bdi", {}, tag), ` ${Math.round(100 * share)} %`]), "."));
  }
  if (tempo) paragraphs.push(make("p", { class: "soft" }, `Tempo in BPM: ${Math.round(tempo[0])} and ${Math.round(tempo[1])}.`));
  if (keys) paragraphs.push(make("p", { class: "soft" }, `Keys: ${keys[0]} and ${keys[1]}.`));
  return paragraphs;
}

document.addEventListener("toggle", async (event) => {
  const where = event.target;
  if (!where.matches?.(".where")) return;
  if (!where.open) {
    showMoment(null);
    return;
  }
  for (const other of document.querySelectorAll(".where[open]")) if (other !== where) other.open = false;
  if (!where.reasons) {
    const answer = await request(where.dataset.address);
    const explanation = await answer.json();
    if (!answer.ok) {
      say(explanation.detail);
      return;
    }
    where.reasons = explanation;
    const other = where.closest("[data-track]");
    where.querySelector("div").replaceChildren(...explain(explanation, other));
    const compared = await request(`${where.dataset.address}/segments`);
    if (compared.ok) where.querySelector("div").append(grid(await compared.json(), itemOf(track), itemOf(other)));
  }
  if (where.open) showMoment(where.reasons.moments[0]);
}, { capture: true });

for (const button of document.querySelectorAll(".moment")) {
  const { start, end } = button.dataset;
  button.addEventListener("click", () => playParts([{ item: itemOf(button.closest("[data-track]")), start: Number(start), end: Number(end) }]));
}

if (figure) load();
