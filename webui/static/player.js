// The player: plays tracks one after the other, on every page and from page to page, and reports
// listens to the server.

import { clock, itemOf, rows, say, whenChanged } from "./page.js";
import { request, send } from "./server.js";
import { draw, picture } from "./waveform.js";

const STORED = "earshot-playing"; // in the session's storage, from one page to the next
const HIGHLIGHT = "earshot-highlight"; // in the browser's, while tracks start at their highlights
const tabs = new BroadcastChannel("earshot-player"); // the other tabs, one of which plays at a time
const audio = document.getElementById("audio");
const seek = document.getElementById("seek");
const byId = (id) => document.getElementById(id);

let current = null; // {id, key, place, title, artist, duration, offset, from}
let queue = null; // what is played through: null for the rows of this page, or items
let onThisPage = true; // whether what is played through are rows of this page
let playedSeconds = 0; // seconds of the current track that were played, not skipped over
let countedTo = 0; // where the audio was when they were counted
let startedAt = 0; // Unix seconds
let reported = false;
let failures = 0;
let pausedAt = Infinity; // ms
let parts = []; // of tracks that are to be played, the current one first: {item, start, end}

// A file that the browser cannot decode is sent as MP3, which begins anew where it is sought:
// `offset` is where, null for a file as it is.
const position = () => (current?.offset ?? 0) + audio.currentTime;
const length = () => (current?.offset === null ? audio.duration : current?.duration) || 0;
// The server ends a transcoded stream that nobody reads for two minutes, as while it is paused.
const LONG = 110_000; // ms
const wasCut = () => current.offset !== null && audio.currentTime > 1;
const shownRows = () => rows().filter((row) => !row.dataset.leaving);
const items = () => queue ?? shownRows().map(itemOf);
const address = () => location.pathname + location.search;

export const isCurrent = (id) => current?.id === String(id);
/** Say whether a row is what plays: of several rows with one track, the one that was started. */
const isPlayed = (row) => isCurrent(row.dataset.track) && (!onThisPage || itemOf(row).key === current.key);
export const now = () => ({ id: current?.id, position: position(), playing: !audio.paused });

/** Play a row of this page, or stop where it is playing. */
export function play(row) {
  if (isPlayed(row) && audio.src) {
    toggle();
    return;
  }
  queue = null;
  onThisPage = true;
  playItem(itemOf(row), placeOf(row));
}

/** Return how many rows that stay are before a row: its place, or that of the one after it. */
function placeOf(row) {
  const all = rows();
  return all.slice(0, all.indexOf(row)).filter((other) => !other.dataset.leaving).length;
}

/** Play items of rows of this page one after the other. */
export function playAll(list) {
  queue = list;
  onThisPage = true;
  playItem(list[0], 0);
}

/** Play parts {item, start, end} of tracks, in seconds, one after the other, then stop. */
export function playParts(list) {
  const [{ item, start }] = list;
  playItem(item, Math.max(items().findIndex((other) => other.key === item.key), 0), start);
  parts = list;
}

/** Go to a time of the current track, in seconds, and play from there. */
export function seekTo(seconds) {
  parts = [];
  if (current.offset !== null) transcode(seconds);
  else {
    audio.currentTime = seconds;
    audio.play().catch(() => {});
  }
}

function playItem(item, place, from) {
  current = { ...item, place, offset: null, from: from ?? 0 };
  playedSeconds = 0;
  startedAt = Math.floor(Date.now() / 1000);
  reported = false;
  parts = [];
  open(current.from);
  audio.play().catch(() => {}); // an error event says more
  showPlaying();
  if (from === undefined && localStorage.getItem(HIGHLIGHT)) toHighlight();
}

/** Go to the moment of the current track that is most like the whole of it, where one is known. */
async function toHighlight() {
  const track = current;
  const answer = await request(`/api/v1/tracks/${track.id}/taggram`);
  if (!answer.ok) return;
  track.from = (await answer.json()).highlight.start;
  if (current === track) seekTo(track.from);
}

