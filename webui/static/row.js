// What is done with a row of the list: it is liked, disliked, skipped, removed. A row that leaves the
// list says so where it stands, until the new list is shown.

import { act } from "./list.js";
import { free, keepAt, putBackIn, takeOut } from "./mix.js";
import { make, rows } from "./page.js";
import { giveWay } from "./player.js";

const SAID = { like: "Liked", dislike: "Disliked", skip: "Skipped", remove: "Removed" };
const LEAVES = ["dislike", "skip", "remove"];

/** Return the place of a row among those that stay, from 1. */
const placeOf = (row) => 1 + rows().slice(0, rows().indexOf(row)).filter((other) => !other.dataset.leaving).length;

/** Like, dislike or skip a row, or take that back where it is so. */
export function judge(row, kind) {
  const { feedback: was = "", title } = row.dataset;
  if (was === kind) change(row, earlier(row), `Removed the ${kind} from “${title}”.`);
  else change(row, kind);
}

/** Leave a row's track out of the list. */
export const remove = (row) => change(row, "remove");

/** Let a row that leaves the list stay. */
export const stay = (row) => change(row, earlier(row), `“${row.dataset.title}” stays.`);

/** Return what was said of a row's track before it left. */
const earlier = (row) => row.dataset.earlier ?? "";

/** Change what a row is: "", or a key of SAID. What leaves while it plays gives way to the next. */
async function change(row, kind, words = `${SAID[kind]} “${row.dataset.title}”.`) {
  const { track: id, feedback: was = "", leaving: left = "" } = row.dataset;
  if (kind === "remove" && left) return;
  const said = kind === "remove" ? was : kind; // to remove is to say nothing of a track
  const leaves = LEAVES.includes(kind) ? kind : "";
  const place = placeOf(row);
  if (leaves && !left) row.dataset.earlier = was;
  mark(row, said, leaves);
  const opinion = said === was ? null : { id, kind: said || null, was: was || null };
  const ask = (question) => {
    if (left) putBackIn(question, id, place);
    if (leaves) takeOut(question, id, place, leaves !== "dislike");
    else if (said === "like") keepAt(question, id, place);
    else if (was === "like") free(question, id);
  };
  if (!await act(ask, { words, say: opinion, still: true })) mark(row, was, left);
  else if (leaves) giveWay(id);
}

/** Show what is said of a row's track, and whether the row leaves the list. */
function mark(row, said, leaving) {
  row.dataset.feedback = said;
  for (const button of row.querySelectorAll("[data-say-kind]")) {
    button.setAttribute("aria-pressed", String(button.dataset.sayKind === said));
  }
  row.classList.toggle("kept", said === "like" && !leaving);
  row.querySelector(".leaves")?.remove();
  if (!leaving) {
    delete row.dataset.leaving;
    delete row.dataset.earlier;
    return;
  }
  row.dataset.leaving = leaving;
  row.querySelector(".measures").append(make("p", { class: "leaves" }, `${SAID[leaving]}. `,
    make("button", { type: "button", "data-stay": "", "aria-label": `Undo: keep “${row.dataset.title}”` }, "Undo")));
}
