// The map: moving and zooming, what is near the pointer, the lasso, and what is done with it.

import { changed, itemOf, make, rows, say } from "./page.js";
import { now, playAll } from "./player.js";
import { drawer, finder } from "./points.js";
import { startRadio } from "./queue_actions.js";
import { request } from "./server.js";

const N_COLOURS = 9; // beside that of the rest
const N_LISTED = 100;
const N_SEEDS = 40; // that a list is asked for with, at most
const PRESS = 5; // px that a pointer may move and still press
const REACH = 14; // px within which a point is near
const FRAME = 12; // ms that drawing may take while the map moves
const REST = 150; // ms without a move after which all is drawn
const MARGIN = 0.06; // of the view, around the whole map
const byId = (id) => document.getElementById(id);
const canvas = byId("map");
const frame = canvas.parentElement;

let ids = null; // of the tracks, by number
let points = null;
let pointIndex = null;
let colours = { names: [], values: null, ramp: false };
let soloGroup = null; // the group that is shown alone
let selection = []; // numbers of tracks
let view = { x: 0.5, y: 0.5, zoom: 1 }; // what is in the middle, and how often the whole fits
let hovered = null; // the number of the track near the pointer
let queued = false;
let resting = 0; // the timer after which all of it is drawn again
let part = 1; // of the points, that are drawn while the map moves

// Where things are: on the map 0 to 1, on the screen CSS pixels of the canvas

const side = () => Math.min(canvas.clientWidth, canvas.clientHeight) * (1 - 2 * MARGIN) * view.zoom;
const toScreen = ([x, y]) => [canvas.clientWidth / 2 + (x - view.x) * side(), canvas.clientHeight / 2 + (y - view.y) * side()];
const toMap = ([x, y]) => [view.x + (x - canvas.clientWidth / 2) / side(), view.y + (y - canvas.clientHeight / 2) / side()];
const here = (event) => {
  const box = canvas.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
};

function go(to) {
  const zoom = Math.min(Math.max(to.zoom ?? view.zoom, 0.5), 400);
  const inside = (at) => Math.min(Math.max(at, -0.2), 1.2);
  view = { x: inside(to.x ?? view.x), y: inside(to.y ?? view.y), zoom };
  redrawMoving();
}

/** Zoom so that what is at a place of the screen stays there. */
function zoomAt([x, y], factor) {
  const [mx, my] = toMap([x, y]);
  go({ zoom: view.zoom * factor });
  go({ x: mx - (x - canvas.clientWidth / 2) / side(), y: my - (y - canvas.clientHeight / 2) / side() });
}

// Drawing

function palette() {
  const style = getComputedStyle(frame);
  const variables = ["--rest", ...Array.from({ length: N_COLOURS }, (_, i) => `--group-${i + 1}`), "--most"];
  return new Float32Array(variables.flatMap((name) => {
    const hex = style.getPropertyValue(name).trim().slice(1);
    return [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255);
  }));
}

/** Points grow as one comes closer, and are smaller where there are more. */
const pointSize = () => Math.min(Math.max(220 / Math.sqrt(ids.length), 2.5) * view.zoom ** 0.35, 16) * devicePixelRatio;

/** Draw all of it or, while it moves, as much as a frame has time for. */
function draw(share) {
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  const [right, up] = [(2 * side()) / width, (2 * side()) / height];
  const to = { scale: [right, -up], move: [-view.x * right, view.y * up] };
  points.draw({ view: to, size: pointSize(), palette: palette(), ramp: colours.ramp, only: soloGroup, dimmed: selection.length > 0 }, share);
  putRings();
}

function putRings() {
  placeRing(byId("ring-near"), hovered);
  const playing = now().id === undefined ? -1 : ids.indexOf(Number(now().id));
  placeRing(byId("ring-playing"), playing < 0 ? null : playing);
}

function placeRing(ring, number) {
  ring.hidden = number === null;
  if (number === null) return;
  const [x, y] = toScreen(pointIndex.at(number));
  ring.hidden = x < 0 || y < 0 || x > canvas.clientWidth || y > canvas.clientHeight;
  ring.style.transform = `translate(${x}px, ${y}px)`;
}

