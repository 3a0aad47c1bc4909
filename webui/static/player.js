// The player: plays what is in the queue, on every page and from page to page, and reports listens to
// the server.

import { hear, isListen, nothingHeard } from "./listens.js";
import { itemOf, rows, say, whenChanged } from "./page.js";
import { showCurrent, showRows, showTime } from "./player_display.js";
import { Queue } from "./queue.js";
import { fillRadio, learnFromSkip } from "./radio.js";
import { request, send } from "./server.js";
import { audio, forget, on, open as openSound, playWithOne, prepare } from "./sound.js";

const STORED = "earshot-playing"; // in the session's storage, from one page to the next
const MODES = "earshot-modes"; // in the browser's: {repeat, shuffle}
const HIGHLIGHT = "earshot-highlight"; // in the browser's, while tracks start at their highlights
const tabs = new BroadcastChannel("earshot-player"); // the other tabs, one of which plays at a time
const seek = document.getElementById("seek");
const byId = (id) => document.getElementById(id);
const shownRows = () => rows().filter((row) => !row.dataset.leaving);
const address = () => location.pathname + location.search;

export const queue = new Queue(() => shownRows().map(itemOf));
let onThisPage = true; // whether the list that is played through is of rows of this page
let heard = null; // of what plays
let offset = null; // s, where a transcoded stream began
let from = 0; // s, where the track was begun
let failures = 0;
let pausedAt = Infinity; // ms
let parts = []; // of tracks that are to be played, the current one first: {item, start, end}

// A file that the browser cannot decode is sent as MP3, which begins anew where it is sought:
// `offset` is where, null for a file as it is.
const position = () => (offset ?? 0) + audio.currentTime;
const length = () => (offset === null ? audio.duration : queue.current?.duration) || 0;
// The server ends a transcoded stream that nobody reads for two minutes, as while it is paused.
const LONG = 110_000; // ms
const wasCut = () => offset !== null && audio.currentTime > 1;

export const isCurrent = (id) => queue.current?.id === String(id);
/** Say whether a row is what plays: of several rows with one track, the one that was started. */
const isPlayed = (row) => isCurrent(row.dataset.track)
  && (!onThisPage || queue.current.key !== queue.at.key || itemOf(row).key === queue.current.key);
export const now = () => ({ id: queue.current?.id, position: position(), length: length(), playing: !audio.paused });

const watchers = [];
let following = null; // what plays next by itself, looked up when the queue changes
/** Call when another track plays, or something else comes next. */
export const whenQueued = (call) => watchers.push(call);
export function queueChanged() {
  forget();
  localStorage.setItem(MODES, JSON.stringify({ repeat: queue.repeat, shuffle: queue.shuffle }));
  lookAhead();
  extendRadio();
}

function lookAhead() {
  following = queue.following;
  for (const call of watchers) call();
}

// Beginning

/** Play a row of this page, or stop where it is playing. */
export function play(row) {
  if (isPlayed(row) && audio.src) {
    toggle();
    return;
  }
  onThisPage = true;
  queue.start(null, itemOf(row), placeOf(row));
  begin();
}

/** Return how many rows that stay are before a row: its place, or that of the one after it. */
function placeOf(row) {
  const all = rows();
  return all.slice(0, all.indexOf(row)).filter((other) => !other.dataset.leaving).length;
}

/** Play items one after the other; `ofPage` where they are rows of this page. */
export function playAll(list, { ofPage = true, radio = null } = {}) {
  if (!list.length) return;
  const first = queue.shuffle && !radio ? Math.floor(Math.random() * list.length) : 0;
  onThisPage = ofPage;
  queue.start(list, list[first], first, radio);
  begin();
}

/** Play parts {item, start, end} of tracks, in seconds, one after the other, then stop. */
export function playParts(list) {
  const [{ item, start }] = list;
  queue.current = item;
  queue.at = { key: item.key, place: Math.max(queue.items.findIndex((other) => other.key === item.key), 0) };
  begin(start);
  parts = list;
}

/** Play what is in the queue's turn; `start` in seconds. */
function begin(start) {
  offset = null;
  from = start ?? 0;
  heard = nothingHeard(from);
  parts = [];
  openFile(from);
  audio.play().catch(({ name }) => { // of anything else an error event says more
    if (name === "NotAllowedError" && playWithOne(queue.current.id, from)) audio.play().catch(waitForPerson);
  });
  showPlaying();
  queueChanged();
  if (start === undefined && localStorage.getItem(HIGHLIGHT)) toHighlight();
}

