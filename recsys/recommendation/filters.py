"""Which tracks may be in an answer: exclusions, copies of what was asked with, what was played."""

from __future__ import annotations

import numpy as np

from index.arrays import BoolArray, Float32Array, IndexArray, Int64Array
from index.vector_index import VectorIndex
from recsys.catalog.search import fold
from recsys.home.track_table import TrackTable, nearest_name
from recsys.recommendation.query import Query
from recsys.recommendation.seeds import ListenerHistory
from recsys.tagging.personal_tags import ListenersTags

SAME_LENGTH = 2.0  # s; two encodings of one recording differ by less
SAME_SOUND = 0.95  # cosine; two encodings of one recording are closer
STANDS_OUT = 1.0  # standard deviations of a tag's log-odds


def allowed(
    query: Query, heard: ListenerHistory, shelf: TrackTable, index: VectorIndex, tags: ListenersTags
) -> tuple[BoolArray, list[str]]:
    """Return which rows the query lets in, (n,), and sentences on exclusions that mean nothing.

    A track that is left out is so with all files of the same recording. Tracks among the seeds are.
    """
    mask = shelf.available.copy()
    seeds = [int(seed.ref) for seed in query.seeds if seed.kind == "track"]
    out = [shelf.rows([*query.exclude_tracks, *seeds])]
    if query.leaves_out_played:
        out.append(heard.rows)
    if query.exclude_disliked:
        out.append(np.array(heard.disliked, np.intp))
    mask[_copies(np.concatenate(out), shelf, index)] = False
    sentences = []
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
        column, filed = tags.column(tag), shelf.genre_rows.get(fold(tag))
        if column is None and filed is None:
            near = nearest_name(tag, tags.names)
            sentences.append(f'No track has the tag "{tag}" to be left out.{near}')
        if column is not None:
            mask &= column < STANDS_OUT
        if filed is not None:
            mask[filed] = False
    if query.min_duration is not None:
        mask &= shelf.durations >= query.min_duration
    if query.max_duration is not None:
        mask &= shelf.durations <= query.max_duration
    return mask, sentences


def _copies(rows: IndexArray, shelf: TrackTable, index: VectorIndex) -> IndexArray:
    """Return these rows, and those of other files of the same recordings."""
    same = shelf.recordings.mates(rows)
    alike = shelf.songs.mates(same)
    codes = recordings(alike, index.vectors_at(alike), shelf)
    return alike[np.isin(codes, codes[np.isin(alike, same)])]


def recordings(rows: IndexArray, vectors: Float32Array, shelf: TrackTable) -> Int64Array:
    """Return a code for each row that two files of one recording share.

    One recording: the same audio, or MBID; or the same artist, title and length, and a sound as
    alike as two encodings of it have.
    """
    codes = shelf.recordings.codes[rows]
    songs, inverse, counts = np.unique(
        shelf.songs.codes[rows], return_inverse=True, return_counts=True
    )
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
