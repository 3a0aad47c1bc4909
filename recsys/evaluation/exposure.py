"""Exposure: in how many other tracks' lists of similar tracks each track is."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from index.arrays import Int64Array
from index.rows import rows_of
from index.vector_index import VectorIndex
from recsys.evaluation.metrics import gini, in_degrees
from recsys.evaluation.retrieval import HUB_K, hub_report

_BLOCK = 256  # tracks searched at once
_SPARE = 10  # results fetched beyond the list, to replace copies


def exposure(
    index: VectorIndex, recordings: Mapping[int, int], hubs: str, k: int = HUB_K
) -> pd.Series:
    """Return in how many other tracks' lists each living track is, by its id: int64.

    A track's list is its `k` most similar by the scores of `hubs`, no recording twice and never the
    track's own: `recordings` gives the living tracks and, for each, the same number for copies of
    one recording. Time grows with n_tracks squared, memory with n_tracks.
    """
    living = np.array([i for i in index.ids.tolist() if i in recordings], np.int64)
    gone = np.setdiff1d(index.ids, living)
    lists = np.full((len(living), k), -1, np.int64)
    for start in range(0, len(living), _BLOCK):
        ids = living[start : start + _BLOCK]
        rankings = index.search(
            index.vectors(ids),
            k + 1 + _SPARE,
            exclude=gone,
            hubs=hubs,
            query_statistics=index.track_statistics(ids),
        )
        for row, (track_id, ranking) in enumerate(zip(ids.tolist(), rankings, strict=True), start):
            listed = _distinct(track_id, ranking.ids, recordings)[:k]
            lists[row, : len(listed)] = rows_of(living, listed)[0]
    return pd.Series(in_degrees(lists, len(living)), index=living)


def _distinct(track_id: int, ranked: Int64Array, recordings: Mapping[int, int]) -> list[int]:
    """Leave out copies of the track itself, and further copies of a ranked recording."""
    listed_recordings = {recordings[track_id]}
    listed = []
    for other_id in ranked.tolist():
        if recordings[other_id] not in listed_recordings:
            listed_recordings.add(recordings[other_id])
            listed.append(other_id)
    return listed


def summarise(degrees: pd.Series) -> dict[str, float | int]:
    """Summarise in-degrees: the largest, skewness, the share of orphans, and the Gini index."""
    counts = degrees.to_numpy()
    return {**hub_report(counts), "gini": gini(counts)}
