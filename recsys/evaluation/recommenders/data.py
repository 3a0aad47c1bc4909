"""Data for the evaluation of recommenders: interactions, content, names of listeners and items."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from index.arrays import BoolArray, Int64Array
from recsys.home.home import Home
from recsys.interactions import Content, Interactions, n_listeners


class NoListens(Exception):
    """There are no listens to evaluate; the message says what to do."""


class TablesError(ValueError):
    """Tables cannot be used; the message says which one, which column and why."""


@dataclass(frozen=True, eq=False)
class ListeningData:
    """Interactions and content, a column and a row for each item.

    listeners, items  names of the rows and of the columns
    complete          which items lack no content: bool (n_tracks,)
    notes             what was done to the data, one sentence each
    """

    interactions: Interactions
    content: Content
    listeners: NDArray[np.object_]
    items: NDArray[np.object_]
    complete: BoolArray
    notes: tuple[str, ...] = ()


def of_home(home: Home) -> ListeningData:
    """Return a home's listens, with the embeddings of its index as content. Raises NoListens."""
    interactions = home.catalog.interactions()
    if not interactions.counts.nnz:
        raise NoListens(
            f"Nobody has listened to a track of {home.settings.home} yet: "
            "`earshot import` reads listening histories."
        )
    indexed = np.isin(interactions.tracks, home.index.ids)
    vectors = np.zeros((len(indexed), home.index.dim), np.float32)
    vectors[indexed] = home.index.vectors(interactions.tracks[indexed])
    by_id = {track.id: track for track in home.catalog.tracks(interactions.tracks.tolist())}
    tracks = [by_id[track_id] for track_id in interactions.tracks.tolist()]
    artists = numbered([track.known_artist for track in tracks])
    albums = numbered(
        [track.album and (track.album_artist or track.artist, track.album) for track in tracks]
    )
    listeners = {listener.id: listener.name for listener in home.catalog.listeners()}
    return ListeningData(
        interactions,
        Content(vectors, indexed, artists, albums),
        np.array([listeners[i] for i in interactions.listeners.tolist()], object),
        interactions.tracks.astype(object),
        indexed,
        ("Content: the embeddings of the index.",),
    )


def numbered(names: Sequence[Hashable]) -> Int64Array:
    """Return a number of each name, the same for equal ones; -1 for empty ones: int64 (n,).

    >>> numbered(["a", "", "b", "a"]).tolist()
    [0, -1, 2, 0]
    """
    first: dict[Hashable, int] = {}
    for number, name in enumerate(names):
        if name:
            first.setdefault(name, number)
    return np.array([first.get(name, -1) for name in names], np.int64)


def restricted(
    data: ListeningData, *, min_item_listeners: int = 0, require_content: bool = False
) -> ListeningData:
    """Leave out items with few listeners or without complete content, then empty listeners.

    Raises NoListens where nothing is left.
    """
    counts, times = data.interactions.counts, data.interactions.times
    n_items = counts.shape[1]
    keep = n_listeners(counts) >= min_item_listeners
    if require_content:
        keep &= data.complete
    entries = keep[counts.indices]
    if not entries.any():
        lacking = " and complete content" if require_content else ""
        raise NoListens(
            f"None of the {n_items} items has {max(min_item_listeners, 1)} listeners{lacking}."
        )
    columns = counts[:, keep]
    rows = np.diff(columns.indptr) > 0
    content = data.content
    note = () if keep.all() else (f"{keep.sum()} of {n_items} items are kept, as was asked.",)
    return replace(
        data,
        interactions=Interactions(
            data.interactions.listeners[rows],
            data.interactions.tracks[keep],
            columns[rows],
            None if times is None else times[entries],
        ),
        content=content.of_tracks(keep),
        listeners=data.listeners[rows],
        items=data.items[keep],
        complete=data.complete[keep],
        notes=(*data.notes, *note),
    )
