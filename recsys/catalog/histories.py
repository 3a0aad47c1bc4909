"""Listening histories as numbers: what models learn from, and what one listener heard."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from scipy import sparse
from sqlalchemy import Row, Select, func, select, tuple_
from sqlalchemy.orm import Session

from index.arrays import Float32Array, Int64Array
from recsys.catalog.listens import ListenRow, PlayCountRow
from recsys.catalog.recordings import RecordingRow
from recsys.catalog.tracks import TrackRow, living
from recsys.interactions import Interactions

_ROWS_AT_ONCE = 50_000
_HEARD = ((ListenRow, ListenRow.listened_at), (PlayCountRow, PlayCountRow.count))

Integers: TypeAlias = Int64Array


@dataclass(frozen=True, eq=False)
class History:
    """What one listener has listened to, of the tracks that are there.

    track_ids  int64 (n,), ascending
    counts     float32 (n,)
    last_at    of each track the last listen in Unix seconds, 0 where no time is known: int64 (n,)
    """

    track_ids: Integers
    counts: Float32Array
    last_at: Integers


@dataclass(frozen=True)
class Plays:
    """How often one listener has listened to one track, and when, the latest first.

    times  Unix seconds of those whose time is known, at most as many as were asked for
    """

    count: int
    times: tuple[int, ...]


class KeptListen(NamedTuple):
    """A listen of a history; artist and title as the history names them, "" for a track heard here.

    listened_at  Unix seconds
    track_id     None for what is no track of the library
    """

    listened_at: int
    recording_id: int
    track_id: int | None
    artist: str
    title: str


def interactions(session: Session) -> Interactions:
    """Return the listens of all listeners to the living tracks that are ready."""
    ready = select(TrackRow.id).where(living, TrackRow.status == "ready").order_by(TrackRow.id)
    tracks = np.fromiter(session.scalars(ready), np.int64)
    people, columns, counts, last_at = _sums(*_matched(session, tracks))
    known, rows = np.unique(people, return_inverse=True)
    starts = np.searchsorted(rows, np.arange(len(known) + 1))
    matrix = sparse.csr_matrix((counts, columns, starts), shape=(len(known), len(tracks)))
    return Interactions(known, tracks, matrix, last_at if last_at.any() else None)


def history(session: Session, listener_id: int) -> History:
    """Return the listens of one listener to living tracks."""
    found = []
    for row, value in _HEARD:
        query = (
            select(row.listener_id, RecordingRow.track_id, value)
            .join(RecordingRow, RecordingRow.id == row.recording_id)
            .join(TrackRow, TrackRow.id == RecordingRow.track_id)
            .where(row.listener_id == listener_id, living)
        )
        found.append(_table(session, query, 3))
    _, tracks, counts, last_at = _sums(*found)
    return History(tracks, counts, last_at)


def plays(session: Session, listener_id: int, track_id: int, limit: int) -> Plays:
    """Return the listens of one listener to one track, with at most `limit` of their times."""
    of_track = select(RecordingRow.id).where(RecordingRow.track_id == track_id)
    times = select(ListenRow.listened_at).distinct()  # what two services report at once is one
    times = times.where(
        ListenRow.listener_id == listener_id, ListenRow.recording_id.in_(of_track)
    ).order_by(ListenRow.listened_at.desc())
    known = list(session.scalars(times))
    counts = select(func.coalesce(func.sum(PlayCountRow.count), 0)).where(
        PlayCountRow.listener_id == listener_id, PlayCountRow.recording_id.in_(of_track)
    )
    return Plays(len(known) + int(session.scalars(counts).one()), tuple(known[:limit]))


def listens_before(
    session: Session, listener_id: int, before: tuple[int, int] | None, limit: int
) -> list[KeptListen]:
    """Return the next `limit` listens of one listener, the latest first."""
    key = tuple_(ListenRow.listened_at, ListenRow.recording_id)
    query = (
        select(
            ListenRow.listened_at,
            ListenRow.recording_id,
            RecordingRow.track_id,
            RecordingRow.artist,
            RecordingRow.title,
        )
        .join(RecordingRow, RecordingRow.id == ListenRow.recording_id)
        .where(ListenRow.listener_id == listener_id)
        .order_by(ListenRow.listened_at.desc(), ListenRow.recording_id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(key < tuple_(*before))
    return [KeptListen(*row) for row in session.execute(query)]


def artists_missing(session: Session, listener_id: int) -> list[tuple[str, int]]:
    """Return the artists of what a listener heard that is no track, with listens, most first."""
    plays: Counter[str] = Counter()
    for row, n in ((ListenRow, func.count()), (PlayCountRow, func.sum(PlayCountRow.count))):
        query = (
            select(RecordingRow.artist, n)
            .select_from(row)
            .join(RecordingRow, RecordingRow.id == row.recording_id)
            .where(
                row.listener_id == listener_id,
                RecordingRow.track_id.is_(None),
                RecordingRow.artist != "",
            )
            .group_by(RecordingRow.artist)
        )
        for artist, heard in session.execute(query):
            plays[artist] += int(heard)
    return sorted(plays.items(), key=lambda item: (-item[1], item[0]))


def _matched(session: Session, tracks: Integers) -> tuple[Integers, Integers]:
    """Return what was heard of `tracks`, their ids ascending, in no particular order.

    Listens as (listener_id, position in `tracks`, time) (n, 3), counts as (listener_id, position,
    count) (m, 3).
    """
    matched = select(RecordingRow.id, RecordingRow.track_id).where(
        RecordingRow.track_id.is_not(None)
    )
    pairs = _table(session, matched, 2)
    positions = np.full(int(pairs[:, 0].max(initial=0)) + 1, -1)
    if len(tracks) and len(pairs):
        at = np.searchsorted(tracks, pairs[:, 1]).clip(max=len(tracks) - 1)
        positions[pairs[:, 0]] = np.where(tracks[at] == pairs[:, 1], at, -1)
    found = [
        _table(session, select(row.listener_id, row.recording_id, value), 3, positions)
        for row, value in _HEARD
    ]
    return found[0], found[1]


def _table(
    session: Session, query: Select[*tuple[Any, ...]], width: int, positions: Integers | None = None
) -> Integers:
    """Return a query's rows of integers, (n, width).

    With `positions` the second column is replaced by its position, and rows without one left out.
    """
    parts = [np.empty((0, width), np.int64)]
    for rows in _partitions(session, query):
        flat = np.fromiter(itertools.chain.from_iterable(rows), np.int64, width * len(rows))
        part = flat.reshape(-1, width)
        if positions is not None:
            inside = part[:, 1] < len(positions)
            part = part[inside]
            part[:, 1] = positions[part[:, 1]]
            part = part[part[:, 1] >= 0]
        parts.append(part)
    return np.concatenate(parts)


def _partitions(
    session: Session, query: Select[*tuple[Any, ...]]
) -> Iterator[Sequence[Row[*tuple[Any, ...]]]]:
    result = session.execute(query.execution_options(yield_per=_ROWS_AT_ONCE))
    yield from result.partitions()


def _sums(listens: Integers, plays: Integers) -> tuple[Integers, Integers, Float32Array, Integers]:
    """Add up what one listener heard of one track: people, positions, counts, last times.

    A listen that two services report at the same second is one. Sorted by listener and position.
    """
    listens = listens[np.lexsort(listens.T[::-1])]
    again = np.zeros(len(listens), np.bool_)
    again[1:] = (listens[1:] == listens[:-1]).all(axis=1)
    listens = listens[~again]
    pairs = np.concatenate([listens[:, :2], plays[:, :2]])
    counts = np.concatenate([np.ones(len(listens), np.int64), plays[:, 2]])
    times = np.concatenate([listens[:, 2], np.zeros(len(plays), np.int64)])
    order = np.lexsort(pairs.T[::-1])
    pairs, counts, times = pairs[order], counts[order], times[order]
    if not len(pairs):
        return pairs[:, 0], pairs[:, 1], counts.astype(np.float32), times
    starts = np.flatnonzero(np.r_[True, (pairs[1:] != pairs[:-1]).any(axis=1)])
    return (
        pairs[starts, 0],
        pairs[starts, 1],
        np.add.reduceat(counts, starts).astype(np.float32),
        np.maximum.reduceat(times, starts),
    )
