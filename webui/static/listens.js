// What is heard of a track: half of it, or four minutes, is a listen; a jump is none of it.

const LONG = 240; // s

/**
 * seconds    played, not jumped over; to: where the audio was when they were counted
 * startedAt  Unix seconds
 * reported   whether it was a listen already
 */
export const nothingHeard = (from) => ({ seconds: 0, to: from, startedAt: Math.floor(Date.now() / 1000), reported: false });

/** Say whether enough of a track of so many seconds was heard. */
export const isListen = (heard, length) => heard.seconds >= Math.min(length / 2, LONG);

/** Count what an audio element has played since the last time; answers whether it is a listen by that. */
export function hear(heard, audio, length) {
  const step = audio.currentTime - heard.to;
  if (!audio.seeking && step > 0 && step < 2) heard.seconds += step;
  heard.to = audio.currentTime;
  if (heard.reported || !length || !isListen(heard, length)) return false;
  heard.reported = true;
  return true;
}
