"""Listening histories as arrays: the interactions of all listeners, and one listener's history."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from sqlalchemy import Row, Select, func, select, tuple_
from sqlalchemy.orm import Session

from index.arrays import Float32Array, Int64Array
from recsys.catalog.listens import ListenRow, PlayCountRow
from recsys.catalog.recordings import RecordingRow
from recsys.catalog.tracks import TrackRow, is_available
from recsys.interactions import Interactions

_ROWS_AT_ONCE = 50_000
_LISTEN_TABLES: tuple[tuple[type[ListenRow | PlayCountRow], tuple[Any, ...]], ...] = (
    (ListenRow, (ListenRow.listened_at,)),
    (PlayCountRow, (PlayCountRow.count, PlayCountRow.last_at)),
)


@dataclass(frozen=True, eq=False)
class History:
    """One listener's plays of available tracks.

    track_ids  int64 (n,), ascending
    counts     float32 (n,)
    last_at    of each track the last listen in Unix seconds, 0 where no time is known: int64 (n,)
    """

    track_ids: Int64Array
    counts: Float32Array
    last_at: Int64Array


@dataclass(frozen=True)
class TrackPlays:
    """How often one listener has listened to one track, and when, the latest first.

    times  Unix seconds of those whose time is known, at most as many as were asked for
    """

    count: int
    times: tuple[int, ...]


class StoredListen(NamedTuple):
    """A stored listen; artist and title as the imported history names them, "" for one made here.

    listened_at  Unix seconds
    track_id     None where the recording matches no track of the library
    """

    listened_at: int
    recording_id: int
    track_id: int | None
    artist: str
    title: str


def interactions(session: Session) -> Interactions:
    """Return the listens of all listeners to the available tracks that are ready."""
    ready = (
        select(TrackRow.id).where(is_available, TrackRow.status == "ready").order_by(TrackRow.id)
    )
    tracks = np.fromiter(session.scalars(ready), np.int64)
    listeners, columns, counts, last_at = _sums(*_matched_plays(session, tracks))
    listener_ids, rows = np.unique(listeners, return_inverse=True)
    starts = np.searchsorted(rows, np.arange(len(listener_ids) + 1))
    shape = len(listener_ids), len(tracks)
    matrix = sparse.csr_matrix((counts, columns, starts), shape=shape)
    return Interactions(listener_ids, tracks, matrix, last_at if last_at.any() else None)


def history(session: Session, listener_id: int) -> History:
    """Return the listens of one listener to available tracks."""
    tables = []
    for row, values in _LISTEN_TABLES:
        query = (
            select(row.listener_id, RecordingRow.track_id, *values)
            .join(RecordingRow, RecordingRow.id == row.recording_id)
            .join(TrackRow, TrackRow.id == RecordingRow.track_id)
            .where(row.listener_id == listener_id, is_available)
        )
        tables.append(_table(session, query, 2 + len(values)))
    _, tracks, counts, last_at = _sums(*tables)
    return History(tracks, counts, last_at)


def plays(session: Session, listener_id: int, track_id: int, limit: int) -> TrackPlays:
    """Return the listens of one listener to one track, with at most `limit` of their times."""
    of_track = select(RecordingRow.id).where(RecordingRow.track_id == track_id)
    times = select(ListenRow.listened_at).distinct()  # two services may report one listen
    times = times.where(
        ListenRow.listener_id == listener_id, ListenRow.recording_id.in_(of_track)
    ).order_by(ListenRow.listened_at.desc())
    listened_at = list(session.scalars(times))
    counts = select(func.coalesce(func.sum(PlayCountRow.count), 0)).where(
        PlayCountRow.listener_id == listener_id, PlayCountRow.recording_id.in_(of_track)
    )
    return TrackPlays(
        len(listened_at) + int(session.scalars(counts).one()), tuple(listened_at[:limit])
    )


def listens_before(
    session: Session, listener_id: int, before: tuple[int, int] | None, limit: int
) -> list[StoredListen]:
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
    return [StoredListen(*row) for row in session.execute(query)]


def artists_missing(session: Session, listener_id: int) -> list[tuple[str, int]]:
    """Return the artists of a listener's unmatched recordings with their listens, most first."""
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
        for artist, n_listens in session.execute(query):
            plays[artist] += int(n_listens)
    return sorted(plays.items(), key=lambda item: (-item[1], item[0]))


def _matched_plays(session: Session, tracks: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Return the listens and play counts of `tracks`, ascending ids, in no particular order.

    Listens as (listener_id, position in `tracks`, time) (n, 3), counts as (listener_id, position,
    count, last time or 0) (m, 4).
    """
    matched = select(RecordingRow.id, RecordingRow.track_id).where(
        RecordingRow.track_id.is_not(None)
    )
    pairs = _table(session, matched, 2)
    positions = np.full(int(pairs[:, 0].max(initial=0)) + 1, -1)
    if len(tracks) and len(pairs):
        at = np.searchsorted(tracks, pairs[:, 1]).clip(max=len(tracks) - 1)
        positions[pairs[:, 0]] = np.where(tracks[at] == pairs[:, 1], at, -1)
    listens, counts = [
        _table(
            session,
            select(row.listener_id, row.recording_id, *values),
            2 + len(values),
            positions,
        )
        for row, values in _LISTEN_TABLES
    ]
    return listens, counts


def _table(
    session: Session,
    query: Select[*tuple[Any, ...]],
    width: int,
    positions: Int64Array | None = None,
) -> Int64Array:
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


def _sums(
    listens: Int64Array, plays: Int64Array
) -> tuple[Int64Array, Int64Array, Float32Array, Int64Array]:
    """Sum plays by listener and track: listener ids, positions, counts, last times.

    Listens that two services report at the same second count once. Sorted by listener and position.
    """
    listens = listens[np.lexsort(listens.T[::-1])]
    repeated = np.zeros(len(listens), np.bool_)
    repeated[1:] = (listens[1:] == listens[:-1]).all(axis=1)
    listens = listens[~repeated]
    pairs = np.concatenate([listens[:, :2], plays[:, :2]])
    counts = np.concatenate([np.ones(len(listens), np.int64), plays[:, 2]])
    times = np.concatenate([listens[:, 2], plays[:, 3]])
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
