// Shows a page that says so where the server cannot be reached. It keeps that page and how it looks,
// nothing else: nothing of a person, and nothing that could be shown in place of something newer.

const CACHE = "earshot-offline-1";
const OFFLINE = "/offline";
const LOOKS = ["/static/earshot.css", "/static/player.css", "/static/early.js", "/static/icon.svg"];

self.addEventListener("install", (event) => {
  const fresh = [OFFLINE, ...LOOKS].map((path) => new Request(path, { cache: "reload", credentials: "omit" }));
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(fresh)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  const old = caches.keys().then((names) => names.filter((name) => name !== CACHE));
  event.waitUntil(old.then((names) => Promise.all(names.map((name) => caches.delete(name)))).then(() => self.clients.claim()));
});

/** Ask the server; what is kept answers only where nobody does. */
const online = (request, kept) => fetch(request).catch(async (error) => {
  const answer = await caches.match(kept);
  if (!answer) throw error;
  return answer;
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== location.origin) return;
  if (request.mode === "navigate") event.respondWith(online(request, OFFLINE));
  else if (LOOKS.includes(pathname)) event.respondWith(online(request, pathname));
});
