"""Metrics of recommended lists besides accuracy: coverage, novelty, diversity, repetition.

`lists` holds rows of tracks int64 (n_lists, k), best first, -1 behind a list that is shorter. An
empty list has the value 0.
"""

from __future__ import annotations

import numpy as np

from index.arrays import BoolArray, Float32Array, Float64Array, Int64Array
from recsys.evaluation.metrics import gini as gini_index
from recsys.evaluation.metrics import in_degrees
from recsys.interactions import unit_rows


def coverage(lists: Int64Array, candidates: BoolArray) -> float:
    """Catalogue coverage = candidates that are in some list / candidates.

    Ge, Delgado-Battenfeld and Jannach (RecSys 2010).
    """
    return float(_exposure(lists, candidates).astype(bool).mean())


def gini(lists: Int64Array, candidates: BoolArray) -> float:
    """Gini coefficient of exposure: 0 where all candidates are in as many lists, near 1 for few.

    The Gini index of the number of lists that each candidate is in (Fleder and Hosanagar 2009).
    """
    return gini_index(_exposure(lists, candidates))


def novelty(lists: Int64Array, popularity: Int64Array, n_listeners: int) -> Float64Array:
    """Mean self-information of a list's tracks in bits: (n_lists,).

    -log2((listeners of the track + 1) / (listeners + 1)), the 1 being for tracks without listeners
    (Zhou et al. 2010; Vargas and Castells 2011).
    """
    bits = -np.log2((popularity + 1) / (n_listeners + 1))
    return _mean_of_list(bits[lists], lists >= 0)


def intra_list_similarity(lists: Int64Array, vectors: Float32Array) -> Float64Array:
    """Mean cosine over a list's pairs of tracks (Ziegler et al. 2005): (n_lists,).

    vectors  (n_tracks, dim), a zero row where a track has none: its pairs do not count
    """
    values = np.zeros(len(lists))
    units = unit_rows(vectors)
    for i, row in enumerate(lists):
        listed = units[row[row >= 0]]
        with_vector = listed[listed.any(axis=1)].astype(np.float64)
        n = len(with_vector)
        if n > 1:  # sum over pairs of a·b = (|sum of all|² - n) / 2
            values[i] = (np.square(with_vector.sum(axis=0)).sum() - n) / (n * (n - 1))
    return values


def artist_repetition(lists: Int64Array, artists: Int64Array) -> Float64Array:
    """Share of a list's tracks whose artist is also higher up in it: (n_lists,).

    artists  number of each track's artist, -1 where it is unknown: never a repetition
    """
    values = np.zeros(len(lists))
    for i, row in enumerate(lists):
        listed = artists[row[row >= 0]]
        known = listed[listed >= 0]
        values[i] = (len(known) - len(np.unique(known))) / max(len(listed), 1)
    return values


def _exposure(lists: Int64Array, candidates: BoolArray) -> Int64Array:
    return in_degrees(lists, len(candidates))[candidates]


def _mean_of_list(values: Float64Array, present: BoolArray) -> Float64Array:
    total = np.where(present, values, 0).sum(axis=1)
    means: Float64Array = total / np.maximum(present.sum(axis=1), 1)
    return means
