// The page of a new home: chooses a music folder, starts the first build, follows it.

import { changed, make, rows, say } from "./page.js";
import "./player.js";
import { request, send } from "./server.js";

const POLL = 1500; // ms between two looks at a running build
const BUILD = "/api/v1/build";
const byId = (id) => document.getElementById(id);
const main = byId("welcome");

async function start(body) {
  const buttons = [...document.querySelectorAll("#choose button")];
  for (const button of buttons) button.disabled = true;
  say("Starting …", false);
  try {
    await send("POST", BUILD, body);
    await refresh();
    say("The build has started.");
    main.focus();
  } catch (error) {
    say(error.message, false);
    for (const button of buttons) button.disabled = false;
  }
}

/** Show the page as it is now; where the library is ready, go there. */
async function refresh() {
  const page = new DOMParser().parseFromString(await (await request("/", { headers: { Accept: "text/html" } })).text(), "text/html");
  const fresh = page.getElementById("welcome");
  if (!fresh) {
    location.assign("/");
    return;
  }
  if (fresh.dataset.state === main.dataset.state && byId("progress") && page.getElementById("progress")) {
    byId("progress").replaceWith(page.getElementById("progress"));
    showFirst(page, fresh);
  } else {
    main.dataset.state = fresh.dataset.state;
    main.replaceChildren(...fresh.childNodes);
    changed();
  }
}

/** Add tracks that were found meanwhile; those that are shown stay as they are. */
function showFirst(page, fresh) {
  const list = byId("first");
  if (!list) {
    const section = page.getElementById("first")?.closest("section");
    if (section) main.append(section);
  } else {
    const known = new Set(rows().map((row) => row.dataset.track));
    list.append(...[...fresh.querySelectorAll("#first > li")].filter((row) => !known.has(row.dataset.track)));
  }
  changed();
}

async function poll() {
  if (main.dataset.state === "running" && document.visibilityState === "visible") {
    await refresh().catch(() => {}); // the server is away; it is asked again
  }
  setTimeout(poll, POLL);
}

// Folders

async function browse(path) {
  const answer = await request(`/api/v1/folders?${new URLSearchParams({ path })}`);
  const listed = await answer.json();
  if (!answer.ok) {
    say(listed.detail);
    if (path) browse("");
    return;
  }
  byId("here").textContent = listed.path || "Choose a folder";
  byId("up").hidden = !listed.path;
  byId("up").dataset.path = listed.parent;
  if (listed.path) byId("folder").value = listed.path;
  byId("folders").replaceChildren(...listed.folders.map(({ name, path: below }) =>
    make("li", {}, make("button", { type: "button", "data-path": below }, make("bdi", {}, name)))));
  if (!listed.folders.length) byId("folders").append(make("li", { class: "hint" }, "No folders in it."));
  if (listed.n_more) byId("folders").append(make("li", { class: "hint" }, `and ${listed.n_more} more: type the path above.`));
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.id === "browse") {
    const open = byId("browser").hidden;
    byId("browser").hidden = !open;
    button.setAttribute("aria-expanded", String(open));
    if (open) browse(byId("folder").value);
  } else if (button.id === "up" || button.dataset.path) browse(button.dataset.path);
  else if (button.id === "demo") start({ demo: true });
  else if (button.id === "stop") {
    button.disabled = true;
    send("DELETE", BUILD).then(() => say("Stopping: what is done so far is saved.")).catch((error) => say(error.message));
  }
});
document.addEventListener("submit", (event) => {
  if (event.target.id !== "choose") return;
  event.preventDefault();
  start({ folders: [byId("folder").value] });
});
poll();
