"""Metrics of ranked lists, each with its formula, and bootstrap intervals of their means.

Conventions: `hits` is boolean (n_queries, k), best first; a query's list may hold fewer than k
results, the rest counting as misses. `n_relevant` (n_queries,) is how many results would be hits,
and bounds the hits. Every metric has a value per query, 0 where nothing is relevant; the mean
is the caller's. Definitions follow Manning, Raghavan and Schütze (2008), chapter 8.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from index.arrays import BoolArray, Float64Array, IndexArray, Int64Array

N_RESAMPLES = 2000
_CHUNK = 200  # resamples in memory at once


class Interval(NamedTuple):
    """An estimate and its bounds."""

    mean: float
    low: float
    high: float


def precision_at_k(hits: ArrayLike) -> Float64Array:
    """P@K = hits among the first K / K, per query: (n_queries,)."""
    precision: Float64Array = _valid_hits(hits).mean(axis=1)
    return precision


def attainable_precision(n_relevant: ArrayLike, k: int) -> Float64Array:
    """The P@K of a perfect ranking = min(relevant, K) / K, per query: (n_queries,)."""
    if k < 1:
        raise ValueError(f"k: wanted at least 1, got {k}")
    attainable: Float64Array = np.minimum(np.asarray(n_relevant, np.int64), k) / k
    return attainable


def recall_at_k(hits: ArrayLike, n_relevant: ArrayLike) -> Float64Array:
    """R@K = hits among the first K / relevant, per query: (n_queries,)."""
    valid, relevant = _valid_pair(hits, n_relevant)
    recall: Float64Array = valid.sum(axis=1) / np.maximum(relevant, 1)
    return recall


def attainable_recall_at_k(hits: ArrayLike, n_relevant: ArrayLike) -> Float64Array:
    """R@K = hits among the first K / min(K, relevant), per query: (n_queries,).

    Its ceiling is 1 also for a query with more relevant results than K.
    """
    valid, relevant = _valid_pair(hits, n_relevant)
    recall: Float64Array = valid.sum(axis=1) / np.clip(relevant, 1, valid.shape[1])
    return recall


def ndcg_at_k(hits: ArrayLike, n_relevant: ArrayLike) -> Float64Array:
    """nDCG@K = DCG / DCG of a perfect ranking, per query: (n_queries,).

    DCG = sum over the hits among the first K of 1 / log2(rank + 1), ranks from 1 (Järvelin and
    Kekäläinen 2002, with binary relevance).
    """
    valid, relevant = _valid_pair(hits, n_relevant)
    k = valid.shape[1]
    discounts = 1.0 / np.log2(np.arange(2, k + 2))
    ideal = np.concatenate([[1.0], np.cumsum(discounts)])  # 1 where nothing is relevant
    ndcg: Float64Array = valid @ discounts / ideal[np.minimum(relevant, k)]
    return ndcg


def average_precision(hits: ArrayLike, n_relevant: ArrayLike) -> Float64Array:
    """AP = sum over the hits of P@rank / relevant, per query; its mean over queries is MAP.

    `hits` is the whole ranking: a relevant result that is not in it counts 0.
    """
    valid, relevant = _valid_pair(hits, n_relevant)
    at_rank = np.cumsum(valid, axis=1) / np.arange(1, valid.shape[1] + 1)
    average: Float64Array = (at_rank * valid).sum(axis=1) / np.maximum(relevant, 1)
    return average


def r_precision(hits: ArrayLike, n_relevant: ArrayLike) -> Float64Array:
    """R-precision = hits among the first R / R, R being the query's relevant results.

    Its ceiling is 1 for every query with a relevant result, however few there are.
    """
    valid, relevant = _valid_pair(hits, n_relevant)
    within = np.arange(valid.shape[1]) < relevant[:, None]
    precision: Float64Array = (valid & within).sum(axis=1) / np.maximum(relevant, 1)
    return precision


def average_precision_of_ranks(ranks: ArrayLike) -> float:
    """AP of one query = mean over its relevant results of P@rank.

    `ranks` (n_relevant,) are those of all relevant results, from 1, each once; no relevant result
    gives 0. For rankings too long to hold; otherwise as `average_precision`.
    """
    ordered = np.sort(np.asarray(ranks, np.int64))
    if ordered.size == 0:
        return 0.0
    if ordered[0] < 1 or (np.diff(ordered) == 0).any():
        raise ValueError("ranks: wanted different ones of at least 1")
    return float((np.arange(1, len(ordered) + 1) / ordered).mean())


def roc_auc(above: ArrayLike, n_relevant: int, n_candidates: int) -> float:
    """AUC of one query = share of (relevant, other) pairs that are in the right order.

    above  how many other candidates, the irrelevant ones, score above each relevant result, equal
           scores counting half: (n_relevant,)

    Without relevant or without other results it is 0.5 (Fawcett 2006, section 7; Rendle et al.
    2009).
    """
    n_others = n_candidates - n_relevant
    if n_relevant == 0 or n_others == 0:
        return 0.5
    return float(1 - np.asarray(above, np.float64).mean() / n_others)


def macro_mean(values: ArrayLike, groups: ArrayLike) -> float:
    """Average within each group, then over the groups, so that a large one counts no more."""
    values, groups = np.asarray(values, np.float64), np.asarray(groups)
    if values.shape != groups.shape or values.size == 0:
        raise ValueError(f"wanted as many groups as values, got {groups.shape}, {values.shape}")
    _, number = np.unique(groups, return_inverse=True)
    return float((np.bincount(number, weights=values) / np.bincount(number)).mean())


def in_degrees(neighbours: ArrayLike, n_tracks: int) -> Int64Array:
    """Count the k-nearest-neighbour lists that each track is in (its k-occurrence).

    `neighbours` holds row numbers (n_queries, k), -1 where a list is shorter.
    """
    rows = np.asarray(neighbours, np.int64).ravel()
    return np.bincount(rows[rows >= 0], minlength=n_tracks)


def gini(counts: ArrayLike) -> float:
    """Gini index of counts (n,): 0 where all are equal, (n - 1) / n where all but one are 0.

    G = sum over i, from the least count on, of (2 i - n - 1) c_i / (n sum of c), i from 1.
    """
    ordered = np.sort(np.asarray(counts, np.float64))
    if ordered.ndim != 1 or (ordered < 0).any():
        raise ValueError(f"counts: wanted (n,) of at least 0, got {ordered}")
    n, total = len(ordered), ordered.sum()
    return (
        float(((2 * np.arange(1, n + 1) - n - 1) * ordered).sum() / (n * total)) if total else 0.0
    )


def resamples(groups: ArrayLike, n_resamples: int, seed: int) -> Iterator[IndexArray]:
    """Yield the rows of whole groups drawn with replacement, for measures that are no means.

    groups  (n_rows,), as in `bootstrap_means`, which is faster
    """
    number = np.unique(np.asarray(groups), return_inverse=True)[1]
    rows = [np.flatnonzero(number == group) for group in range(int(number.max()) + 1)]
    generator = np.random.default_rng(seed)
    for _ in range(n_resamples):
        drawn = generator.integers(len(rows), size=len(rows))
        yield np.concatenate([rows[group] for group in drawn])


def bootstrap_means(
    values: ArrayLike,
    groups: ArrayLike,
    labels: ArrayLike | None = None,
    *,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> Float64Array:
    """Means of resampled queries: (n_resamples, n_columns).

    values  (n_queries, n_columns), a column a metric
    groups  (n_queries,); one artist's tracks are not independent, so whole groups are drawn with
            replacement (the cluster bootstrap; Field and Welsh 2007)
    labels  (n_queries,), None for the mean over queries; otherwise the mean over the drawn labels
            of the means over their drawn queries (as `macro_mean`)

    One seed draws the same groups for the same `groups`, whatever the values.
    """
    columns, number, n_groups = _valid_groups(values, groups)
    if labels is None:
        label, n_labels = np.zeros(len(columns), np.int64), 1
    else:
        names, label = np.unique(np.asarray(labels), return_inverse=True)
        n_labels = len(names)
        if label.shape != number.shape:
            raise ValueError(f"wanted a label a query, got {label.shape} for {number.shape}")

    def table(weights: Float64Array) -> sparse.csr_matrix:
        return sparse.csr_matrix((weights, (label, number)), shape=(n_labels, n_groups))

    counts = table(np.ones(len(columns)))
    sums = [table(column) for column in columns.T]
    means = []
    for drawn in _draws(n_groups, n_resamples, seed):
        weights = drawn.T.astype(np.float64)
        n_drawn = counts @ weights  # (n_labels, chunk)
        present = np.maximum((n_drawn > 0).sum(axis=0), 1)
        divisor = np.maximum(n_drawn, 1)
        means.append(np.stack([(s @ weights / divisor).sum(axis=0) / present for s in sums], 1))
    return np.concatenate(means)


def interval(means: Float64Array) -> tuple[Float64Array, Float64Array]:
    """The bounds of the central 95 % of resampled means, per column: two of (n_columns,)."""
    low, high = np.quantile(means, [0.025, 0.975], axis=0)
    return low, high


def paired_bootstrap(
    a: ArrayLike,
    b: ArrayLike,
    groups: ArrayLike,
    *,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Mean of a - b with its 95 % interval, resampling whole groups of queries.

    Both are (n_queries,). See `bootstrap_means`.
    """
    difference = np.asarray(a, np.float64) - np.asarray(b, np.float64)
    means = bootstrap_means(difference[:, None], groups, n_resamples=n_resamples, seed=seed)
    low, high = interval(means)
    return Interval(float(difference.mean()), float(low[0]), float(high[0]))


