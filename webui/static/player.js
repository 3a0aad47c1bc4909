// Plays the list from the top to the bottom, and tells the server what was heard.

import { act, rowOf, rows, whenChanged } from "./list.js";
import { say } from "./status.js";
import { send } from "./server.js";
import { draw, picture } from "./waveform.js";

const audio = document.getElementById("audio");
const seek = document.getElementById("seek");
const byId = (id) => document.getElementById(id);

let current = null; // {id, place, title, artist, duration, offset}
let heard = 0; // seconds of the current track that were played, not skipped over
let last = 0; // where the audio was when they were counted
let begun = 0; // Unix seconds
let told = false;
let failures = 0;

// A file that the browser cannot decode is sent as MP3, which begins anew where it is sought:
// `offset` is where, null for a file as it is.
const position = () => (current?.offset ?? 0) + audio.currentTime;
const length = () => (current?.offset === null ? audio.duration : current?.duration) || 0;

export function play(row) {
  if (current && row.dataset.track === current.id && audio.src) {
    toggle();
    return;
  }
  const { track: id, title, artist, duration } = row.dataset;
  current = { id, place: rows().indexOf(row), title, artist, duration: Number(duration), offset: null };
  heard = last = 0;
  begun = Math.floor(Date.now() / 1000);
  told = false;
  audio.src = `/api/v1/tracks/${id}/audio`;
  picture(audio.src);
  byId("player").hidden = false;
  byId("now-title").textContent = title;
  byId("now-artist").textContent = artist;
  audio.play().catch(() => {}); // an error event says more
  describe();
  mark();
}

/** Play the next row, or the one that has taken the place of a current one that is gone. */
export function next(by = 1) {
  const all = rows();
  const row = current && rowOf(current.id);
  const place = row ? all.indexOf(row) + by : current ? current.place - (by < 0) : 0;
  if (all[place]) play(all[place]);
  else if (by > 0) audio.pause();
}

export const isCurrent = (id) => current?.id === id;

function toggle() {
  if (!current) next();
  else if (audio.paused) audio.play().catch(() => {});
  else audio.pause();
}

function mark() {
  for (const row of rows()) {
    const here = row.dataset.track === current?.id;
    if (here) {
      row.setAttribute("aria-current", "true");
      current.place = rows().indexOf(row);
    } else row.removeAttribute("aria-current");
    const playing = here && !audio.paused;
    const cover = row.querySelector("[data-play]");
    cover.classList.toggle("playing", playing);
    cover.setAttribute("aria-label", `${playing ? "Pause" : "Play"} “${row.dataset.title}”`);
  }
  byId("toggle").classList.toggle("playing", !audio.paused);
  byId("toggle").setAttribute("aria-label", audio.paused ? "Play" : "Pause");
}

const clock = (seconds) => {
  const whole = Math.floor(seconds || 0);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
};

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
  const step = audio.currentTime - last;
  if (!audio.seeking && step > 0 && step < 2) heard += step;
  last = audio.currentTime;
  if (!told && length() && heard >= Math.min(length() / 2, 240)) {
    told = true;
    send("POST", "/api/v1/listens", { track_id: Number(current.id), listened_at: begun })
      .catch((error) => say(error.message));
  }
}

function transcode(start) {
  current.offset = start;
  last = 0;
  audio.src = `/api/v1/tracks/${current.id}/audio.mp3?start=${start}`;
  audio.play().catch(() => {});
}

function describe() {
  if (!("mediaSession" in navigator)) return;
  navigator.mediaSession.metadata = new MediaMetadata({ title: current.title, artist: current.artist });
}

audio.addEventListener("timeupdate", () => { count(); showTime(); });
audio.addEventListener("durationchange", showTime);
audio.addEventListener("seeked", () => { last = audio.currentTime; });
audio.addEventListener("play", mark);
audio.addEventListener("pause", mark);
audio.addEventListener("playing", () => { failures = 0; });
audio.addEventListener("ended", () => { count(); next(); });
audio.addEventListener("error", () => {
  if (current?.offset === null) {
    transcode(0);
    return;
  }
  const title = current?.title;
  failures += 1;
  if (failures >= rows().length) audio.pause();
  else next();
  say(`“${title}” cannot be played: its file is gone or damaged.`);
});
seek.addEventListener("input", () => { if (current?.offset === null) audio.currentTime = seek.value; });
seek.addEventListener("change", () => { if (current?.offset !== null) transcode(Number(seek.value)); });
byId("toggle").addEventListener("click", toggle);
byId("next").addEventListener("click", () => next());
byId("previous").addEventListener("click", () => {
  if (position() <= 3) next(-1);
  else if (current.offset === null) audio.currentTime = 0;
  else transcode(0);
});
whenChanged(mark);

if ("mediaSession" in navigator) {
  navigator.mediaSession.setActionHandler("nexttrack", () => next());
  navigator.mediaSession.setActionHandler("previoustrack", () => next(-1));
}

/** Like, dislike or skip a row; what is sent away while it plays gives way to the next. */
export async function judge(button) {
  const row = button.closest(".row");
  const { track: id, title, feedback: was } = row.dataset;
  const kind = button.dataset.sayKind;
  const back = button.getAttribute("aria-pressed") === "true";
  const words = back ? `Took the ${kind} of “${title}” back.` : `${{ like: "Liked", dislike: "Disliked", skip: "Skipped" }[kind]} “${title}”.`;
  await act(`/${button.dataset.next}`, { words, say: { id, kind: back ? null : kind, was: was || null } });
  if (kind !== "like" && !back && isCurrent(id) && !rowOf(id) && !audio.paused) next();
}
