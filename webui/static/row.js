// What is done with a row of the list: it is liked, disliked, skipped, removed. A row that leaves the
// list says so where it stands, until the new list is shown.

import { act } from "./list.js";
import { unpin, pinAt, putBackIn, takeOut } from "./mix.js";
import { make, rows } from "./page.js";
import { giveWay } from "./player.js";

const SAID = { like: "Liked", dislike: "Disliked", skip: "Skipped", remove: "Removed" };
const LEAVES = ["dislike", "skip", "remove"];

/** Return the place of a row among those that stay, from 1. */
const placeOf = (row) => 1 + rows().slice(0, rows().indexOf(row)).filter((other) => !other.dataset.leaving).length;

/** Like, dislike or skip a row, or take that back where it is so. */
export function rate(row, kind) {
  const { feedback: before = "", title } = row.dataset;
  if (before === kind) change(row, feedbackBeforeLeaving(row), `Removed the ${kind} from “${title}”.`);
  else change(row, kind);
}

/** Leave a row's track out of the list. */
export const remove = (row) => change(row, "remove");

/** Let a row that leaves the list stay. */
export const keepRow = (row) => change(row, feedbackBeforeLeaving(row), `“${row.dataset.title}” stays.`);

/** Return the feedback on a row's track before it left. */
const feedbackBeforeLeaving = (row) => row.dataset.earlier ?? "";

/** Change what a row is: "", or a key of SAID. What leaves while it plays gives way to the next. */
async function change(row, kind, words = `${SAID[kind]} “${row.dataset.title}”.`) {
  const { track: id, feedback: before = "", leaving: leavingBefore = "" } = row.dataset;
  if (kind === "remove" && leavingBefore) return;
  const feedback = kind === "remove" ? before : kind; // removing is no feedback
  const leaves = LEAVES.includes(kind) ? kind : "";
  const place = placeOf(row);
  if (leaves && !leavingBefore) row.dataset.earlier = before;
  showRow(row, feedback, leaves);
  const feedbackChange = feedback === before ? null : { id, kind: feedback || null, previous: before || null };
  const ask = (question) => {
    if (leavingBefore) putBackIn(question, id, place);
    if (leaves) takeOut(question, id, place, leaves !== "dislike");
    else if (feedback === "like") pinAt(question, id, place);
    else if (before === "like") unpin(question, id);
  };
  if (!await act(ask, { words, feedback: feedbackChange, still: true })) showRow(row, before, leavingBefore);
  else if (leaves) giveWay(id);
}

/** Show the feedback on a row's track, and whether the row leaves the list. */
function showRow(row, feedback, leaving) {
  row.dataset.feedback = feedback;
  for (const button of row.querySelectorAll("[data-say-kind]")) {
    button.setAttribute("aria-pressed", String(button.dataset.sayKind === feedback));
  }
  row.classList.toggle("kept", feedback === "like" && !leaving);
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
