// The search box at the head of every page: what is chosen becomes a seed.

import { combobox } from "./combobox.js";

const form = document.getElementById("search-form");
const input = document.getElementById("search");

let go = (question) => location.assign(`/?${question}`);

/** What is done with a choice: called with the new question and the words for it. */
export function whenChosen(call) {
  go = call;
}

const take = combobox(input, document.getElementById("found"), (option, exclude) => {
  input.value = "";
  if (option.kind === "words") {
    location.assign(`/words?${new URLSearchParams({ q: option.name })}`);
    return;
  }
  const question = new URLSearchParams("here" in form.dataset ? location.search : "");
  const ref = `${option.kind}:${option.ref}`;
  question.delete("q");
  for (const side of ["like", "unlike", "without"]) {
    const others = question.getAll(side).filter((known) => known !== ref);
    question.delete(side);
    for (const other of others) question.append(side, other);
  }
  question.append(exclude ? "without" : "like", ref);
  go(question, `${exclude ? "Left out" : "Added"} ${option.name}.`);
}, null, (typed) => [{ kind: "words", ref: typed, name: typed, detail: "find music by these words" }]);

let shifted = false; // whether Shift was held at the last key: Shift+Enter excludes
input.addEventListener("keydown", (event) => { shifted = event.shiftKey; }, { capture: true });
form.addEventListener("submit", (event) => {
  event.preventDefault();
  take(shifted);
});
