// What is put into the queue from rows and pages, and radio.

import { itemOf, rows, say } from "./page.js";
import { playAll, queue, queueChanged } from "./player.js";
import { askRadio } from "./radio.js";

/** Put items into the queue, right behind what plays with `first`; where nothing plays, play them. */
export function enqueue(items, first) {
  if (!items.length) return;
  const what = items.length > 1 ? `${items.length} tracks` : `“${items[0].title}”`;
  if (!queue.current) {
    playAll(items, { ofPage: false });
    return;
  }
  queue.add(items, first);
  queueChanged();
  say(first ? `${what} will play next.` : `Added ${what} to the queue.`);
}

/** Play a radio, {like} or {at_random} as the API takes it; it begins with an item, where one is given. */
export async function startRadio(from, name, first = null) {
  say("Starting radio …", false);
  try {
    const found = await askRadio(from);
    if (!first && !found.length) throw new Error("There is nothing to play on this radio.");
    playAll(first ? [first, ...found] : found, { ofPage: false, radio: { from, name } });
    say(`Radio: ${name}.`);
  } catch (error) {
    say(error.message);
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  const row = event.target.closest("[data-track]");
  if (button?.dataset.queue) enqueue(row ? [itemOf(row)] : rows().map(itemOf), button.dataset.queue === "next");
  else if (button?.dataset.radio) startRadio(JSON.parse(button.dataset.radio), button.dataset.name);
  else if (button && "radioOfTrack" in button.dataset) {
    const item = itemOf(row);
    startRadio({ like: [`track:${item.id}`] }, item.title, item);
  } else if (button?.id === "shuffle-all") {
    if (!queue.shuffle) document.getElementById("shuffle").click();
    playAll(rows().map(itemOf));
  }
});