def sign_flip_test(
    differences: ArrayLike,
    groups: ArrayLike,
    *,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> Float64Array:
    """Two-sided p-values of paired differences whose sum should be 0: (n_columns,).

    differences  (n_queries, n_columns), each already weighted as it counts in the mean

    The paired randomisation test (Smucker, Allan and Carterette 2007), by groups: if the two
    systems are equal, each group's difference could as well have the other sign. p is the share of
    random signs whose sum is as far from 0 as the observed one, which is counted among them.
    """
    columns, number, n_groups = _valid_groups(differences, groups)
    sums = np.stack([np.bincount(number, column, n_groups) for column in columns.T], axis=1)
    observed = np.abs(sums.sum(axis=0)) - 1e-12  # sums of floats in another order are not the same
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(n_resamples, n_groups))
    p: Float64Array = (1 + (np.abs(signs @ sums) >= observed).sum(axis=0)) / (1 + n_resamples)
    return p


def _draws(n_groups: int, n_resamples: int, seed: int) -> Iterator[Int64Array]:
    """Yield how often each group is drawn: (up to _CHUNK, n_groups) at a time."""
    generator = np.random.default_rng(seed)
    for start in range(0, n_resamples, _CHUNK):
        n = min(_CHUNK, n_resamples - start)
        drawn = generator.integers(n_groups, size=(n, n_groups))
        drawn += n_groups * np.arange(n)[:, None]
        yield np.bincount(drawn.ravel(), minlength=n * n_groups).reshape(n, n_groups)


def _valid_hits(hits: ArrayLike) -> BoolArray:
    hits = np.asarray(hits, dtype=bool)
    if hits.ndim != 2 or hits.shape[1] == 0:
        raise ValueError(f"hits: wanted shape (n_queries, k), got {hits.shape}")
    return hits


def _valid_pair(hits: ArrayLike, n_relevant: ArrayLike) -> tuple[BoolArray, Int64Array]:
    valid, relevant = _valid_hits(hits), np.asarray(n_relevant, np.int64)
    if relevant.shape != valid.shape[:1]:
        raise ValueError(f"n_relevant: wanted shape ({len(valid)},), got {relevant.shape}")
    if (valid.sum(axis=1) > relevant).any():
        raise ValueError("n_relevant: wanted at least as many as hits, got fewer")
    return valid, relevant


def _valid_groups(values: ArrayLike, groups: ArrayLike) -> tuple[Float64Array, Int64Array, int]:
    columns = np.asarray(values, np.float64)
    names, number = np.unique(np.asarray(groups), return_inverse=True)
    if columns.ndim != 2 or columns.shape[:1] != number.shape or columns.size == 0:
        raise ValueError(f"wanted a group a query, got {number.shape} for {columns.shape}")
    return columns, number, len(names)
