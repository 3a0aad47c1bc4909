// Radio: a list without an end, made of what the server goes on with from seeds.

import { send, sendFeedback } from "./server.js";

const AT_ONCE = 8; // tracks that are asked for
const LOW = 3; // tracks that come next, below which more are asked for
let asking = false;

/** Return items to go on with from {like}, seeds such as "artist:Nina Simone", or from {at_random: true}. */
export async function askRadio(from) {
  const { tracks } = await send("POST", "/api/v1/radio", { ...from, count: AT_ONCE });
  return tracks.map(({ id, title, artist, duration }) => ({ id: String(id), key: `radio ${id}`, title, artist, duration }));
}

/** Append to a radio where little comes next, or what came next was of an older mind; answers whether it did. */
export async function fillRadio(queue) {
  const { radio } = queue;
  if (!radio || asking || (queue.items.length - queue.begun >= LOW && !radio.stale)) return false;
  asking = true;
  try {
    const found = await askRadio(radio.from);
    if (queue.radio !== radio) return false;
    if (radio.stale) queue.list = queue.items.slice(0, queue.begun);
    radio.stale = false;
    queue.extend(found);
    return found.length > 0;
  } finally {
    asking = false;
  }
}

/** Keep that the current track was skipped: the next one comes, and behind it what the skip leaves. */
export async function learnFromSkip(queue) {
  const { current, radio } = queue;
  await sendFeedback(current.id, "skip");
  radio.stale = true;
}
