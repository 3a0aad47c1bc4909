// The buttons of the player, keys on every page, and the media keys of the system.

import { say } from "./page.js";
import { next, now, previous, queue, queueChanged, seekBy, seekTo, toggle, whenQueued } from "./player.js";
import { REPEATS } from "./queue.js";
import { showQueue } from "./queue_panel.js";
import { audio, on, setVolume } from "./sound.js";

const KEYS_OFF = "earshot-keys-off"; // in the browser's storage, where keys do nothing
const STEP = 10; // s
const byId = (id) => document.getElementById(id);
const REPEAT_WORDS = { off: "Repeat is off.", all: "Repeats all.", one: "Repeats this track." };

// Buttons

function showModes() {
  byId("shuffle").setAttribute("aria-pressed", String(queue.shuffle));
  const repeat = byId("repeat");
  repeat.dataset.repeat = queue.repeat;
  repeat.setAttribute("aria-pressed", String(queue.repeat !== "off"));
  repeat.setAttribute("aria-label", { off: "Repeat", all: "Repeat: all", one: "Repeat: this track" }[queue.repeat]);
}

function setShuffle() {
  queue.setShuffle(!queue.shuffle);
  queueChanged();
  showModes();
  say(queue.shuffle ? "Shuffle is on." : "Shuffle is off.");
}

function setRepeat() {
  queue.repeat = REPEATS[(REPEATS.indexOf(queue.repeat) + 1) % REPEATS.length];
  queueChanged();
  showModes();
  say(REPEAT_WORDS[queue.repeat]);
}

function showVolume() {
  const volume = audio.muted ? 0 : audio.volume;
  byId("volume").value = volume;
  byId("volume").setAttribute("aria-valuetext", `${Math.round(100 * volume)} %`);
  byId("mute").setAttribute("aria-pressed", String(audio.muted));
  byId("mute").classList.toggle("silent", !volume);
}

const louder = (by) => setVolume(Math.min(Math.max((audio.muted ? 0 : audio.volume) + by, 0), 1));
const mute = () => setVolume(audio.volume || 0.5, !audio.muted);

const ACTS = {
  toggle, shuffle: setShuffle, repeat: setRepeat, mute, next: () => next(), previous: () => previous(),
};
for (const [id, act] of Object.entries(ACTS)) byId(id).addEventListener("click", act);
byId("volume").addEventListener("input", (event) => setVolume(Number(event.target.value)));
on("volumechange", showVolume);

// Keys

const keysOff = byId("keys-off");
keysOff.checked = Boolean(localStorage.getItem(KEYS_OFF));
keysOff.addEventListener("change", () => {
  if (keysOff.checked) localStorage.setItem(KEYS_OFF, "yes"); else localStorage.removeItem(KEYS_OFF);
});
const help = () => byId("keys").showModal();
byId("keys-close").addEventListener("click", () => byId("keys").close());

const KEYS = { " ": toggle, k: toggle, n: () => next(), p: () => previous({ anyway: true }), m: mute, q: () => showQueue(), "?": help };
const SHIFTED = {
  ArrowRight: () => seekBy(STEP), ArrowLeft: () => seekBy(-STEP), ArrowUp: () => louder(0.1), ArrowDown: () => louder(-0.1),
  S: setShuffle, R: setRepeat,
};
const TYPED = "input:not([type=range], [type=checkbox]), select, textarea, [contenteditable], dialog[open] *";

document.addEventListener("keydown", (event) => {
  const { target, key } = event;
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || keysOff.checked || target.matches(TYPED)) return;
  if (key === " " && target.closest("button, a, summary, input, [role=application]")) return;
  if (key.startsWith("Arrow") && target.closest("input, .handle, [role=application]")) return;
  const act = (event.shiftKey ? SHIFTED[key] : null) ?? KEYS[key];
  if (!act || (key !== "?" && key !== "q" && !queue.current)) return;
  event.preventDefault();
  act();
});

// Media keys

function showToSystem() {
  if (!queue.current) return;
  const { id, title, artist } = queue.current;
  const artwork = [{ src: `/api/v1/tracks/${id}/cover?size=512` }];
  navigator.mediaSession.metadata = new MediaMetadata({ title, artist, artwork });
}

function showPosition() {
  const { position, length } = now();
  if (!Number.isFinite(length) || !length) return;
  navigator.mediaSession.setPositionState({ duration: length, position: Math.min(position, length), playbackRate: 1 });
}

if ("mediaSession" in navigator) {
  const handlers = {
    play: () => { if (audio.paused) toggle(); },
    pause: () => audio.pause(),
    stop: () => audio.pause(),
    nexttrack: () => next(),
    previoustrack: () => previous({ anyway: true }),
    seekto: ({ seekTime }) => seekTo(seekTime),
    seekbackward: ({ seekOffset }) => seekBy(-(seekOffset || STEP)),
    seekforward: ({ seekOffset }) => seekBy(seekOffset || STEP),
  };
  for (const [name, act] of Object.entries(handlers)) {
    try {
      navigator.mediaSession.setActionHandler(name, act);
    } catch { /* a key that this browser does not know */ }
  }
  whenQueued(showToSystem);
  for (const kind of ["durationchange", "seeked", "play", "pause"]) on(kind, showPosition);
  on("play", () => { navigator.mediaSession.playbackState = "playing"; });
  on("pause", () => { navigator.mediaSession.playbackState = "paused"; });
  showToSystem();
}

// A page that says so where the server cannot be reached

navigator.serviceWorker?.register("/service-worker.js").catch(() => {}); // without it the browser says so itself

showModes();
showVolume();
