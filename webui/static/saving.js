// Tracks of this page that are kept as a playlist.

import { asName, make, rows, say } from "./page.js";
import { send } from "./server.js";

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-save]");
  if (!button) return;
  button.disabled = true;
  try {
    const name = asName(button.dataset.save);
    const first = button.dataset.first.split(",").filter(Boolean).map(Number); // the seeds
    const playlist = await send("POST", "/api/v1/playlists", { name, track_ids: [...first, ...rows().map((row) => Number(row.dataset.track))] });
    const link = make("a", { href: `/playlists/${playlist.id}` }, "Open playlist");
    button.replaceWith(link);
    link.focus({ preventScroll: true });
    say(`Saved “${playlist.name}” with ${playlist.n_tracks} tracks.`);
  } catch (error) {
    say(error.message);
    button.disabled = false;
  }
});
