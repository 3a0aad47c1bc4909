// Trying the API: each form sends what its operation takes, and shows what came back.

import { make } from "./page.js";
import "./player.js";
import "./search.js";
import { request } from "./server.js";

const token = document.querySelector('meta[name="earshot-token"]').content;
const LONGEST = 20000; // characters of an answer that are shown

/** Return the address, headers and body that a form describes. */
function question(form) {
  let path = form.dataset.path;
  const query = new URLSearchParams();
  const headers = {};
  for (const field of form.querySelectorAll("[data-name]")) {
    const { name, place } = field.dataset;
    const values = field.matches("textarea") ? field.value.split("\n") : [field.value];
    for (const value of values.filter(Boolean)) {
      if (place === "path") path = path.replace(`{${name}}`, encodeURIComponent(value));
      else if (place === "header") headers[name] = value;
      else query.append(name, value);
    }
  }
  const address = query.size ? `${path}?${query}` : path;
  const options = { method: form.dataset.method, headers };
  const body = form.querySelector(".body");
  if (options.method !== "GET") headers["X-Earshot-Token"] = token;
  if (body) {
    const file = form.dataset.body === "file";
    options.body = file ? body.files[0] ?? "" : body.value;
    headers["Content-Type"] = file ? "application/octet-stream" : "application/json";
  }
  return [address, options];
}

/** Write the same as a command for a terminal. */
function command(address, { method, headers, body }) {
  const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const words = ["curl"];
  if (method !== "GET") words.push("-X", method);
  for (const [name, value] of Object.entries(headers)) {
    words.push("-H", name === "X-Earshot-Token" ? `"${name}: $token"` : quoted(`${name}: ${value}`));
  }
  if (typeof body === "string") words.push("-d", quoted(body));
  else if (body) words.push("--data-binary", quoted(`@${body.name}`));
  return [...words, quoted(new URL(address, location).href)].join(" ");
}

/** Return what an answer says as a person can read it. */
async function readable(answer) {
  const kind = answer.headers.get("Content-Type") ?? "";
  if (!/json|xml|text|mpegurl/.test(kind)) {
    const { size } = await answer.blob();
    return size ? `${size} bytes of ${kind}` : "";
  }
  const text = await answer.text();
  const shown = kind.includes("json") ? JSON.stringify(JSON.parse(text), null, 2) : text;
  return shown.length > LONGEST ? `${shown.slice(0, LONGEST)}\n…` : shown;
}

/** Put lines of text into an element, each in one of its own. */
function show(place, lines) {
  const shownLines = lines.filter(([, text]) => text); // a long text can be scrolled by keyboard
  place.replaceChildren(...shownLines.map(([kind, text]) => make(kind, kind === "pre" ? { tabindex: 0 } : {}, text)));
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches(".operation")) return;
  event.preventDefault();
  const place = form.querySelector(".answer");
  const [address, options] = question(form);
  show(place, [["p", "Sent …"]]);
  try {
    const answer = await request(address, options);
    const etag = answer.headers.get("ETag");
    show(place, [
      ["p", `${answer.status} ${answer.statusText}${etag ? `, ETag ${etag}` : ""}`],
      ["pre", await readable(answer)],
      ["pre", command(address, options)],
    ]);
  } catch (error) {
    show(place, [["p", error.message]]);
  }
});

// An address with the name of an operation opens it.
const named = location.hash && document.getElementById(`operation-${location.hash.slice(1)}`);
if (named) {
  named.open = true;
  named.scrollIntoView();
}
