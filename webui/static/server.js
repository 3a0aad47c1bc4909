// Requests to the API.

import { say } from "./page.js";

class Unreachable extends Error {}

const LONGEST_WAIT = 5; // s that a server may ask to wait for, before it is asked once more

let token = document.querySelector('meta[name="earshot-token"]').content;

/** Fetch. Throws an Error with a sentence where no server answers; uncaught, it is shown in the status line. */
export async function request(path, options) {
  try {
    return await fetch(path, options);
  } catch {
    throw new Unreachable("The server cannot be reached.");
  }
}

window.addEventListener("unhandledrejection", (event) => {
  if (!(event.reason instanceof Unreachable)) return;
  event.preventDefault();
  say(event.reason.message);
});

/**
 * Send a request that writes; answers the JSON, null for none. Throws an Error with a sentence, and with
 * `retryAfter` in seconds where there were too many requests.
 */
export async function send(method, path, body, type = "application/json", more = {}) {
  let answer = await attempt(method, path, body, type, more);
  if (answer.status === 401) { // the session is over
    logIn();
    throw new Error("You are logged out.");
  }
  if (answer.status === 403) { // the server was restarted since the page was opened
    token = (await (await request("/api/v1/session")).json()).token;
    answer = await attempt(method, path, body, type, more);
  }
  const busy = answer.status === 503 && Number(answer.headers.get("Retry-After"));
  if (busy && busy <= LONGEST_WAIT) { // another program writes
    await new Promise((go) => { setTimeout(go, 1000 * busy); });
    answer = await attempt(method, path, body, type, more);
  }
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  const retryAfter = answer.status === 429 ? Number(answer.headers.get("Retry-After")) : 0;
  throw Object.assign(new Error(await problem(answer)), { retryAfter });
}

/** Go to the form and, from there, back here. */
export function logIn() {
  location.assign(`/login?${new URLSearchParams({ next: location.pathname + location.search })}`);
}

/** Like, dislike or skip a track; null removes the feedback. */
export function sendFeedback(id, kind) {
  const path = `/api/v1/tracks/${id}/feedback`;
  return kind ? send("PUT", path, { kind }) : send("DELETE", path);
}

/** Return in which state something is, as `If-Match` takes it. */
export async function etagOf(path) {
  return (await request(path, { method: "HEAD" })).headers.get("ETag");
}

function attempt(method, path, body, type, more) {
  const headers = { "X-Earshot-Token": token, ...more };
  if (body !== undefined) headers["Content-Type"] = type;
  if (body !== undefined && type === "application/json") body = JSON.stringify(body);
  return request(path, { method, headers, body });
}

async function problem(answer) {
  try {
    return (await answer.json()).detail;
  } catch {
    return `The server answered ${answer.status}.`;
  }
}
