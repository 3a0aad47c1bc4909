// The list and its question: every change is an address, whose page the server renders.
// Rows hold still while the pointer or the keyboard is among them: what they change is in the address
// at once, and the new list is shown when they are left.

import { putBack } from "./dragging.js";
import { rebased, setPinned } from "./mix.js";
import { changed, rowOf, rows, say } from "./page.js";
import { request, logIn, sendFeedback } from "./server.js";

const mix = document.getElementById("mix");
const renewal = document.getElementById("renew");
const undoStack = []; // what can be undone: {address, back: {id, kind} or null, words}
let latest = 0;
let queue = Promise.resolve(); // one act after the other

/** Show what an address stands for; `push` makes it the page's own. */
export async function show(address, { words = "", push = true } = {}) {
  const turn = ++latest;
  mix.setAttribute("aria-busy", "true");
  try {
    const page = new DOMParser().parseFromString(await read(address), "text/html");
    if (turn === latest) showPage(page, words, push);
  } finally {
    if (turn === latest) mix.removeAttribute("aria-busy");
  }
}

function showPage(page, words, push) {
  if (page.getElementById("password")) { // the session is over
    logIn();
    return;
  }
  const fresh = page.getElementById("mix");
  if (!fresh) throw new Error(page.querySelector("main p")?.textContent ?? "The server cannot be reached.");
  if (push) history.pushState(null, "", fresh.dataset.address);
  else history.replaceState(null, "", fresh.dataset.address);
  mix.dataset.address = fresh.dataset.address;
  document.title = page.title;
  const before = new Set(rows().map((row) => row.dataset.track));
  const focus = focused();
  const open = ["controls-box", "more-controls"].filter((id) => document.getElementById(id).open);
  for (const id of ["home", "question", "mix", "home-albums"]) {
    document.getElementById(id).replaceChildren(...page.getElementById(id).childNodes);
  }
  swapHidden(page);
  for (const id of open) document.getElementById(id).open = true;
  const newRows = rows().filter((row) => !before.has(row.dataset.track));
  for (const row of newRows) row.classList.add("new");
  refocus(focus);
  setHeld(false);
  showUndo();
  changed();
  if (words) say(`${words} ${counted(newRows.length)}`);
}

const read = async (address) => (await request(address, { headers: { Accept: "text/html" } })).text();

const counted = (n) => (n ? `${n} new ${n === 1 ? "track" : "tracks"} in the list.` : "");

/**
 * Do one thing that can be undone: send feedback on a track, then go to an address, or to the one
 * that `change` makes of what is asked by then. With `still` the rows stay until they are left.
 * Answers whether it was done.
 */
export function act(change, how = {}) {
  const act = queue.then(() => perform(change, how));
  queue = act;
  return act;
}

async function perform(change, { words = "", feedback = null, still = false }) {
  const here = location.pathname + location.search;
  const step = { address: here, back: feedback && { id: feedback.id, kind: feedback.previous }, words };
  say("");
  if (!still) mix.setAttribute("aria-busy", "true");
  try {
    if (feedback) await sendFeedback(feedback.id, feedback.kind);
    undoStack.push(step);
    if (still) holdRows(changedAddress(change), words);
    else await show(typeof change === "string" ? change : changedAddress(change), { words });
    return true;
  } catch (error) {
    if (!feedback) undoStack.splice(undoStack.indexOf(step), 1);
    mix.removeAttribute("aria-busy");
    restoreControls();
    say(error.message);
    return false;
  }
}

/** Return the address of what is asked now, changed. */
function changedAddress(change) {
  const question = new URLSearchParams(location.search);
  change(question);
  return `/?${question}`;
}

/** Return a link's address as it is meant now: rows that hold still were written for an older question. */
export const meant = (address) => rebased(address, mix.dataset.address.slice(1), location.search);

// Holding still

/** Go to an address, and show its list when the rows are left. */
function holdRows(address, words) {
  history.pushState(null, "", address);
  setHeld(true);
  showUndo();
  changed();
  say(words);
  renewWhenLeft();
}

function setHeld(held) {
  if (!held && document.activeElement === renewal) mix.focus({ preventScroll: true });
  mix.toggleAttribute("data-held", held);
  renewal.hidden = !held || pointer === "mouse"; // which leaves by itself
}

let pointer = ""; // what is used among the rows: "mouse", "touch", "pen", "" for keys

