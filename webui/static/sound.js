// The sound of one track after the other. Two audio elements take turns: while one plays the end of a
// track, the other has loaded the next one, so that it begins without a gap where the browser can.

const AHEAD = 20; // s before the end at which the next track is loaded
const BY_TIMER = 0.6; // s before the end from which a timer, not the event, starts the next
const VOLUME = "earshot-volume"; // in the browser's storage: {volume, muted}

const address = (id) => `/api/v1/tracks/${id}/audio`;

export let audio = document.getElementById("audio"); // the one that is heard
let spare = audio.cloneNode();
let waiting = null; // {id, from} of what the spare one has loaded
let timer = 0;
let takesTurns = true; // until a browser lets no other element play than the one that was pressed
spare.removeAttribute("id");
audio.after(spare);

/** Call `handle` with events of the element that is heard. */
export function on(kind, handle) {
  for (const element of [audio, spare]) {
    element.addEventListener(kind, (event) => { if (event.target === audio) handle(event); });
  }
}

function swap() {
  [audio, spare] = [spare, audio];
  spare.removeAttribute("id");
  audio.id = "audio";
}

/** Load a track's file from some seconds on; at once where it was loaded before. */
export function open(id, from) {
  clearTimeout(timer);
  if (waiting?.id === id && waiting.from === from && !spare.error) {
    const old = audio;
    swap();
    if (!old.ended && old.duration - old.currentTime > BY_TIMER) old.pause();
    [audio.volume, audio.muted] = [old.volume, old.muted];
  } else {
    audio.src = address(id);
    audio.currentTime = from;
  }
  waiting = null;
}

/** Play with one element from now on, where the other may not begin by itself; false where it is one already. */
export function playWithOne(id, from) {
  if (!takesTurns) return false;
  takesTurns = false;
  swap();
  open(id, from);
  return true;
}

/** Near the end of a track load the next one, {id, from}, and call `go` in the moment at which it is to begin. */
export function prepare(next, left, go) {
  if (!next || !takesTurns || left > AHEAD || audio.paused) return;
  if (waiting?.id !== next.id || waiting.from !== next.from) {
    waiting = next;
    spare.src = address(next.id);
    spare.currentTime = next.from;
    clearTimeout(timer);
    timer = 0;
  }
  if (left > BY_TIMER || timer || spare.readyState < HTMLMediaElement.HAVE_FUTURE_DATA) return;
  const [track, loaded] = [audio, waiting];
  timer = setTimeout(() => {
    timer = 0;
    if (audio === track && !audio.paused && !audio.ended && waiting === loaded) go();
  }, Math.max(0, (audio.duration - audio.currentTime) * 1000 / audio.playbackRate - 8));
}

/** Forget what was loaded: something else comes next. */
export function forget() {
  waiting = null;
  clearTimeout(timer);
  timer = 0;
}

/** Set how loud it is, 0 to 1, and whether it is heard at all. */
export function setVolume(volume, muted = false) {
  for (const element of [audio, spare]) Object.assign(element, { volume, muted });
  localStorage.setItem(VOLUME, JSON.stringify({ volume, muted }));
}

const stored = JSON.parse(localStorage.getItem(VOLUME) ?? "null");
if (stored) setVolume(Math.min(Math.max(Number(stored.volume) || 0, 0), 1), Boolean(stored.muted));
