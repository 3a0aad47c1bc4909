"""A listening history into the catalogue: in batches, each stored whole or not at all.

Importing a file again, or one that overlaps it, changes nothing that is known already, so an import
that was stopped is finished by running it again.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from recsys.catalog import Catalog, Opinion, PlayCount, StoredCounts
from recsys.catalog.base import batches, shown
from recsys.listens.choice import FormatChoice
from recsys.listens.formats import read
from recsys.listens.notes import Notes
from recsys.listens.sources import BadLine, FormatError
from recsys.listens.table_rows import Event

_EVENTS_AT_ONCE = 20_000
_BAD_LINES_SHOWN = 20


@dataclass
class Imported:
    """What became of a file.

    listens, counts, feedback  how many there were of each
    stored                     which of them were new, changed something, or were known
    n_bad, bad                 lines that could not be used: how many, and the first of them
    notes                      how it was read, and what was left out on purpose
    """

    path: Path
    formats: set[str] = field(default_factory=set)
    listens: int = 0
    counts: int = 0
    feedback: int = 0
    stored: StoredCounts = field(default_factory=StoredCounts)
    n_bad: int = 0
    bad: list[BadLine] = field(default_factory=list)
    notes: Notes = field(default_factory=Notes)
    seconds: float = 0.0

    @property
    def rows(self) -> int:
        """All rows that were read."""
        return self.listens + self.counts + self.feedback + self.n_bad


def sentences(imported: Imported) -> list[str]:
    """Say what became of a file, for people; the first of the lines that could not be used too."""
    stored = imported.stored
    parts = {
        "listens": imported.listens,
        "counts": imported.counts,
        "likes, dislikes and skips": imported.feedback,
    }
    found = ", ".join(f"{n:,} {what}" for what, n in parts.items() if n) or "nothing to store"
    said = [
        f"{imported.path.name} ({'+'.join(sorted(imported.formats))}): {found}",
        f"{stored.new:,} new, {stored.changed:,} changed, {stored.known:,} imported before; "
        f"{imported.rows / max(imported.seconds, 1e-9):,.0f} rows/s",
        *imported.notes.sentences,
        *(f"Left out: {n:,} {what}." for what, n in imported.notes.left_out.items()),
    ]
    if imported.n_bad:
        said.append(f"{imported.n_bad:,} could not be used:")
    for bad in imported.bad:
        where = f"{bad.member} " if bad.member else ""
        said.append(f"  {where}line {bad.line}: {bad.reason}")
    if imported.n_bad > len(imported.bad):
        said.append(f"  and {imported.n_bad - len(imported.bad):,} more")
    return said


def import_file(
    catalog: Catalog,
    path: Path,
    choice: FormatChoice,
    progress: Callable[[Imported], None] = lambda imported: None,
    *,
    whose: str = "",
) -> Imported:
    """Store a file's listens, counts and feedback; `progress` is told after each batch.

    With `whose` all of it is stored under that listener, whatever the file calls them, and a file
    of several people is refused. Raises FormatError for a file that cannot be read (what was read
    before stays), CatalogError, OSError.
    """
    if whose:
        choice = replace(choice, listener=_only_listener(path, choice) or whose)
    done, begin = Imported(path), time.monotonic()
    for name, entries in read(path, choice, done.notes):
        done.formats.add(name)
        for events in batches(_good(entries, done, whose), _EVENTS_AT_ONCE):
            done.stored += catalog.store_listening(events)
            kinds = Counter(type(event) for event in events)
            done.counts += kinds[PlayCount]
            done.feedback += kinds[Opinion]
            done.listens += len(events) - kinds[PlayCount] - kinds[Opinion]
            done.seconds = time.monotonic() - begin
            progress(done)
    if done.rows == done.n_bad and not done.notes.left_out:
        raise FormatError(_nothing_in(done))
    return done


def _only_listener(path: Path, choice: FormatChoice) -> str:
    """Return whose listens a file holds, "" where it does not say so.

    Raises FormatError for those of several people.
    """
    names: set[str] = set()
    try:
        for _, entries in read(path, choice):
            for entry in entries:
                if not isinstance(entry, BadLine):
                    names.add(entry.listener)
                if len(names) > 1:
                    break
    except FormatError:  # it may be that only the listener is not said; who reads it again knows
        names.clear()
    if len(names) > 1:
        one, other = sorted(names)
        raise FormatError(
            f"{shown(path)} holds the listens of several people, “{one}” and “{other}” among them. "
            "Say which of them you are, or import it as a history of several people."
        )
    return next(iter(names), "")


def _nothing_in(done: Imported) -> str:
    """Return the sentence about a file that gave no listens."""
    if not done.bad:
        return f"{shown(done.path)} holds no listens."
    first = done.bad[0]
    return (
        f"{shown(done.path)}: none of its {done.n_bad:,} entries could be used. The first, in line "
        f"{first.line}: {first.reason}"
    )


def _good(entries: Iterator[Event | BadLine], done: Imported, whose: str) -> Iterator[Event]:
    """Give the events, under the listener `whose` if any, and count the lines that hold none."""
    for entry in entries:
        if not isinstance(entry, BadLine):
            yield entry._replace(listener=whose) if whose else entry
            continue
        done.n_bad += 1
        if len(done.bad) < _BAD_LINES_SHOWN:
            done.bad.append(entry)
