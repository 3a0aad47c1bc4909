// Rows that are dragged by their handle, with any pointer.

/** Let the rows of a container be moved; `moved` is called with a row, its old and its new place. */
export function draggable(container, rows, moved) {
  container.addEventListener("pointerdown", (event) => {
    const handle = event.target.closest(".handle");
    if (!handle || event.button) return;
    const row = rows().find((one) => one.contains(handle));
    const from = rows().indexOf(row);
    const follow = (pointer) => {
      const under = rows().find((other) => {
        const box = other.getBoundingClientRect();
        return pointer.clientY >= box.top && pointer.clientY < box.bottom;
      });
      if (!under || under === row) return;
      const box = under.getBoundingClientRect();
      if (pointer.clientY < box.top + box.height / 2) under.before(row); else under.after(row);
      handle.setPointerCapture(event.pointerId);
    };
    const drop = () => {
      handle.removeEventListener("pointermove", follow);
      row.classList.remove("dragged");
      const to = rows().indexOf(row);
      if (to !== from) moved(row, from, to);
    };
    handle.setPointerCapture(event.pointerId);
    row.classList.add("dragged");
    handle.addEventListener("pointermove", follow);
    handle.addEventListener("lostpointercapture", drop, { once: true });
  });
}

/** Put rows back to the places at which the server has them. */
export function putBack(rows) {
  const focus = document.activeElement;
  rows[0]?.parentElement.append(...rows.toSorted((one, other) => one.dataset.place - other.dataset.place));
  focus.focus({ preventScroll: true });
}