function open(from) {
  audio.src = `/api/v1/tracks/${current.id}/audio`;
  audio.currentTime = countedTo = from;
  showCurrent();
}

function showCurrent() {
  picture(current.id);
  byId("player").hidden = false;
  byId("now-title").textContent = current.title;
  byId("now-title").href = `/tracks/${current.id}`;
  byId("now-artist").textContent = current.artist;
  if (!("mediaSession" in navigator)) return;
  navigator.mediaSession.metadata = new MediaMetadata({ title: current.title, artist: current.artist });
}

/** Play the next track, or the one that has taken the place of a current one that is gone. */
function next(by = 1) {
  const all = items();
  const at = current ? all.findIndex((item) => item.key === current.key) : -1;
  const place = at >= 0 ? at + by : current ? current.place - (by < 0) : 0;
  if (all[place]) playItem(all[place], place);
  else if (by > 0) audio.pause();
}

/** Go on to the next track where this one is playing. */
export function giveWay(id) {
  if (isCurrent(id) && !audio.paused) next();
}

function toggle() {
  parts = [];
  if (!current) next();
  else if (audio.error && wasCut()) transcode(position());
  else if (audio.error) playItem(current, current.place);
  else if (audio.paused) audio.play().catch(() => {});
  else audio.pause();
}

function showPlaying() {
  for (const row of rows()) {
    const isIt = current !== null && isPlayed(row);
    if (isIt) row.setAttribute("aria-current", "true"); else row.removeAttribute("aria-current");
    const playing = isIt && !audio.paused;
    for (const button of row.querySelectorAll("[data-play]")) {
      button.classList.toggle("playing", playing);
      button.setAttribute("aria-label", `${playing ? "Pause" : "Play"} “${row.dataset.title}”`);
    }
  }
  const row = queue || !current ? null : rows().find(isPlayed);
  if (row) current.place = placeOf(row);
  byId("toggle").classList.toggle("playing", !audio.paused);
  byId("toggle").setAttribute("aria-label", audio.paused ? "Play" : "Pause");
}

function showTime() {
  seek.max = length() || 1;
  if (!seek.matches(":active")) seek.value = position();
  seek.setAttribute("aria-valuetext", `${clock(position())} of ${clock(length())}`);
  byId("elapsed").textContent = clock(position());
  byId("total").textContent = clock(length());
  draw(length() ? position() / length() : 0);
}

/** Count what is played; a jump is none of it. Half of a track, or four minutes, is a listen. */
function count() {
  const step = audio.currentTime - countedTo;
  if (!audio.seeking && step > 0 && step < 2) playedSeconds += step;
  countedTo = audio.currentTime;
  if (!reported && length() && playedSeconds >= Math.min(length() / 2, 240)) {
    reported = true;
    send("POST", "/api/v1/listens", { track_id: Number(current.id), listened_at: startedAt })
      .catch((error) => say(error.message));
  }
}

/** Where the part that is played ends: on to the next one, or stop. */
function endPart() {
  const rest = parts.slice(1);
  parts = [];
  if (rest.length) playParts(rest); else audio.pause();
}

function transcode(start, playing = true) {
  current.offset = start;
  countedTo = 0;
  audio.src = `/api/v1/tracks/${current.id}/audio.mp3?start=${start}`;
  if (playing) audio.play().catch(() => {});
}

