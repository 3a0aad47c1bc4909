// The search box: a combobox with a list of completions (ARIA Authoring Practices).

const form = document.getElementById("search-form");
const input = document.getElementById("search");
const list = document.getElementById("found");
const WAIT = 120; // ms after the last key

let go = (question) => location.assign(`/?${question}`);
let options = [];
let active = -1;
let timer = 0;
let asked = 0;

/** What is done with a choice: called with the new question and the words for it. */
export function whenChosen(call) {
  go = call;
}

function close() {
  list.hidden = true;
  list.replaceChildren();
  options = [];
  activate(-1);
  input.setAttribute("aria-expanded", "false");
}

function activate(place) {
  active = place;
  [...list.children].forEach((item, i) => item.setAttribute("aria-selected", String(i === place)));
  const item = list.children[place];
  if (item) {
    input.setAttribute("aria-activedescendant", item.id);
    item.scrollIntoView({ block: "nearest" });
  } else input.removeAttribute("aria-activedescendant");
}

function text(tag, name, words) {
  const element = document.createElement(tag);
  element.className = name;
  element.textContent = words;
  return element;
}

function render() {
  list.replaceChildren(...options.map((option, i) => {
    const item = document.createElement("li");
    item.id = `found-${i}`;
    item.setAttribute("role", "option");
    item.setAttribute("aria-selected", "false");
    item.append(text("span", "kind", option.kind), text("bdi", "name", option.name));
    if (option.detail) item.append(text("bdi", "detail", option.detail));
    item.addEventListener("mousedown", (event) => event.preventDefault()); // keep the focus
    item.addEventListener("click", (event) => choose(option, event.shiftKey));
    return item;
  }));
  list.hidden = !options.length;
  input.setAttribute("aria-expanded", String(options.length > 0));
  activate(options.length ? 0 : -1);
}

async function complete() {
  const turn = ++asked;
  const words = input.value.trim();
  if (!words) {
    close();
    return;
  }
  const answer = await fetch(`/api/v1/complete?${new URLSearchParams({ q: words })}`);
  if (turn !== asked || !answer.ok) return;
  options = (await answer.json()).completions;
  render();
}

function choose(option, exclude) {
  asked += 1;
  input.value = "";
  close();
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
}

input.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(complete, WAIT);
});
input.addEventListener("keydown", (event) => {
  const moves = { ArrowDown: 1, ArrowUp: -1 };
  if (event.key in moves && options.length) {
    event.preventDefault();
    activate((active + moves[event.key] + options.length) % options.length);
  } else if (event.key === "Escape" && options.length) {
    event.preventDefault();
    close();
  }
});
input.addEventListener("blur", close);
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const exclude = shifted;
  clearTimeout(timer);
  if (!options.length) await complete();
  if (options[active]) choose(options[active], exclude);
});
let shifted = false; // whether Shift was held at the last key: Shift+Enter excludes
input.addEventListener("keydown", (event) => { shifted = event.shiftKey; }, { capture: true });
