// What plays, and what comes next: a list that is played through, and tracks that were put before the
// rest of it. Nothing here knows a page or a sound.

export const REPEATS = ["off", "all", "one"];
const KEPT_BEHIND = 200; // tracks that have played, of a list without an end
let nKeys = 0;

const keyed = (item) => ({ ...item, key: `added ${Date.now().toString(36)} ${nKeys++}` });

function shuffled(items) {
  const left = [...items];
  for (let i = left.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [left[i], left[j]] = [left[j], left[i]];
  }
  return left;
}

/**
 * Items are {id, key, title, artist, duration}; a key tells one from others of the same track.
 *
 * current   the item that plays, null at first
 * list      what is played through; null: the rows of the page, whatever they become
 * added     what plays before the rest of the list
 * at        {key, place} of the list's item that plays or, while an added one does, played before
 * radio     {from, name} of a list that has no end, else null
 */
export class Queue {
  current = null;
  list = null;
  added = [];
  at = null;
  repeat = "off";
  shuffle = false;
  radio = null;
  unshuffled = null; // the list before it was shuffled

  /** `onPage` returns the items of the page's rows. */
  constructor(onPage) {
    this.onPage = onPage;
  }

  /** What is played through. */
  get items() {
    return this.list ?? this.onPage();
  }

  /** How many of the list's items have begun, where `at` is one of them or its place. */
  get begun() {
    if (!this.at) return 0;
    const found = this.items.findIndex((item) => item.key === this.at.key);
    return found < 0 ? Math.min(this.at.place, this.items.length) : found + 1;
  }

  /** What comes next, in its order. */
  get upcoming() {
    return [...this.added, ...this.items.slice(this.begun)];
  }

  /** Play through a list, null for the rows of the page, from one of its items on. */
  start(list, item, place, radio = null) {
    Object.assign(this, { list, added: [], radio, unshuffled: null, current: item, at: { key: item.key, place } });
    if (this.shuffle && !radio) this.mix();
  }

  /** Play an item of the list. */
  #goTo(place) {
    const item = this.items[place];
    this.current = item;
    this.at = { key: item.key, place };
    return item;
  }

  /** Go on to what comes next; null at the end. `ended`: by itself. */
  next(ended = false) {
    if (ended && this.repeat === "one") return this.current;
    if (this.added.length) {
      this.current = this.added.shift();
      return this.current;
    }
    if (this.begun < this.items.length) return this.#goTo(this.begun);
    if (this.repeat !== "all" || !this.items.length) return null;
    if (this.shuffle && this.list) this.list = shuffled(this.list);
    return this.#goTo(0);
  }

  /** What `next` would go on to by itself, null where nothing does. */
  get following() {
    if (this.repeat === "one") return this.current;
    return this.upcoming[0] ?? (this.repeat === "all" && !this.shuffle ? this.items[0] ?? null : null);
  }

  /** Go back to what was played before; null at the beginning. */
  previous() {
    const isAdded = this.current && this.current.key !== this.at?.key;
    const found = this.items.some((item) => item.key === this.at?.key);
    const place = this.begun - (isAdded || !found ? 1 : 2);
    if (place >= 0 && place < this.items.length) return this.#goTo(place);
    return this.repeat === "all" && this.items.length ? this.#goTo(this.items.length - 1) : null;
  }

  /** Put items right behind what plays, or behind all that was put there before. */
  add(items, first = false) {
    const more = items.map(keyed);
    this.added = first ? [...more, ...this.added] : [...this.added, ...more];
  }

  /** Append to a list without an end; what has played long ago goes. */
  extend(items) {
    const behind = this.items.slice(0, this.begun).slice(-KEPT_BEHIND);
    this.list = [...behind, ...this.items.slice(this.begun), ...items.map(keyed)];
    if (behind.length && this.at) this.at.place = behind.length - 1;
  }

  /** Change what comes next: `change` returns it anew. From then on the list is a list of its own. */
  change(change) {
    const upcoming = change(this.upcoming);
    const behind = this.items.slice(0, this.begun);
    this.list = [...behind, ...upcoming];
    this.added = [];
    if (this.unshuffled) {
      const keys = new Set(this.list.map((item) => item.key));
      this.unshuffled = this.unshuffled.filter((item) => keys.has(item.key));
    }
  }

  /** Shuffle the list, with what plays first; or put it back into its order. */
  setShuffle(on) {
    this.shuffle = on;
    if (on && this.at && !this.radio) this.mix();
    else if (!on && this.unshuffled) {
      const known = new Set(this.unshuffled.map((item) => item.key));
      this.list = [...this.unshuffled, ...this.list.filter((item) => !known.has(item.key))];
      this.unshuffled = null;
    }
  }

  mix() {
    const list = this.items;
    const first = list.filter((item) => item.key === this.at.key);
    this.unshuffled = list;
    this.list = [...first, ...shuffled(list.filter((item) => item.key !== this.at.key))];
    this.at.place = 0;
  }

  /** What is kept from page to page. */
  toJSON() {
    const { current, added, at, repeat, shuffle, radio, unshuffled, items } = this;
    return { current, added, at, repeat, shuffle, radio, unshuffled, list: items };
  }
}
