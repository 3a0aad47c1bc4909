// What every page has: tracks that can be played, and a line that says what happened.

/** The elements that stand for tracks, in their order; each may have a button `data-play`. */
export const rows = () => [...document.querySelectorAll("[data-track]")];
export const rowOf = (id) => document.querySelector(`[data-track="${id}"]`);

/** What is played of a row. Its key tells it from other rows, some of which may have the same track. */
export const itemOf = (row) => {
  const { track: id, key = id, title, artist, duration } = row.dataset;
  return { id, key, title, artist, duration: Number(duration) };
};

const listeners = [];
export const whenChanged = (call) => listeners.push(call);
export const changed = () => listeners.forEach((call) => call());

export function say(words, passing = true) {
  const status = document.getElementById("status");
  status.textContent = words;
  clearTimeout(say.timer);
  if (passing) say.timer = setTimeout(() => { status.textContent = ""; }, 6000);
}

export const clock = (seconds) => {
  const whole = Math.floor(seconds || 0);
  const parts = [Math.floor(whole / 60) % 60, whole % 60];
  if (whole >= 3600) parts.unshift(Math.floor(whole / 3600));
  return parts.map((part, i) => (i ? String(part).padStart(2, "0") : part)).join(":");
};

/** Return a text as the server takes a name: on one line, at most 200 characters. */
export const asName = (text) => [...text.replace(/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\s]+/gu, " ").trim()].slice(0, 200).join("");

/** Make an element with attributes and children, texts or elements. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}