function redraw() {
  clearTimeout(resting);
  resting = 0;
  if (!queued && points) requestAnimationFrame(() => { queued = false; draw(resting ? part : 1); });
  queued = true;
}

function redrawMoving() {
  redraw();
  if (part < 1) resting = setTimeout(redraw, REST);
}

/** Return how long a drawing takes, in ms, the mean of some: of all of it, or of a part. */
export function measure(n = 20, share = 1) {
  points.finish();
  const begin = performance.now();
  for (let i = 0; i < n; i++) {
    draw(share);
    points.finish();
  }
  return (performance.now() - begin) / n;
}

/** What part of the points is drawn while the map moves. */
export const movingPart = () => part;

function fit() {
  Object.assign(canvas, { width: canvas.clientWidth * devicePixelRatio, height: canvas.clientHeight * devicePixelRatio });
  redraw();
}

// Colours

async function setColours(by) {
  const answer = await request(`/api/v1/map/colours?${new URLSearchParams({ by })}`);
  const groups = await answer.json();
  if (!answer.ok) {
    say(groups.detail);
    return;
  }
  const values = Uint8Array.from(atob(groups.values), (c) => c.charCodeAt(0));
  if (values.length !== ids.length) {
    location.reload(); // the library has changed since
    return;
  }
  colours = { names: groups.names, values, ramp: by.startsWith("tag:") };
  soloGroup = null;
  points.set("colour", values);
  legend();
  redraw();
}

function legend() {
  const counts = new Array(N_COLOURS + 1).fill(0);
  if (!colours.ramp) for (const value of colours.values) counts[value] += 1;
  const entry = (group, name) => {
    const dot = make("span", { class: `dot group-${group}`, "aria-hidden": "true" });
    const button = make("button", { type: "button", "aria-pressed": "false" }, dot, make("bdi", {}, name), make("span", { class: "number" }, String(counts[group])));
    button.addEventListener("click", () => {
      soloGroup = soloGroup === group ? null : group;
      for (const other of byId("legend").querySelectorAll("button")) other.setAttribute("aria-pressed", String(other === button && soloGroup !== null));
      redraw();
    });
    return make("li", {}, button);
  };
  byId("legend").replaceChildren(...(colours.ramp
    ? [make("li", { class: "ramp" }, make("span", {}, "little"), make("span", { class: "scale", "aria-hidden": "true" }), make("span", {}, "much "), make("bdi", {}, colours.names[0]))]
    : [...colours.names.map((name, i) => entry(i + 1, name)), ...(counts[0] ? [entry(0, "Others")] : [])]));
}

// Names, fetched when they are needed

const tracksById = new Map(); // by id, tracks as the API gives them

async function fetchTracks(wanted) {
  const missing = wanted.filter((id) => !tracksById.has(id)).slice(0, 200);
  if (!missing.length) return;
  const answer = await request(`/api/v1/map/tracks?ids=${missing.join(",")}`);
  if (answer.ok) for (const track of (await answer.json()).tracks) tracksById.set(track.id, track);
}

let nHovers = 0;

async function hover(number) {
  if (number === hovered) return;
  hovered = number;
  canvas.classList.toggle("over", number !== null);
  byId("near").hidden = true;
  putRings();
  if (number === null) return;
  const turn = ++nHovers;
  if (!tracksById.has(ids[number])) {
    await new Promise((done) => { setTimeout(done, 40); });
    if (turn !== nHovers) return;
    await fetchTracks(pointIndex.near(...pointIndex.at(number), 60 / side()).slice(0, 40).map((i) => ids[i]));
  }
  const track = tracksById.get(ids[number]);
  if (hovered !== number || !track) return;
  const label = byId("near");
  label.querySelector(".title").textContent = track.title;
  label.querySelector(".artist").textContent = track.artist;
  label.hidden = false;
  const [x, y] = toScreen(pointIndex.at(number));
  const left = Math.min(Math.max(x - label.offsetWidth / 2, 4), canvas.clientWidth - label.offsetWidth - 4);
  label.style.transform = `translate(${left}px, ${y > 80 ? y - label.offsetHeight - 14 : y + 14}px)`;
}