/** Go to the highlight of the current track, where one is known. */
async function toHighlight() {
  const track = queue.current;
  const answer = await request(`/api/v1/tracks/${track.id}/taggram`);
  if (!answer.ok) return;
  const { highlight } = await answer.json();
  if (queue.current !== track) return; // another one plays by now
  from = highlight.start;
  seekTo(from);
}

function openFile(start) {
  openSound(queue.current.id, start);
  heard.to = start;
  showCurrent(queue.current);
}

// Going on

/** Play the next track, or the one that has taken the place of a current one that is gone. */
export function next({ ended = false, skip = !ended } = {}) {
  count();
  if (skip && queue.current) learn();
  const item = queue.next(ended);
  if (item) begin();
  else if (!ended) audio.pause();
}

/** Go back to the beginning of a track, or to the one before. */
export function previous({ anyway = false } = {}) {
  if (!queue.current) return;
  if ((anyway || position() <= 3) && queue.previous()) begin();
  else seekTo(0);
}

/** Go on to the next track where this one is playing. */
export function giveWay(id) {
  if (isCurrent(id) && !audio.paused) next();
}

/** Play an item of what comes next, and what is behind it then. */
export function playUpcoming(key) {
  queue.change((all) => all.slice(all.findIndex((item) => item.key === key)));
  queue.next();
  begin();
}

export function toggle() {
  parts = [];
  if (!queue.current) next();
  else if (audio.error && wasCut()) transcode(position());
  else if (audio.error) begin();
  else if (audio.paused) audio.play().catch(() => {});
  else audio.pause();
}

/** Go to a time of the current track, in seconds, and play from there. */
export function seekTo(seconds) {
  parts = [];
  if (offset !== null) transcode(seconds);
  else {
    audio.currentTime = seconds;
    audio.play().catch(() => {});
  }
}

/** Go on or back by some seconds, playing or not. */
export function seekBy(seconds) {
  if (!queue.current) return;
  const to = Math.min(Math.max(position() + seconds, 0), Math.max(length() - 0.5, 0));
  if (offset !== null) transcode(to, !audio.paused);
  else audio.currentTime = to;
}

// Radio

/** A track that is skipped before half of it tells a radio what it should not play. */
function learn() {
  const isSkip = queue.radio && !audio.ended && heard && !isListen(heard, length());
  if (isSkip) learnFromSkip(queue).then(extendRadio).catch((error) => say(error.message));
}

function extendRadio() {
  fillRadio(queue).then((found) => { if (found) lookAhead(); }).catch((error) => say(error.message));
}

// Showing

function showPlaying() {
  showRows((row) => queue.current !== null && isPlayed(row), !audio.paused);
  const row = queue.list || !queue.at ? null : rows().find((one) => itemOf(one).key === queue.at.key);
  if (row) queue.at.place = placeOf(row);
}

/** Count what is played, and report a listen once. */
function count() {
  if (!heard || !hear(heard, audio, length())) return;
  send("POST", "/api/v1/listens", { track_id: Number(queue.current.id), listened_at: heard.startedAt })
    .catch((error) => say(error.message));
}

/** Where the part that is played ends: on to the next one, or stop. */
function endPart() {
  const rest = parts.slice(1);
  parts = [];
  if (rest.length) playParts(rest); else audio.pause();
}

function transcode(start, playing = true) {
  offset = start;
  heard.to = 0;
  audio.src = `/api/v1/tracks/${queue.current.id}/audio.mp3?start=${start}`;
  if (playing) audio.play().catch(() => {});
}

