// Importing listening histories: files one after the other, each followed until it ends.

import { make, say } from "./page.js";
import "./player.js";
import "./search.js";
import { request, send } from "./server.js";

const IMPORTS = "/api/v1/imports";
const POLL = 700; // ms between two looks at an import
const page = document.getElementById("import");
const form = document.getElementById("import-form");
const busy = document.getElementById("importing");
const sentence = document.getElementById("import-sentence").firstElementChild;

/** Say what is under way, "" for nothing, and whether it goes on without this page. */
function work(words, goesOn = false) {
  busy.hidden = !words;
  document.getElementById("import-goes-on").hidden = !goesOn;
  sentence.textContent = words;
  form.querySelector("[type=submit]").disabled = Boolean(words);
}

/** Follow the import that runs; answer how it ended. */
async function followed(isLast = true) {
  for (;;) {
    const answer = await request(IMPORTS);
    const state = answer.ok ? await answer.json() : null;
    if (state && state.state !== "running") return state;
    if (state) work(state.sentence, isLast);
    await new Promise((go) => { setTimeout(go, POLL); });
  }
}

function show(lines, wrong) {
  const items = lines.map((line) => make("li", {}, make("bdi", {}, line)));
  document.getElementById("imported").append(make("div", { class: wrong ? "said wrong" : "said" }, make("ul", {}, ...items)));
}

async function importFile(file, question, isLast) {
  work(`Sending ${file.name} …`);
  await send("POST", `${IMPORTS}?${new URLSearchParams({ ...question, name: file.name })}`, file, "application/octet-stream");
  const { state, lines } = await followed(isLast);
  show(lines, state === "failed" || state === "died");
  return state;
}

async function importAll(files, question) {
  document.getElementById("imported").replaceChildren();
  let done = 0;
  try {
    for (const file of files) {
      const state = await importFile(file, question, file === files.at(-1));
      if (state === "stopped") break;
      done += state === "done";
    }
  } catch (error) {
    show([error.message], true);
  }
  work("");
  page.dataset.state = "ended";
  if (done) {
    document.getElementById("imported").append(make("p", {}, make("a", { class: "button", href: "/" }, "See your mix")));
    form.reset();
  }
}

form?.addEventListener("submit", (event) => {
  event.preventDefault();
  const given = [...new FormData(form)].filter(([, value]) => value !== "");
  importAll([...document.getElementById("history").files], Object.fromEntries(given));
});

document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-claim]")) return;
  const receiver = event.target.querySelector("select");
  const whose = !receiver || receiver.options[receiver.selectedIndex].defaultSelected ? "yours" : `those of ${receiver.options[receiver.selectedIndex].text}`;
  const question = `Add the listens of “${event.target.elements.listener.value}” to ${whose}? This cannot be undone.`;
  if (!window.confirm(question)) event.preventDefault();
});

document.getElementById("import-stop")?.addEventListener("click", () => {
  send("DELETE", IMPORTS).catch((error) => say(error.message));
});

if (page.dataset.state === "running") {
  work(sentence.textContent, true);
  followed().then(({ state, lines }) => {
    work("");
    show(lines, state === "failed" || state === "died");
  });
}
