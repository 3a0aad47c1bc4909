// What has to be there before any control or picture; hence a classic script in the head.

// What is pressed, typed or changed before the page's modules have run waits until they have: then
// DOMContentLoaded comes.

{
  const KINDS = ["click", "input", "change"];
  const waiting = new Map(); // by control, the kind of event: each control acts once

  const hold = (event) => {
    const control = event.type === "click" ? event.target.closest('button[type="button"]') : event.target;
    if (!control) return; // what the browser does by itself, it does at once
    event.stopImmediatePropagation();
    waiting.set(control, event.type);
  };
  for (const kind of KINDS) document.addEventListener(kind, hold, { capture: true });

  document.addEventListener("DOMContentLoaded", () => {
    for (const kind of KINDS) document.removeEventListener(kind, hold, { capture: true });
    for (const [control, kind] of waiting) {
      if (kind === "click") control.click();
      else control.dispatchEvent(new Event(kind, { bubbles: true }));
    }
  });
}

// A cover that is not there leaves the letter behind it.
document.addEventListener("error", ({ target }) => { if (target.matches?.(".cover img")) target.remove(); }, { capture: true });
