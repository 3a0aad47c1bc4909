"""Metrics of a ranked list, each with its formula, and how sure a difference of two is.

Conventions: `hits` is boolean (n_queries, k), best first; a query's list may hold fewer than k
results, the rest counting as misses. Every metric has a value per query; its mean is the caller's.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Interval(NamedTuple):
    """An estimate and its bounds."""

    mean: float
    low: float
    high: float


def precision_at_k(hits: ArrayLike) -> NDArray[np.float64]:
    """P@K = hits among the first K / K, per query: (n_queries,)."""
    hits = np.asarray(hits, dtype=bool)
    if hits.ndim != 2 or hits.shape[1] == 0:
        raise ValueError(f"hits: wanted shape (n_queries, k), got {hits.shape}")
    precision: NDArray[np.float64] = hits.mean(axis=1)
    return precision


def macro_mean(values: ArrayLike, groups: ArrayLike) -> float:
    """Average within each group, then over the groups, so that a large one counts no more."""
    values, groups = np.asarray(values, np.float64), np.asarray(groups)
    if values.shape != groups.shape or values.size == 0:
        raise ValueError(f"wanted as many groups as values, got {groups.shape}, {values.shape}")
    _, number = np.unique(groups, return_inverse=True)
    return float((np.bincount(number, weights=values) / np.bincount(number)).mean())


def in_degrees(neighbours: ArrayLike, n_tracks: int) -> NDArray[np.int64]:
    """How many of the k-nearest-neighbour lists each track is in (its k-occurrence).

    `neighbours` holds row numbers (n_queries, k), -1 where a list is shorter.
    """
    rows = np.asarray(neighbours, np.int64).ravel()
    return np.bincount(rows[rows >= 0], minlength=n_tracks)


def paired_bootstrap(
    a: ArrayLike, b: ArrayLike, groups: ArrayLike, *, n_resamples: int = 2000, seed: int = 0
) -> Interval:
    """Mean of a - b with its 95 % interval, resampling whole groups of queries.

    Queries of one group (one artist's tracks) are not independent: groups are drawn with
    replacement, and the difference is averaged over the drawn groups' queries (the cluster
    bootstrap; Field and Welsh 2007).
    """
    difference = np.asarray(a, np.float64) - np.asarray(b, np.float64)
    _, number = np.unique(np.asarray(groups), return_inverse=True)
    if difference.shape != number.shape or difference.size == 0:
        raise ValueError(f"wanted a group a query, got {number.shape} for {difference.shape}")
    sums, counts = np.bincount(number, weights=difference), np.bincount(number)
    drawn = np.random.default_rng(seed).integers(len(counts), size=(n_resamples, len(counts)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return Interval(float(difference.mean()), float(low), float(high))