audio.addEventListener("timeupdate", () => {
  count();
  showTime();
  if (parts.length && !audio.seeking && position() >= parts[0].end) endPart();
});
audio.addEventListener("durationchange", showTime);
audio.addEventListener("seeked", () => { countedTo = audio.currentTime; });
audio.addEventListener("play", showPlaying);
audio.addEventListener("play", () => tabs.postMessage("play"));
tabs.addEventListener("message", () => audio.pause());
audio.addEventListener("pause", showPlaying);
audio.addEventListener("pause", () => { pausedAt = Date.now(); });
audio.addEventListener("play", () => {
  const long = Date.now() - pausedAt > LONG;
  pausedAt = Infinity;
  if (long && wasCut()) transcode(position());
});
audio.addEventListener("playing", () => { failures = 0; });
audio.addEventListener("ended", () => {
  count();
  if (parts.length) endPart(); else next();
});
audio.addEventListener("error", async () => {
  if (!current) return;
  if (audio.error?.message?.includes("MediaSink")) { // as Firefox says it
    audio.pause();
    say("This browser has no sound output.");
    return;
  }
  if (current.offset === null) {
    transcode(current.from);
    return;
  }
  if (wasCut()) {
    if (!audio.paused) transcode(position());
    return;
  }
  const failed = current;
  await request("/healthz"); // without a server no file can be blamed
  if (current !== failed) return;
  failures += 1;
  if (failures >= items().length) audio.pause();
  else next();
  say(`“${failed.title}” cannot be played: its file is gone or damaged.`);
});
seek.addEventListener("input", () => { parts = []; if (current?.offset === null) audio.currentTime = seek.value; });
seek.addEventListener("change", () => { if (current?.offset !== null) transcode(Number(seek.value)); });
byId("toggle").addEventListener("click", toggle);
byId("highlight").addEventListener("click", () => {
  const wanted = !localStorage.getItem(HIGHLIGHT);
  if (wanted) localStorage.setItem(HIGHLIGHT, "yes");
  else localStorage.removeItem(HIGHLIGHT);
  showWhere();
  say(wanted ? "Tracks start at their highlights." : "Tracks start at their beginnings.");
  if (wanted && current) toHighlight();
});
byId("next").addEventListener("click", () => next());
byId("previous").addEventListener("click", () => {
  if (position() <= 3) next(-1);
  else if (current.offset === null) audio.currentTime = 0;
  else transcode(0);
});
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-play]");
  if (button) play(button.closest("[data-track]"));
});
whenChanged(showPlaying);

if ("mediaSession" in navigator) {
  navigator.mediaSession.setActionHandler("nexttrack", () => next());
  navigator.mediaSession.setActionHandler("previoustrack", () => next(-1));
}

// From page to page: what plays goes on where it was, with what was to come after it.

window.addEventListener("pagehide", () => {
  if (!current) return;
  const stored = {
    current, playedSeconds, startedAt, reported, queue: items(), ofPage: queue === null && address(), page: onThisPage && location.pathname,
    position: position(), playing: !audio.paused && !audio.ended,
  };
  sessionStorage.setItem(STORED, JSON.stringify(stored));
});

function restore() {
  const stored = JSON.parse(sessionStorage.getItem(STORED));
  sessionStorage.removeItem(STORED); // so that a copy of this tab does not play too
  if (!stored) return;
  ({ current, playedSeconds, startedAt, reported } = stored);
  queue = stored.ofPage === address() ? null : stored.queue;
  takeKeys(stored);
  current.from = stored.position;
  if (current.offset === null) {
    open(stored.position);
    if (stored.playing) audio.play().catch(waitForPerson);
  } else {
    transcode(stored.position, stored.playing);
    showCurrent();
  }
  showPlaying();
}

/** Where this page shows the very rows that are played, give what is played their keys. */
function takeKeys({ queue: played, page }) {
  const fresh = shownRows().map(itemOf);
  onThisPage = queue === null || (page === location.pathname && played.every((item, place) => fresh[place]?.id === item.id));
  if (!onThisPage) return;
  if (queue) queue = fresh.slice(0, queue.length);
  const same = [fresh[current.place], ...fresh].find((item) => item?.id === current.id);
  if (same) current.key = same.key;
}

function showWhere() {
  byId("highlight").setAttribute("aria-pressed", Boolean(localStorage.getItem(HIGHLIGHT)));
}

function waitForPerson(error) {
  if (error.name === "NotAllowedError") say("Press play to continue.");
}

showWhere();
restore();
window.addEventListener("pageshow", (event) => { if (event.persisted) restore(); });
