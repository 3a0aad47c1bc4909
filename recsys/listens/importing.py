"""A listening history into the catalogue: in batches, each stored whole or not at all.

Importing a file again, or one that overlaps it, changes nothing that is known already, so an import
that was stopped is finished by running it again.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
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


def import_file(
    catalog: Catalog,
    path: Path,
    choice: FormatChoice,
    progress: Callable[[Imported], None] = lambda imported: None,
) -> Imported:
    """Store a file's listens, counts and feedback; `progress` is told after each batch.

    Raises FormatError for a file that cannot be read (what was read before stays), CatalogError,
    OSError.
    """
    done, begin = Imported(path), time.monotonic()
    for name, entries in read(path, choice, done.notes):
        done.formats.add(name)
        for events in batches(_good(entries, done), _EVENTS_AT_ONCE):
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


def _nothing_in(done: Imported) -> str:
    """Return the sentence about a file that gave no listens."""
    if not done.bad:
        return f"{shown(done.path)} holds no listens."
    first = done.bad[0]
    return (
        f"{shown(done.path)}: none of its {done.n_bad:,} entries could be used. The first, in line "
        f"{first.line}: {first.reason}"
    )


def _good(entries: Iterator[Event | BadLine], done: Imported) -> Iterator[Event]:
    """Give the events, and count the lines that hold none."""
    for entry in entries:
        if not isinstance(entry, BadLine):
            yield entry
            continue
        done.n_bad += 1
        if len(done.bad) < _BAD_LINES_SHOWN:
            done.bad.append(entry)