// What is chosen

/** Return at most `n` of a list, evenly spread. */
const spread = (list, n) => (list.length <= n ? list : Array.from({ length: n }, (_, i) => list[Math.floor((i * list.length) / n)]));

async function select(numbers) {
  selection = numbers;
  const mask = new Uint8Array(ids.length);
  for (const number of selection) mask[number] = 1;
  points.set("chosen", mask);
  redraw();
  const n = selection.length;
  byId("chosen-title").textContent = n ? `${n} ${n === 1 ? "track" : "tracks"} selected` : "Nothing selected";
  byId("hint").hidden = n > 0;
  byId("chosen-do").hidden = n === 0;
  const seeds = seedRefs().map((ref) => ["like", ref]);
  byId("mix-chosen").href = `/?${new URLSearchParams(seeds)}`;
  const shown = spread(selection, N_LISTED).map((number) => ids[number]);
  const notes = [n > N_LISTED ? `Showing ${N_LISTED} of them.` : "", n > N_SEEDS ? `A mix uses ${N_SEEDS} of them as seeds.` : ""];
  byId("chosen-note").textContent = notes.join(" ");
  byId("chosen-note").hidden = n <= N_SEEDS;
  byId("chosen").replaceChildren();
  const mine = selection;
  await fetchTracks(shown);
  if (mine !== selection) return;
  byId("chosen").replaceChildren(...shown.filter((id) => tracksById.has(id)).map((id) => song(tracksById.get(id))));
  changed();
}

/** Return some of what is selected, evenly spread, as seeds. */
const seedRefs = () => spread(selection, N_SEEDS).map((number) => `track:${ids[number]}`);

function song({ id, title, artist, duration }) {
  return make("li", { class: "song", "data-track": id, "data-title": title, "data-artist": artist, "data-duration": duration ?? "" },
    make("button", { type: "button", class: "small", "data-play": "", "aria-label": `Play “${title}”` }, byId("icons").content.cloneNode(true)),
    make("div", { class: "names" }, make("a", { class: "title", href: `/tracks/${id}`, title }, make("bdi", {}, title)),
      artist ? make("a", { class: "artist", href: `/artist?${new URLSearchParams({ name: artist })}` }, make("bdi", {}, artist)) : ""));
}

async function playPoint(number) {
  await select([number]);
  const row = rows()[0];
  if (row) playAll([itemOf(row)]);
}

const inView = () => {
  const [[left, top], [right, bottom]] = [toMap([0, 0]), toMap([canvas.clientWidth, canvas.clientHeight])];
  return pointIndex.inside([[left, top], [right, top], [right, bottom], [left, bottom]]);
};

// Pointers: one moves the map or draws the lasso, two zoom it

const pointers = new Map(); // by id, where each is
let gesture = null; // {at, moved, line}
const lasso = document.createElementNS("http://www.w3.org/2000/svg", "svg");
lasso.setAttribute("class", "lasso");
lasso.setAttribute("aria-hidden", "true");
lasso.append(document.createElementNS("http://www.w3.org/2000/svg", "polygon"));
canvas.after(lasso);

canvas.addEventListener("pointerdown", (event) => {
  if (event.button) return;
  canvas.setPointerCapture(event.pointerId);
  pointers.set(event.pointerId, here(event));
  const draws_line = event.shiftKey || byId("lasso").getAttribute("aria-pressed") === "true";
  gesture = { at: here(event), moved: pointers.size > 1, line: draws_line && pointers.size === 1 ? [here(event)] : null };
});

canvas.addEventListener("pointermove", (event) => {
  const at = here(event);
  const before = pointers.get(event.pointerId);
  if (!before || !gesture) {
    hover(points ? pointIndex.near(...toMap(at), REACH / side())[0] ?? null : null);
    return;
  }
  pointers.set(event.pointerId, at);
  gesture.moved ||= Math.hypot(at[0] - gesture.at[0], at[1] - gesture.at[1]) > PRESS;
  if (pointers.size === 2) pinch(event.pointerId, before, at);
  else if (gesture.line) {
    gesture.line.push(at);
    lasso.firstChild.setAttribute("points", gesture.line.map((point) => point.join(",")).join(" "));
  } else if (gesture.moved) go({ x: view.x - (at[0] - before[0]) / side(), y: view.y - (at[1] - before[1]) / side() });
});

