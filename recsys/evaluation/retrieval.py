"""Offline evaluation of content similarity: leave-one-out retrieval with known labels.

Every labelled track is a query once; the others are ranked by the cosine of their embeddings or by
the score of a correction for hubs (equal ones by id), and a result is a hit if it has one of the
query's labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from index.arrays import BoolArray, Float32Array, Float64Array, Int64Array
from index.hubs import pair_scores
from recsys.evaluation.labels import LabelColumn, LabelsError, artist_groups
from recsys.evaluation.metrics import (
    attainable_precision,
    average_precision,
    bootstrap_means,
    in_degrees,
    interval,
    macro_mean,
    ndcg_at_k,
    precision_at_k,
    r_precision,
    recall_at_k,
    sign_flip_test,
)

HUB_K = 10  # neighbours of the graph whose in-degrees are reported
_BLOCK = 1024  # queries ranked at once

_Scalar = TypeVar("_Scalar", bound=np.generic)
Figures = dict[str, float | int | dict[str, float] | list[float]]


class Correction(NamedTuple):
    """How a system corrects cosines for hubs: the method, and each track's cosine statistics.

    track_statistics  float32 (n_tracks, 3), a row a track, see `index.hubs.CosineStatistics`
    """

    method: str
    track_statistics: Float32Array

    def scores(self, rows: Int64Array, cosines: NDArray[np.floating]) -> Float64Array:
        """Return the scores of all tracks for those in `rows`: (n_rows, n_tracks), as `cosines`."""
        queries = self.track_statistics[rows][:, None]
        return pair_scores(self.method, cosines, queries, self.track_statistics)


@dataclass(frozen=True, eq=False)
class Retrieval:
    """One system's result for one label column.

    rows        the row of each query in the label table: int64 (n_queries,)
    artists     the artist of each query: queries of one artist are not independent
    query, label  each (query, label) pair that counts, by query: a query of several labels is in
                the mean of each of them: int64 (n_pairs,), object (n_pairs,)
    n_relevant  results that would be hits: int64 (n_queries,)
    per_query   each metric by its name ("P@10"), of each query: (n_queries,)
    neighbours  rows of the best, -1 behind a list that is shorter: int64 (n_queries, longest K)
    hits        which of them are hits: bool (n_queries, longest K)
    """

    rows: Int64Array
    artists: NDArray[np.object_]
    query: Int64Array
    label: NDArray[np.object_]
    n_relevant: Int64Array
    per_query: Mapping[str, Float64Array]
    neighbours: Int64Array
    hits: BoolArray

    def summary(self) -> dict[str, Figures]:
        """Return each metric averaged over labels (macro) and over queries (micro).

        P@K comes with its ceiling: that of a perfect ranking with as few tracks a label.
        """
        figures: dict[str, Figures] = {}
        for metric, values in self.per_query.items():
            figures[metric] = {**self._means(values), "n": len(values)}
            if metric.startswith("P@"):
                ceiling = attainable_precision(self.n_relevant, int(metric.removeprefix("P@")))
                figures[metric]["ceiling"] = self._means(ceiling)
        return figures

    def intervals(self) -> dict[str, Figures]:
        """Return the 95 % interval of each metric's micro ("ci") and macro ("ci_macro") mean."""
        micro, macro = self._intervals(np.stack(list(self.per_query.values()), axis=1))
        return {
            metric: {"ci": micro[i], "ci_macro": macro[i]}
            for i, metric in enumerate(self.per_query)
        }

    def compare(self, base: Retrieval) -> dict[str, dict[str, Figures]]:
        """Return each metric's difference from the base's, on the same queries, micro and macro.

        `diff` with its 95 % interval `ci` (bootstrap over artists), and `p` (randomisation test).
        Raises ValueError where the queries are not the same.
        """
        if not np.array_equal(self.rows, base.rows):
            raise ValueError("wanted two systems with the same queries, got others")
        values = np.stack([self.per_query[m] - base.per_query[m] for m in self.per_query], axis=1)
        shares = np.full(len(values), 1 / len(values)), self._macro_shares()
        p = [sign_flip_test(values * share[:, None], self.artists) for share in shares]
        micro, macro = self._intervals(values)
        compared: dict[str, dict[str, Figures]] = {}
        for i, metric in enumerate(self.per_query):
            means = self._means(values[:, i])
            compared[metric] = {
                "micro": {"diff": means["micro"], "ci": micro[i], "p": float(p[0][i])},
                "macro": {"diff": means["macro"], "ci": macro[i], "p": float(p[1][i])},
            }
        return compared

    def precision_curve(self) -> tuple[Float64Array, list[list[float]]]:
        """Return micro P@K for every K up to the longest, and its 95 % intervals."""
        longest = self.hits.shape[1]
        precision = np.cumsum(self.hits, axis=1) / np.arange(1, longest + 1)
        return precision.mean(axis=0), _pairs(bootstrap_means(precision, self.artists))

    def _means(self, values: Float64Array) -> dict[str, float]:
        return {
            "macro": macro_mean(values[self.query], self.label),
            "micro": float(values.mean()),
        }

    def _intervals(self, values: Float64Array) -> tuple[list[list[float]], list[list[float]]]:
        """Return bounds of the micro and of the macro mean of each column."""
        micro = bootstrap_means(values, self.artists)
        macro = bootstrap_means(values[self.query], self.artists[self.query], self.label)
        return _pairs(micro), _pairs(macro)

    def _macro_shares(self) -> Float64Array:
        """Return the weight of each query in the macro mean: (n_queries,), together 1."""
        _, label, counts = np.unique(
            self.label.astype(str), return_inverse=True, return_counts=True
        )
        shares = 1.0 / (len(counts) * counts[label])
        total: Float64Array = np.bincount(self.query, weights=shares).astype(np.float64)
        return total


