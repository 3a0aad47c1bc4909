"""Which tracks a query allows: exclusions, copies of the seeds, tracks already played."""

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


def allowed_rows(
    query: Query,
    history: ListenerHistory,
    table: TrackTable,
    index: VectorIndex,
    tags: ListenersTags,
) -> tuple[BoolArray, list[str]]:
    """Return which rows the query allows, (n,), and notices on exclusions that name nothing.

    A track that is excluded is so with all files of its recording, and so are the seeds' tracks.
    """
    mask = table.available.copy()
    seeds = [int(seed.ref) for seed in query.seeds if seed.kind == "track"]
    excluded = [table.rows([*query.exclude_tracks, *seeds])]
    if query.leaves_out_played:
        excluded.append(history.rows)
    if query.exclude_disliked:
        excluded.append(np.array(history.disliked, np.intp))
    mask[_copies(np.concatenate(excluded), table, index)] = False
    notices = []
    for kind, names, rows_by_name in (
        ("artist", query.exclude_artists, table.artist_rows),
        ("genre", query.exclude_genres, table.genre_rows),
    ):
        for name in names:
            mask[rows_by_name.get(fold(name), np.empty(0, np.intp))] = False
            if fold(name) not in rows_by_name:
                near = nearest_name(name, {key: table.names[key] for key in rows_by_name})
                notices.append(f'No track has the {kind} "{name}" to be left out.{near}')
    for tag in query.exclude_tags:
        column, genre_rows = tags.column(tag), table.genre_rows.get(fold(tag))
        if column is None and genre_rows is None:
            near = nearest_name(tag, tags.names)
            notices.append(f'No track has the tag "{tag}" to be left out.{near}')
        if column is not None:
            mask &= column < STANDS_OUT
        if genre_rows is not None:
            mask[genre_rows] = False
    if query.min_duration is not None:
        mask &= table.durations >= query.min_duration
    if query.max_duration is not None:
        mask &= table.durations <= query.max_duration
    return mask, notices


def _copies(rows: IndexArray, table: TrackTable, index: VectorIndex) -> IndexArray:
    """Return these rows, and those of other files of the same recordings."""
    same = table.recordings.mates(rows)
    same_names = table.songs.mates(same)
    codes = recordings(same_names, index.vectors_at(same_names), table)
    return same_names[np.isin(codes, codes[np.isin(same_names, same)])]


def recordings(rows: IndexArray, vectors: Float32Array, table: TrackTable) -> Int64Array:
    """Return a code for each row that two files of one recording share.

    One recording: the same audio, or MBID; or the same artist, title and length, and a sound as
    similar as that of two encodings.
    """
    codes = table.recordings.codes[rows]
    songs, inverse, counts = np.unique(
        table.songs.codes[rows], return_inverse=True, return_counts=True
    )
    for number in np.flatnonzero((counts > 1) & (songs >= 0)):
        places = np.flatnonzero(inverse == number)
        lengths = table.durations[rows[places]]
        near = np.abs(lengths[:, None] - lengths) <= SAME_LENGTH
        near &= vectors[places] @ vectors[places].T >= SAME_SOUND
        for i in range(len(places)):
            first = int(np.argmax(near[i]))  # the first one near; itself, or none of known length
            if near[i, first]:
                codes[places[i]] = codes[places[first]]
    return codes
