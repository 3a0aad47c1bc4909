"""Who is in whose list: how a home shares out its exposure among tracks and artists."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from index.arrays import Int64Array
from index.vector_index import VectorIndex
from recsys.evaluation.metrics import gini, in_degrees
from recsys.evaluation.retrieval import HUB_K, hub_report

_BLOCK = 256  # tracks asked for at once
_SPARE = 10  # results fetched beyond the list, in place of copies


def exposure(
    index: VectorIndex, recordings: Mapping[int, int], hubs: str, k: int = HUB_K
) -> pd.Series:
    """In how many others' lists each living track is, by its id: int64.

    Everyone's list is the `k` most alike by the scores of `hubs`, no recording twice and never the
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
            found = _distinct(track_id, ranking.ids, recordings)[:k]
            lists[row, : len(found)] = np.searchsorted(living, found)
    return pd.Series(in_degrees(lists, len(living)), index=living)


def _distinct(track_id: int, ranked: Int64Array, recordings: Mapping[int, int]) -> list[int]:
    """Drop the track's own recording, and each further copy of one."""
    taken = {recordings[track_id]}
    chosen = []
    for found in ranked.tolist():
        if recordings[found] not in taken:
            taken.add(recordings[found])
            chosen.append(found)
    return chosen


def summarise(degrees: pd.Series) -> dict[str, float | int]:
    """Describe in-degrees: the largest, skewness, the share of orphans, and the Gini index."""
    counts = degrees.to_numpy()
    return {**hub_report(counts), "gini": gini(counts)}
