// Playlists that renew themselves: saved from a mix, and changed on their own page.

import { asName, make, say } from "./page.js";
import { send } from "./server.js";

const RENEWALS = "/api/v1/renewals";
const SAID = "said-of-renewal"; // in the session: words for the page that is loaded next
const card = document.getElementById("renewal");

/** Return what a form asks for; the folder only where there is a field for it. */
function planOf(form) {
  const { every, stay, folder, relative } = form.elements;
  const plan = { every: every.value, stay: Number(stay.value) };
  return folder ? { ...plan, folder: folder.value.trim(), relative: relative.checked } : plan;
}

/** Save the mix of the page as a new playlist, or as what one goes by from now on. */
async function save(form) {
  const plan = { ...planOf(form), question: form.dataset.mix };
  const instead = form.elements.playlist?.value;
  const saved = instead
    ? await send("PATCH", `${RENEWALS}/${instead}`, plan)
    : await send("POST", RENEWALS, { ...plan, name: asName(form.elements.name.value) });
  const link = make("a", { href: `/playlists/${saved.id}` }, "Open playlist");
  form.closest("details").replaceWith(make("p", {}, link));
  link.focus({ preventScroll: true });
  say(instead ? `“${saved.name}” goes by this mix from its next list on.` : `Saved “${saved.name}”, which renews itself.`);
}

/** Change the playlist of the page, and show it as it is then. */
async function change(method, words, body = {}) {
  await send(method, `${RENEWALS}/${card.dataset.renewal}`, body);
  sessionStorage.setItem(SAID, words);
  location.reload();
}

function attempt(button, what) {
  if (button) button.disabled = true;
  what.catch((error) => say(error.message)).finally(() => { if (button) button.disabled = false; });
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.dataset.mix && !card?.contains(form)) return;
  event.preventDefault();
  attempt(event.submitter, form.dataset.mix ? save(form) : change("PATCH", "Saved the changes.", planOf(form)));
});
document.addEventListener("change", (event) => {
  if (event.target.id !== "instead") return;
  const { name } = event.target.form.elements;
  name.disabled = Boolean(event.target.value); // it has a name
});
card?.addEventListener("click", (event) => {
  const button = event.target.closest("button[type=button]");
  if (!button) return;
  if ("renew" in button.dataset) attempt(button, change("POST", "Renewed the playlist."));
  else if ("end" in button.dataset) attempt(button, change("DELETE", "It renews itself no longer."));
  else if ("pause" in button.dataset) {
    const paused = Boolean(button.dataset.pause);
    attempt(button, change("PATCH", paused ? "Paused." : "It renews itself again.", { paused }));
  }
});
const said = sessionStorage.getItem(SAID);
if (said) {
  sessionStorage.removeItem(SAID);
  (card ?? document.getElementById("playlist"))?.focus({ preventScroll: true });
  say(said);
}
