// The playlist that was deleted last, on its own page or among all: kept for this session, to be brought back.

import { request, send } from "./server.js";

const PLAYLISTS = "/api/v1/playlists";
const RENEWALS = "/api/v1/renewals";
const DELETED = "deleted-playlist";

/** Return its name, its tracks, and how it renewed itself; null where none was deleted. */
export const lastDeleted = () => JSON.parse(sessionStorage.getItem(DELETED));

/** Delete a playlist, and keep what it was. */
export async function deleteForSession(id) {
  const { name, tracks } = await (await request(`${PLAYLISTS}/${id}`)).json();
  const renewal = await request(`${RENEWALS}/${id}`);
  const plan = renewal.ok ? await renewal.json() : null;
  await send("DELETE", `${PLAYLISTS}/${id}`);
  const track_ids = tracks.map((track) => track.id);
  sessionStorage.setItem(DELETED, JSON.stringify({ name, track_ids, plan }));
}

/** Bring it back, and return its name. One that renewed itself does so again, beginning with a new list. */
export async function restoreDeleted() {
  const { name, track_ids, plan } = lastDeleted();
  if (plan) {
    const { question, every, stay, folder, relative, paused } = plan;
    const made = await send("POST", RENEWALS, { name, question, every, stay, folder, relative });
    if (paused) await send("PATCH", `${RENEWALS}/${made.id}`, { paused });
  } else await send("POST", PLAYLISTS, { name, track_ids });
  sessionStorage.removeItem(DELETED);
  return name;
}