def _pairs(means: Float64Array) -> list[list[float]]:
    """Return low and high bound of each column of resampled means."""
    bounds: list[list[float]] = np.stack(interval(means), axis=1).tolist()
    return bounds


def evaluate_retrieval(
    vectors: Float32Array,
    labels: pd.DataFrame,
    by: str,
    ks: Sequence[int],
    *,
    exclude_same: str | Sequence[str] | None = None,
    min_group: int = 1,
    correction: Correction | None = None,
) -> Retrieval:
    """Rank every track for every labelled query: P@K, R@K, nDCG@K, MAP and R-precision.

    vectors       unit vectors float32 (n_tracks, dim), one a row of `labels`
    exclude_same  columns in which a result must share no label with the query (artist filter)
    min_group     labels of fewer tracks make no queries (they remain candidates)
    correction    for hubs, of the same tracks; None ranks by cosines

    Raises LabelsError for an unknown column or where no query is left.
    """
    filters = [exclude_same] if isinstance(exclude_same, str) else list(exclude_same or ())
    column = LabelColumn(labels, by)
    forbidden = [LabelColumn(labels, name) for name in filters]
    large_enough = column.of_size(min_group)
    rows, query = np.unique(column.rows[large_enough], return_inverse=True)
    if len(rows) == 0:
        raise LabelsError(f'No track has a label in "{by}" that {min_group} tracks share.')
    metrics: dict[str, list[Float64Array]] = {}
    neighbours, hits, n_relevant = [], [], []
    for block, order, allowed in _rankings(vectors, rows, forbidden, correction):
        relevant = column.shared_with(block) & allowed
        ranked = _padded(np.take_along_axis(relevant, order, axis=1), max(ks), False)
        listed = np.where(np.take_along_axis(allowed, order, axis=1), order, -1)
        n_relevant.append(relevant.sum(axis=1))
        neighbours.append(_padded(listed, max(ks), -1)[:, : max(ks)])
        hits.append(ranked[:, : max(ks)])
        for metric, values in _metrics(ranked, n_relevant[-1], ks).items():
            metrics.setdefault(metric, []).append(values)
    return Retrieval(
        rows=rows,
        artists=artist_groups(labels)[rows],
        query=query,
        label=column.names[large_enough],
        n_relevant=np.concatenate(n_relevant),
        per_query={metric: np.concatenate(values) for metric, values in metrics.items()},
        neighbours=np.concatenate(neighbours),
        hits=np.concatenate(hits),
    )