function pinch(id, before, at) {
  gesture.line = null;
  const [other] = [...pointers].find(([known]) => known !== id).slice(1);
  const apart = ([x, y]) => Math.max(Math.hypot(x - other[0], y - other[1]), 1);
  zoomAt([(at[0] + other[0]) / 2, (at[1] + other[1]) / 2], apart(at) / apart(before));
}

function release(event) {
  if (!pointers.delete(event.pointerId) || pointers.size || !gesture) return;
  const { line, moved } = gesture;
  gesture = null;
  lasso.firstChild.setAttribute("points", "");
  if (event.type === "pointercancel") return;
  if (moved && line) select(pointIndex.inside(line.map(toMap)));
  else if (!moved) {
    const [number] = pointIndex.near(...toMap(here(event)), REACH / side());
    if (number === undefined) select([]); else playPoint(number);
  }
}
canvas.addEventListener("pointerup", release);
canvas.addEventListener("pointercancel", release);
canvas.addEventListener("pointerleave", () => hover(null));
canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  zoomAt(here(event), Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.002)));
}, { passive: false });

// Keys and buttons

const middle = () => [canvas.clientWidth / 2, canvas.clientHeight / 2];
const KEYS = {
  ArrowLeft: () => go({ x: view.x - 80 / side() }),
  ArrowRight: () => go({ x: view.x + 80 / side() }),
  ArrowUp: () => go({ y: view.y - 80 / side() }),
  ArrowDown: () => go({ y: view.y + 80 / side() }),
  "+": () => zoomAt(middle(), 1.5),
  "=": () => zoomAt(middle(), 1.5),
  "-": () => zoomAt(middle(), 1 / 1.5),
  0: () => go({ x: 0.5, y: 0.5, zoom: 1 }),
  c: () => select(inView()),
  Escape: () => select([]),
};
canvas.addEventListener("keydown", (event) => {
  const call = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!call || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  hover(null);
  call();
});
byId("closer").addEventListener("click", KEYS["+"]);
byId("farther").addEventListener("click", KEYS["-"]);
byId("all").addEventListener("click", KEYS[0]);
byId("in-view").addEventListener("click", KEYS.c);
byId("clear").addEventListener("click", () => { select([]); canvas.focus(); });
byId("play-chosen").addEventListener("click", () => playAll(rows().map(itemOf)));
byId("radio-chosen").addEventListener("click", () => startRadio({ like: seedRefs() }, "Map"));
byId("lasso").addEventListener("click", (event) => {
  const pressed = event.currentTarget.getAttribute("aria-pressed") !== "true";
  event.currentTarget.setAttribute("aria-pressed", String(pressed));
  frame.classList.toggle("drawing", pressed);
});
byId("by").addEventListener("change", () => setColours(byId("by").value));

async function begin() {
  const answer = await request("/api/v1/map");
  if (!answer.ok) return;
  const content = await answer.arrayBuffer();
  const n = new DataView(content).getUint32(0, true);
  ids = [...new Uint32Array(content, 4, n)];
  const places = new Uint16Array(content, 4 + 4 * n, 2 * n);
  points = drawer(canvas, places);
  if (!points) {
    byId("no-webgl").hidden = false;
    frame.replaceChildren(byId("no-webgl")); // nothing of it can be used
    document.querySelector(".map-page aside").remove();
    return;
  }
  pointIndex = finder(places);
  fit();
  new ResizeObserver(fit).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  for (const kind of ["play", "loadstart"]) byId("audio").addEventListener(kind, putRings);
  const wanted = new URLSearchParams(location.search).get("track");
  await setColours(byId("by").value);
  measure(1); // the first has the shaders to prepare
  part = Math.min(FRAME / measure(2), 1);
  const number = wanted ? ids.indexOf(Number(wanted)) : -1;
  if (number >= 0) {
    const [x, y] = pointIndex.at(number);
    go({ x, y, zoom: 4 });
    select([number]);
  }
  frame.dataset.ready = "";
}

begin();
