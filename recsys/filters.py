"""Which tracks may be in an answer: exclusions, copies of what was asked with, what was played."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from index.vector_index import VectorIndex
from recsys.catalog.search import fold
from recsys.ground import Anchor, Heard
from recsys.query import Query
from recsys.shelf import Shelf, TagTable, nearest_name

SAME_LENGTH = 2.0  # s; two encodings of one recording differ by less
SAME_SOUND = 0.95  # cosine; two encodings of one recording are closer
STANDS_OUT = 1.0  # standard deviations of a tag's log-odds

_Mask = NDArray[np.bool_]


def allowed(
    query: Query, heard: Heard, shelf: Shelf, tags: Callable[[], TagTable]
) -> tuple[_Mask, list[str]]:
    """Return which rows the query lets in, (n,), and sentences on exclusions that mean nothing."""
    mask = shelf.living.copy()
    sentences = []
    mask[shelf.rows(query.exclude_tracks)] = False
    for kind, names, known in (
        ("artist", query.exclude_artists, shelf.artist_rows),
        ("genre", query.exclude_genres, shelf.genre_rows),
    ):
        for name in names:
            mask[known.get(fold(name), np.empty(0, np.intp))] = False
            if fold(name) not in known:
                near = nearest_name(name, {key: shelf.names[key] for key in known})
                sentences.append(f'No track has the {kind} "{name}" to be left out.{near}')
    for tag in query.exclude_tags:
        column, filed = tags().column(tag), shelf.genre_rows.get(fold(tag))
        if column is None and filed is None:
            near = nearest_name(tag, tags().names)
            sentences.append(f'No track has the tag "{tag}" to be left out.{near}')
        if column is not None:
            mask &= column < STANDS_OUT
        if filed is not None:
            mask[filed] = False
    if query.min_duration is not None:
        mask &= shelf.durations >= query.min_duration
    if query.max_duration is not None:
        mask &= shelf.durations <= query.max_duration
    if query.exclude_played:
        mask &= ~_copies(heard.rows, shelf)
    if query.exclude_disliked:
        mask &= ~_copies(np.array(heard.disliked, np.intp), shelf)
    return mask, sentences


def seeds_and_copies(anchors: Sequence[Anchor], shelf: Shelf, index: VectorIndex) -> _Mask:
    """Return the rows that an answer to these anchors must not hold, (n,).

    Tracks named as seeds, and other files of the same recording. Neither the tracks that speak for
    an artist, nor a listener's: `Query.exclude_played` is for those.
    """
    named = [anchor for anchor in anchors if anchor.kind in ("seed", "dislike")]
    rows = np.array([anchor.row for anchor in named if anchor.row >= 0], np.intp)
    mask = _copies(rows, shelf)
    for row in rows:
        songs = np.flatnonzero((shelf.songs == shelf.songs[row]) & (shelf.songs[row] >= 0))
        if len(songs) > 1:
            songs = np.concatenate([[row], songs[songs != row]])
            codes = recordings(songs, index.vectors(shelf.ids[songs]), shelf)
            mask[songs[codes == codes[0]]] = True
    return mask


def recordings(
    rows: NDArray[np.intp], vectors: NDArray[np.float32], shelf: Shelf
) -> NDArray[np.int64]:
    """Return a code for each row that two files of one recording share.

    One recording: the same audio, or MBID; or the same artist, title and length, and a sound as
    alike as two encodings of it have.
    """
    codes = shelf.recordings[rows].copy()
    songs, inverse, counts = np.unique(shelf.songs[rows], return_inverse=True, return_counts=True)
    for number in np.flatnonzero((counts > 1) & (songs >= 0)):
        places = np.flatnonzero(inverse == number)
        lengths = shelf.durations[rows[places]]
        near = np.abs(lengths[:, None] - lengths) <= SAME_LENGTH
        near &= vectors[places] @ vectors[places].T >= SAME_SOUND
        for i in range(len(places)):
            first = int(np.argmax(near[i]))  # the first one near; itself, or none of known length
            if near[i, first]:
                codes[places[i]] = codes[places[first]]
    return codes


def _copies(rows: NDArray[np.intp], shelf: Shelf) -> _Mask:
    """Return these rows, and those of the same recordings, (n,)."""
    codes = np.setdiff1d(shelf.recordings[rows], [-1])
    mask: _Mask = np.isin(shelf.recordings, codes)
    mask[rows] = True
    return mask