on("timeupdate", () => {
  count();
  showTime(position(), length());
  if (parts.length && !audio.seeking && position() >= parts[0].end) endPart();
  const after = parts.length || offset !== null ? null : following;
  prepare(after && { id: after.id, from: 0 }, length() - position(), () => next({ ended: true }));
});
on("durationchange", () => {
  // A part of a file comes as a stream, which cannot be sought in: another one begins elsewhere.
  if (queue.current && offset === null && audio.duration === Infinity) {
    if (from) transcode(from, !audio.paused);
    else offset = 0;
  }
  showTime(position(), length());
});
on("seeked", () => { if (heard) heard.to = audio.currentTime; });
on("play", () => {
  showPlaying();
  tabs.postMessage("play");
  const long = Date.now() - pausedAt > LONG;
  pausedAt = Infinity;
  if (long && wasCut()) transcode(position());
});
tabs.addEventListener("message", () => audio.pause());
on("pause", () => {
  showPlaying();
  pausedAt = Date.now();
});
on("playing", () => { failures = 0; });
on("ended", () => {
  count();
  if (parts.length) endPart(); else next({ ended: true });
});
on("error", async () => {
  if (!queue.current) return;
  if (audio.error?.message?.includes("MediaSink")) { // as Firefox says it
    audio.pause();
    say("This browser has no sound output.");
    return;
  }
  if (offset === null) {
    transcode(from);
    return;
  }
  if (wasCut()) {
    if (!audio.paused) transcode(position());
    return;
  }
  const failed = queue.current;
  await request("/healthz"); // without a server no file can be blamed
  if (queue.current !== failed) return;
  failures += 1;
  if (failures >= queue.items.length) audio.pause();
  else next({ skip: false });
  say(`“${failed.title}” cannot be played: its file is gone or damaged.`);
});
seek.addEventListener("input", () => { parts = []; if (queue.current && offset === null) audio.currentTime = seek.value; });
seek.addEventListener("change", () => { if (offset !== null) transcode(Number(seek.value)); });
byId("highlight").addEventListener("click", () => {
  const wanted = !localStorage.getItem(HIGHLIGHT);
  if (wanted) localStorage.setItem(HIGHLIGHT, "yes");
  else localStorage.removeItem(HIGHLIGHT);
  showWhere();
  say(wanted ? "Tracks start at their highlights." : "Tracks start at their beginnings.");
  if (wanted && queue.current) toHighlight();
});
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-play]");
  if (button) play(button.closest("[data-track]"));
});
whenChanged(() => {
  showPlaying();
  if (!queue.list) lookAhead();
});

// From page to page: what plays goes on where it was, with what was to come after it.

window.addEventListener("pagehide", () => {
  if (!queue.current) return;
  const stored = {
    queue, heard, offset, ofPage: queue.list === null && address(), page: onThisPage && location.pathname,
    position: position(), playing: !audio.paused && !audio.ended,
  };
  sessionStorage.setItem(STORED, JSON.stringify(stored));
});

/** What somebody played is nothing for who logs in after them. */
document.addEventListener("submit", ({ target }) => {
  if (target.matches('[action$="/logout"]')) queue.current = null;
});

function restore() {
  const stored = JSON.parse(sessionStorage.getItem(STORED));
  sessionStorage.removeItem(STORED); // so that a copy of this tab does not play too
  if (!stored) return;
  ({ heard, offset } = stored);
  Object.assign(queue, stored.queue);
  if (stored.ofPage === address()) queue.list = null;
  takeKeys(stored.queue.list, stored.page);
  from = stored.position;
  if (offset === null) {
    openFile(stored.position);
    if (stored.playing) audio.play().catch(waitForPerson);
  } else {
    transcode(stored.position, stored.playing);
    showCurrent(queue.current);
  }
  showPlaying();
  lookAhead();
}

/** Where this page shows the very rows that are played, give what is played their keys. */
function takeKeys(played, page) {
  const fresh = shownRows().map(itemOf);
  onThisPage = queue.list === null || (page === location.pathname && played.every((item, place) => fresh[place]?.id === item.id));
  if (!onThisPage) return;
  const isAdded = queue.current.key !== queue.at?.key;
  if (queue.list) queue.list = fresh.slice(0, queue.list.length);
  const id = isAdded ? null : queue.current.id;
  const same = [fresh[queue.at?.place], ...fresh].find((item) => item?.id === id);
  if (same) queue.current.key = queue.at.key = same.key;
}

function showWhere() {
  byId("highlight").setAttribute("aria-pressed", Boolean(localStorage.getItem(HIGHLIGHT)));
}

function waitForPerson(error) {
  if (error.name === "NotAllowedError") say("Press play to continue.");
}

showWhere();
const modes = JSON.parse(localStorage.getItem(MODES) ?? "{}");
Object.assign(queue, { repeat: modes.repeat ?? "off", shuffle: modes.shuffle ?? false });
restore();
window.addEventListener("pageshow", (event) => { if (event.persisted) restore(); });
