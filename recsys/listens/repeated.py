"""Counts of plays of one file, added up where it names a recording of a listener more than once."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from typing import TypeVar

from recsys.catalog import Listen, Opinion, PlayCount, Recording
from recsys.listens.sources import BadLine

_IN_MEMORY = 300_000  # distinct pairs of a listener and a recording; some 200 MB
_ROWS_AT_ONCE = 10_000

E = TypeVar("E", bound=Listen | PlayCount | Opinion | BadLine)


def added_up(
    events: Iterable[Listen | PlayCount | Opinion | BadLine], in_memory: int = _IN_MEMORY
) -> Iterator[Listen | PlayCount | Opinion | BadLine]:
    """Give all that are no counts as they come, then the counts, in the order of their first rows.

    More pairs than `in_memory` go to a temporary file.
    """
    counts: dict[tuple[str, Recording], tuple[int, int]] = {}
    spilled: _Spilled | None = None
    try:
        for event in events:
            if not isinstance(event, PlayCount):
                yield event
                continue
            key = event.listener, event.recording
            plays, last_at = counts.get(key, (0, 0))
            counts[key] = plays + event.plays, max(last_at, event.last_at)
            if len(counts) >= in_memory:
                spilled = spilled or _Spilled()
                spilled.add(counts)
                counts = {}
        if spilled is None:
            for (listener, recording), values in counts.items():
                yield PlayCount(listener, recording, *values)
            return
        spilled.add(counts)
        yield from spilled
    finally:
        if spilled:
            spilled.close()


def added_up_by_listener(events: Iterable[E | PlayCount]) -> Iterator[E | PlayCount]:
    """As `added_up`, for files of items that are sorted by listener: one at a time in memory."""
    counts: dict[str, PlayCount] = {}
    listener = ""
    for event in events:
        if not isinstance(event, PlayCount):
            yield event
            continue
        if event.listener != listener:
            yield from counts.values()
            counts, listener = {}, event.listener
        item = event.recording.item
        before = counts.setdefault(item, event)
        if before is not event:
            counts[item] = before._replace(plays=before.plays + event.plays)
    yield from counts.values()


class _Spilled:
    """Counts by listener and recording, in a temporary file of SQLite that closing removes."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("")
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute(
            "CREATE TABLE counts (number INTEGER PRIMARY KEY, key TEXT UNIQUE, plays, last_at)"
        )

    def add(self, counts: dict[tuple[str, Recording], tuple[int, int]]) -> None:
        """Add counts to those that are there."""
        self._database.executemany(
            "INSERT INTO counts (key, plays, last_at) VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE "
            "SET plays = plays + excluded.plays, last_at = max(last_at, excluded.last_at)",
            ((json.dumps((who, what)), *values) for (who, what), values in counts.items()),
        )

    def __iter__(self) -> Iterator[PlayCount]:
        rows = self._database.execute("SELECT key, plays, last_at FROM counts ORDER BY number")
        while part := rows.fetchmany(_ROWS_AT_ONCE):
            for key, plays, last_at in part:
                listener, recording = json.loads(key)
                yield PlayCount(listener, Recording(*recording), plays, last_at)

    def close(self) -> None:
        """Remove the file."""
        self._database.close()