/** Say whether the rows are left; a finger is gone when it presses something else. */
const isLeft = () => pointer !== "touch" && !document.querySelector("#rows:hover, #rows :focus-visible");

function renewWhenLeft() {
  if (mix.hasAttribute("data-held") && isLeft()) renew();
}

/** Show the list that is asked for. */
export function renew() {
  return show(location.pathname + location.search, { words: "The list is up to date.", push: false })
    .catch((error) => say(error.message));
}

document.addEventListener("pointerover", (event) => {
  if (event.pointerType !== "touch" && !event.target.closest?.("#rows")) renewWhenLeft();
});
document.addEventListener("pointerdown", (event) => {
  pointer = event.target.closest("#rows") ? event.pointerType : "mouse";
  renewWhenLeft();
}, { capture: true });
document.addEventListener("keydown", () => { pointer = ""; }, { capture: true });
document.addEventListener("focusin", renewWhenLeft);
document.documentElement.addEventListener("pointerleave", renewWhenLeft);
renewal.addEventListener("click", renew);

/** Show what the list was asked for with, where nothing came of a change. */
function restoreControls() {
  putBack(rows());
  document.getElementById("controls").reset();
  for (const side of document.querySelectorAll("[data-side]")) side.value = side.querySelector("[selected]").value;
  showUndo();
}

export function undo() {
  queue = queue.then(undoLast);
  return queue;
}

async function undoLast() {
  const last = undoStack.pop();
  if (!last) return;
  say("");
  try {
    if (last.back) {
      await sendFeedback(last.back.id, null);
      if (last.back.kind) await sendFeedback(last.back.id, last.back.kind);
    }
    await show(last.address, { words: `Undone: ${last.words}` });
  } catch (error) {
    undoStack.push(last);
    say(error.message);
  }
}

function showUndo() {
  const button = document.getElementById("undo");
  button.disabled = !undoStack.length;
  button.title = undoStack.length ? `Undo: ${undoStack.at(-1).words}` : "";
}

/** The search's hidden fields carry the question for browsers without scripts. */
function swapHidden(page) {
  const form = document.getElementById("search-form");
  for (const field of form.querySelectorAll('input[type="hidden"]')) field.remove();
  form.append(...page.querySelectorAll('#search-form input[type="hidden"]'));
}

// Focus outlives a change: the same control of the same row, or of the one that took its place.

function focused() {
  const element = document.activeElement;
  const row = element?.closest(".row");
  if (row) {
    const controls = [...row.querySelectorAll("button, a, summary")];
    return { id: row.dataset.track, place: rows().indexOf(row), control: controls.indexOf(element), menu: !!element.closest(".menu ul") };
  }
  return element?.id && element.closest("#question, #mix") ? { element: element.id }
    : element?.closest("#home, #question, #mix") ? { element: "mix" } : null;
}

function refocus(focus) {
  if (!focus) return;
  if (focus.element) {
    document.getElementById(focus.element)?.focus({ preventScroll: true });
    return;
  }
  const row = rowOf(focus.id) ?? rows()[Math.min(focus.place, rows().length - 1)];
  if (!row) {
    document.getElementById("mix").focus();
    return;
  }
  const controls = [...row.querySelectorAll("button, a, summary")];
  const same = row.dataset.track === focus.id && !focus.menu ? controls[focus.control] : null;
  (same ?? row.querySelector("[data-play]")).focus({ preventScroll: true });
}

// Order

/** Keep the rows as they are now, down to the last one that moved. */
export function keepOrder(upto, words) {
  const staying = rows().filter((row) => !row.dataset.leaving);
  const last = rows()[upto];
  const list = staying.map((row, i) => ({ id: row.dataset.track, place: i + 1, row }))
    .filter(({ row }) => rows().indexOf(row) <= rows().indexOf(last) || row.classList.contains("kept"));
  return act((question) => setPinned(question, list), { words });
}

export function move(row, by) {
  const all = rows();
  const from = all.indexOf(row);
  const to = Math.min(Math.max(from + by, 0), all.length - 1);
  if (to === from) return;
  if (by < 0) all[to].before(row); else all[to].after(row);
  row.querySelector(".handle").focus({ preventScroll: true });
  keepOrder(Math.max(from, to), `Moved “${row.dataset.title}” to place ${to + 1}.`);
}
