// What the list's address asks for, as URLSearchParams, and what rows change of it.

const SIDES = ["like", "unlike", "without"];

/** Return what stays at a place: {id, place}. */
const pinned = (question) => (question.get("keep") ?? "").split(",").filter(Boolean).map((part) => {
  const [id, place] = part.split("@");
  return { id, place: Number(place) };
});

export function setPinned(question, pins) {
  const text = pins.toSorted((one, other) => one.place - other.place).map(({ id, place }) => `${id}@${place}`).join(",");
  if (text) question.set("keep", text); else question.delete("keep");
}

/** Keep a track at a place. */
export function pinAt(question, id, place) {
  setPinned(question, [...pinned(question).filter((one) => one.id !== id && one.place !== place), { id, place }]);
}

/** Keep a track at its place no longer. */
export function unpin(question, id) {
  setPinned(question, pinned(question).filter((one) => one.id !== id));
}

/** Take a track out of its place, which what is below it closes up to; with `name`, leave it out for good. */
export function takeOut(question, id, place, name) {
  setPinned(question, pinned(question).filter((one) => one.id !== id)
    .map((one) => ({ id: one.id, place: one.place - (one.place > place) })));
  if (!name) return;
  const ref = `track:${id}`;
  for (const side of SIDES) setAll(question, side, question.getAll(side).filter((known) => known !== ref));
  question.append("without", ref);
}

/** Take that back. */
export function putBackIn(question, id, place) {
  setPinned(question, pinned(question).map((one) => ({ id: one.id, place: one.place + (one.place >= place) })));
  setAll(question, "without", question.getAll("without").filter((known) => known !== `track:${id}`));
}

/** Return the address that changes what is asked `now` as another one changes what was asked when it was written. */
export function rebased(address, written, now) {
  const { pathname, searchParams: wanted } = new URL(address, location);
  const writtenFor = new URLSearchParams(written);
  const question = new URLSearchParams(now);
  if (String(writtenFor) === String(question)) return address;
  for (const name of new Set([...writtenFor.keys(), ...wanted.keys()])) {
    if (SIDES.includes(name)) {
      const [old, fresh] = [writtenFor.getAll(name), wanted.getAll(name)];
      const stay = question.getAll(name).filter((value) => fresh.includes(value) || !old.includes(value));
      setAll(question, name, [...stay, ...fresh.filter((value) => !old.includes(value) && !stay.includes(value))]);
    } else if (name === "keep") {
      const ids = pinned(wanted).map(({ id }) => id);
      for (const { id } of pinned(writtenFor)) if (!ids.includes(id)) unpin(question, id);
    } else if (wanted.get(name) !== writtenFor.get(name)) {
      if (wanted.has(name)) question.set(name, wanted.get(name)); else question.delete(name);
    }
  }
  return `${pathname}?${question}`;
}

function setAll(question, name, values) {
  question.delete(name);
  for (const value of values) question.append(name, value);
}