def _metrics(hits: BoolArray, n_relevant: Int64Array, ks: Sequence[int]) -> dict[str, Float64Array]:
    """Return all metrics of whole rankings, by name."""
    return {
        **{f"P@{k}": precision_at_k(hits[:, :k]) for k in ks},
        **{f"R@{k}": recall_at_k(hits[:, :k], n_relevant) for k in ks},
        **{f"nDCG@{k}": ndcg_at_k(hits[:, :k], n_relevant) for k in ks},
        "MAP": average_precision(hits, n_relevant),
        "R-precision": r_precision(hits, n_relevant),
    }


def hub_degrees(vectors: Float32Array, correction: Correction | None = None) -> Int64Array:
    """Return in how many others' ten nearest each track is: int64 (n_tracks,)."""
    rows = np.arange(len(vectors))
    return in_degrees(rank(vectors, rows, HUB_K, correction=correction), len(vectors))


def hub_report(degrees: Int64Array) -> dict[str, float | int]:
    """Summarise the in-degrees (n_tracks,) of the graph of the ten nearest neighbours.

    `skewness` of the in-degrees is the usual measure of hubness (Radovanovic et al. 2010);
    `orphans` is the share of tracks that are in no list.
    """
    spread = float(degrees.std())
    skewness = float(((degrees - degrees.mean()) ** 3).mean() / spread**3) if spread else 0.0
    return {
        "max_in_degree": int(degrees.max()),
        "skewness": skewness,
        "orphans": float((degrees == 0).mean()),
    }


def rank(
    vectors: Float32Array,
    queries: Int64Array,
    k: int,
    forbidden: Sequence[LabelColumn] | None = None,
    correction: Correction | None = None,
) -> Int64Array:
    """Return the rows of the `k` nearest of each query row, -1 behind a list that is shorter.

    Left out are the query and the rows that share a label of a `forbidden` column with it.
    """
    best = []
    for _, order, allowed in _rankings(vectors, queries, forbidden or (), correction):
        listed = np.where(np.take_along_axis(allowed, order, axis=1), order, -1)
        best.append(_padded(listed, k, -1)[:, :k])
    return np.concatenate(best)


def _rankings(
    vectors: Float32Array,
    queries: Int64Array,
    forbidden: Sequence[LabelColumn],
    correction: Correction | None,
) -> Iterator[tuple[Int64Array, Int64Array, BoolArray]]:
    """Yield a block of queries, all rows from the nearest on, and which rows may be results.

    Rows that may not be results come last; (n_block,), and twice (n_block, n_tracks).
    """
    for start in range(0, len(queries), _BLOCK):
        block = queries[start : start + _BLOCK]
        allowed = np.ones((len(block), len(vectors)), bool)
        allowed[np.arange(len(block)), block] = False
        for column in forbidden:
            allowed &= ~column.shared_with(block)
        cosines = vectors[block] @ vectors.T
        scores = correction.scores(block, cosines) if correction else cosines
        scores = np.where(allowed, scores, -np.inf)
        yield block, np.argsort(-scores, axis=1, kind="stable"), allowed


def _padded(rows: NDArray[_Scalar], width: int, value: int | bool) -> NDArray[_Scalar]:
    """Widen an array of rows to at least `width` columns."""
    missing = max(width - rows.shape[1], 0)
    return np.pad(rows, ((0, 0), (0, missing)), constant_values=value)
