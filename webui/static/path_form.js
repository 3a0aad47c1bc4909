// The form of a path between two tracks: both fields complete tracks.

import { combobox } from "./combobox.js";

for (const name of ["start", "end"]) {
  const input = document.getElementById(name);
  const id = document.getElementById(`${name}-id`);
  const take = combobox(input, document.getElementById(`${name}-found`), (option) => {
    input.value = option.detail ? `${option.name} · ${option.detail}` : option.name;
    id.value = option.ref;
  }, ["track"]);
  input.addEventListener("input", () => { id.value = ""; });
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || id.value) return;
    event.preventDefault(); // the track first, then the way
    take();
  });
}
