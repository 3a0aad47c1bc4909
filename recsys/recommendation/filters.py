"""Which tracks a query allows: exclusions, copies of the seeds, tracks already played."""

from __future__ import annotations

import numpy as np

from index.arrays import BoolArray
from index.vector_index import VectorIndex
from recsys.catalog.search import fold
from recsys.home.track_table import UNKNOWN, TrackTable, nearest_name
from recsys.recommendation.query import Query
from recsys.recommendation.seeds import ListenerHistory
from recsys.tagging.personal_tags import ListenersTags

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
    mask[table.recordings.mates(np.concatenate(excluded))] = False
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
    return mask & _within_bounds(query, table), notices


def _within_bounds(query: Query, table: TrackTable) -> BoolArray:
    """Return which rows have a length, a tempo and a key that the query allows, (n,)."""
    mask = np.ones(len(table), np.bool_)
    for values, least, most in (
        (table.durations, query.min_duration, query.max_duration),
        (table.tempos, query.min_tempo, query.max_tempo),
    ):
        if least is not None:
            mask &= values >= least
        if most is not None:
            mask &= values <= most
    if query.harmonic:
        mask &= table.keys != UNKNOWN
    if query.tempo_change is not None:
        mask &= ~np.isnan(table.tempos)
    return mask
