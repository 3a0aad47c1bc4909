// The list and its question: every change is an address, whose page the server renders.

import { putBack } from "./dragging.js";
import { changed, rowOf, rows, say } from "./page.js";
import { ask, logIn, opine } from "./server.js";

const done = []; // what can be undone: {address, back: {id, kind} or null, words}
let latest = 0;

/** Show what an address stands for; `push` makes it the page's own. */
export async function show(address, { words = "", push = true } = {}) {
  const turn = ++latest;
  const page = new DOMParser().parseFromString(await read(address), "text/html");
  if (turn !== latest) return;
  if (page.getElementById("password")) { // the session is over
    logIn();
    return;
  }
  if (!page.getElementById("mix")) {
    throw new Error(page.querySelector("main p")?.textContent ?? "The server is not there.");
  }
  if (push) history.pushState(null, "", page.getElementById("mix").dataset.address);
  document.title = page.title;
  const before = new Set(rows().map((row) => row.dataset.track));
  const focus = focused();
  const open = document.getElementById("controls-box").open;
  for (const id of ["question", "mix"]) {
    document.getElementById(id).replaceChildren(...page.getElementById(id).childNodes);
  }
  swapHidden(page);
  document.getElementById("controls-box").open = open;
  const fresh = rows().filter((row) => !before.has(row.dataset.track));
  for (const row of fresh) row.classList.add("new");
  refocus(focus);
  showUndo();
  changed();
  if (words) say(`${words} ${counted(fresh.length)}`);
}

const read = async (address) => (await ask(address, { headers: { Accept: "text/html" } })).text();

const counted = (n) => (n ? `${n} new ${n === 1 ? "track" : "tracks"} in the list.` : "");

/** Do one thing that can be undone: say something of a track, then go to an address. */
export async function act(address, { words = "", say: said = null } = {}) {
  const here = location.pathname + location.search;
  const step = { address: here, back: said && { id: said.id, kind: said.was }, words };
  say("");
  try {
    if (said) await opine(said.id, said.kind);
    done.push(step);
    await show(address, { words });
  } catch (error) {
    if (!said) done.splice(done.indexOf(step), 1);
    showKept();
    say(error.message);
  }
}

/** Show what the list was asked for with, where nothing came of a change. */
function showKept() {
  putBack(rows());
  document.getElementById("controls").reset();
  for (const side of document.querySelectorAll("[data-side]")) side.value = side.querySelector("[selected]").value;
  showUndo();
}

export async function undo() {
  const last = done.pop();
  if (!last) return;
  say("");
  try {
    if (last.back) {
      await opine(last.back.id, null);
      if (last.back.kind) await opine(last.back.id, last.back.kind);
    }
    await show(last.address, { words: `Undone: ${last.words}` });
  } catch (error) {
    done.push(last);
    say(error.message);
  }
}

function showUndo() {
  const button = document.getElementById("undo");
  button.disabled = !done.length;
  button.title = done.length ? `Undo: ${done.at(-1).words}` : "";
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
    : element?.closest("#question, #mix") ? { element: "mix" } : null;
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

/** Go to the address in which the rows stay as they are now, down to the last one that moved. */
export function keepOrder(upto, words) {
  const question = new URLSearchParams(location.search);
  const ids = rows().map((row) => row.dataset.track);
  const kept = ids.map((id, i) => [id, i + 1, i <= upto || rowOf(id).classList.contains("kept")]);
  question.set("keep", kept.filter(([, , stays]) => stays).map(([id, place]) => `${id}@${place}`).join(","));
  return act(`/?${question}`, { words });
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
