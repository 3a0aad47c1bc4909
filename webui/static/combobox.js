// A field that completes names of the library: a combobox with a list (ARIA Authoring Practices).

import { make, say } from "./page.js";
import { request } from "./server.js";

const WAIT = 120; // ms after the last key

/**
 * Make a field complete into a list; `chosen` is called with an option {kind, ref, name, detail} and
 * whether Shift was held. `kinds` are those that are offered, null for all; `last` returns options for
 * what was typed that are offered after them.
 * Answers what takes the active option, asking first where nothing is known yet; false for none.
 */
export function combobox(input, list, chosen, kinds = null, last = () => []) {
  let options = [];
  let active = -1;
  let timer = 0;
  let nRequests = 0;

  function close() {
    list.hidden = true;
    list.replaceChildren();
    options = [];
    setActive(-1);
    input.setAttribute("aria-expanded", "false");
  }

  function setActive(place) {
    active = place;
    [...list.children].forEach((item, i) => item.setAttribute("aria-selected", String(i === place)));
    const item = list.children[place];
    if (item) {
      input.setAttribute("aria-activedescendant", item.id);
      item.scrollIntoView({ block: "nearest" });
    } else input.removeAttribute("aria-activedescendant");
  }

  function render() {
    list.replaceChildren(...options.map((option, i) => {
      const item = make("li", { id: `${list.id}-${i}`, role: "option", "aria-selected": "false" },
        make("span", { class: "kind" }, option.kind), make("bdi", { class: "name" }, option.name));
      if (option.detail) item.append(make("bdi", { class: "detail" }, option.detail));
      item.addEventListener("mousedown", (event) => event.preventDefault()); // keep the focus
      item.addEventListener("click", (event) => choose(option, event.shiftKey));
      return item;
    }));
    list.hidden = !options.length;
    input.setAttribute("aria-expanded", String(options.length > 0));
    setActive(options.length ? 0 : -1);
  }

  async function complete() {
    const turn = ++nRequests;
    const words = input.value.trim();
    if (!words) {
      close();
      return;
    }
    const answer = await request(`/api/v1/complete?${new URLSearchParams({ q: words })}`);
    if (!answer.ok) return;
    const { completions } = await answer.json();
    if (turn !== nRequests) return; // something else was typed or chosen meanwhile
    options = completions.filter((option) => !kinds || kinds.includes(option.kind)).concat(last(words));
    render();
    if (!options.length) say(`No results for “${words}”.`);
  }

  function choose(option, shift) {
    nRequests += 1;
    close();
    chosen(option, shift);
  }

  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(complete, WAIT);
  });
  input.addEventListener("keydown", (event) => {
    const moves = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key in moves && options.length) {
      event.preventDefault();
      setActive((active + moves[event.key] + options.length) % options.length);
    } else if (event.key === "Escape" && options.length) {
      event.preventDefault();
      close();
    }
  });
  input.addEventListener("blur", close);

  return async (shift = false) => {
    clearTimeout(timer);
    if (!options.length) await complete();
    if (!options[active]) return false;
    choose(options[active], shift);
    return true;
  };
}
