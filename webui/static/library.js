// The library page: starts a build, follows it, stops it, and takes up what it changed.

import { say } from "./page.js";
import "./player.js";
import "./search.js";
import { request, send } from "./server.js";

const POLL = 5000; // ms between two questions while nothing is built, or the stream is taken
const BUILD = "/api/v1/build";

const section = document.getElementById("build");
const part = (name) => document.getElementById(`build-${name}`);
let stream = null;

function show(build) {
  const before = section.dataset.state;
  const running = build.state === "running";
  section.dataset.state = build.state;
  part("sentence").firstElementChild.textContent = build.sentence;
  part("details").textContent = build.details;
  part("live").hidden = !running;
  const bar = part("bar");
  if (build.total) {
    bar.max = build.total;
    bar.value = build.done;
  } else bar.removeAttribute("value");
  if (part("start")) {
    part("start").hidden = part("retry").hidden = running;
    part("stop").hidden = !running;
    part("stop").disabled = false;
  }
  const lines = build.lines ?? [];
  part("said").hidden = !lines.length;
  part("lines").replaceChildren(...lines.map((line) => {
    const item = document.createElement("li");
    const words = item.appendChild(document.createElement("bdi"));
    words.textContent = line;
    return item;
  }));
  if (running) follow();
  else if (before === "running") ended(build);
}

/** Follow by the stream of events; where the server has none to spare, `poll` goes on. */
function follow() {
  if (stream) return;
  stream = new EventSource(`${BUILD}/events`);
  stream.addEventListener("build", (event) => {
    const build = JSON.parse(event.data);
    if (build.state !== "running") close();
    show(build);
  });
  stream.addEventListener("error", () => {
    if (stream?.readyState === EventSource.CLOSED) stream = null;
  });
}

function close() {
  stream?.close();
  stream = null;
}

async function ended(build) {
  const page = new DOMParser().parseFromString(await (await request(location.href)).text(), "text/html");
  const fresh = page.getElementById("facts");
  if (!fresh) return;
  const focused = document.activeElement === document.body;
  document.getElementById("facts").replaceWith(fresh);
  if (focused && part("start")) part("start").focus({ preventScroll: true });
  const index = fresh.dataset.indexed ? ` ${fresh.dataset.indexed} tracks can be found now.` : "";
  say(`${build.sentence}${build.state === "done" ? index : ""}`);
}

async function poll() {
  if (!stream && document.visibilityState === "visible") {
    try {
      const answer = await fetch(BUILD);
      if (answer.ok) show(await answer.json());
    } catch { /* the server is away; it is asked again */ }
  }
  setTimeout(poll, POLL);
}

async function act(method, button, body) {
  button.disabled = true;
  try {
    show(await send(method, BUILD, body));
    if (method === "POST") part("stop")?.focus();
  } catch (error) {
    say(error.message);
  }
  if (method === "POST") button.disabled = false;
}

if (section) {
  part("start")?.addEventListener("click", (event) => {
    say("Starting a build …", false);
    act("POST", event.target, { retry_failed: document.getElementById("retry").checked }).then(() => {
      if (section.dataset.state === "running") say("The build has started.");
    });
  });
  part("stop")?.addEventListener("click", (event) => {
    say("Stopping: what is done so far is saved.");
    act("DELETE", event.target);
  });
  if (section.dataset.state === "running") follow();
  setTimeout(poll, POLL);
}
