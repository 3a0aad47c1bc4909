"""Offline evaluation of recommendations: every listener's ranking, its metrics, and differences.

A listener is one query. Candidates are ranked by score, equal scores in a random order that is the
same for all systems (ids often follow popularity, and would decide otherwise).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from recsys.interactions import Content
from recsys.listening.list_metrics import (
    artist_repetition,
    coverage,
    gini,
    intra_list_similarity,
    novelty,
)
from recsys.listening.splits import Split, tail
from recsys.metrics import (
    attainable_recall_at_k,
    average_precision_of_ranks,
    bootstrap_means,
    interval,
    ndcg_at_k,
    precision_at_k,
    roc_auc,
)

KS = (10, 20, 100)
LIST_LENGTH = 20  # of the lists whose coverage, novelty, … are reported
SLICES = ("warm", "tail", "cold")
_BLOCK = 256  # listeners scored at once
_ORDER = np.uint64(0xFFFFFFFF)  # the bits of a ranking's key that hold the random order

_Floats = NDArray[np.float64]
_Ints = NDArray[np.int64]
Scores = Callable[[sparse.csr_matrix], NDArray[np.float32]]
Figures = dict[str, float | list[float]]


@dataclass(frozen=True, eq=False)
class Evaluated:
    """One system's result on one split.

    listeners  rows of the listeners: int64 (n_queries,)
    per_query  each metric of each listener, by its name ("R@20"), NaN where a slice has nothing to
               find for one ("tail R@20"): float64 (n_queries,)
    of_all     each metric that only all lists together have: coverage and gini
    lists      rows of the best tracks, -1 behind a list that is shorter: (n_queries, LIST_LENGTH)
    """

    listeners: _Ints
    per_query: Mapping[str, _Floats]
    of_all: Mapping[str, float]
    lists: _Ints


def evaluate(
    scores: Scores,
    split: Split,
    content: Content,
    seed: int,
    *,
    history: str = "",
    ks: Sequence[int] = KS,
) -> Evaluated:
    """Rank the candidates for each listener of a split and compare with what was held out.

    scores   of every track for histories, both (n, n_tracks), as `ListeningModel.scores`
    history  which one of the split's histories to tell
    seed     of the order of equal scores

    Raises ValueError for scores that are not finite or of another shape.
    """
    told = split.histories[history]
    kinds = _kinds(split)
    per_query: dict[str, list[_Floats]] = {}
    lists = []
    for rows, ranking in _rankings(scores, told, split, seed):
        held_out = split.held_out[rows]
        found = [ranking.of(i, tracks) for i, tracks in enumerate(_tracks_of(held_out))]
        for name, values in _accuracy(found, held_out, ranking.n_candidates, ks, kinds).items():
            per_query.setdefault(name, []).append(values)
        lists.append(ranking.first(LIST_LENGTH))
    best = np.concatenate(lists)
    metrics = {name: np.concatenate(values) for name, values in per_query.items()}
    metrics |= list_metrics(best, split, content)
    of_all = {
        "coverage": coverage(best, split.candidates),
        "gini": gini(best, split.candidates),
    }
    return Evaluated(split.listeners, metrics, of_all, best)


def list_metrics(lists: _Ints, split: Split, content: Content) -> dict[str, _Floats]:
    """What lists are besides their hits, of each listener: (n_queries,) by name."""
    n_heard = np.bincount(split.train.indices, minlength=split.train.shape[1])
    n_listeners = int((np.diff(split.train.indptr) > 0).sum())
    return {
        "novelty": novelty(lists, n_heard, n_listeners),
        "intra-list similarity": intra_list_similarity(lists, content.vectors),
        "artist repetition": artist_repetition(lists, content.artists),
    }


def summary(results: Sequence[Evaluated]) -> dict[str, Figures]:
    """Each metric's mean over the listeners of all splits, with its 95 % interval.

    Whole listeners are drawn for the interval, each with the splits that asked about it. Metrics of
    all lists together have the mean of the splits and no interval. A slice that never has anything
    to find is left out.
    """
    figures: dict[str, Figures] = {}
    for name, (values, groups) in _pooled(results, lambda result: result.per_query).items():
        low, high = interval(bootstrap_means(values[:, None], groups))
        figures[name] = {
            "mean": float(values.mean()),
            "ci": [float(low[0]), float(high[0])],
            "n": len(values),
        }
    for name in results[0].of_all:
        figures[name] = {"mean": float(np.mean([result.of_all[name] for result in results]))}
    return figures


def compare(ours: Sequence[Evaluated], base: Sequence[Evaluated]) -> dict[str, Figures]:
    """What each metric is more than the base's, paired by listener and split: `diff` and `ci`.

    Raises ValueError where the listeners are not the same.
    """
    for one, other in zip(ours, base, strict=True):
        if not np.array_equal(one.listeners, other.listeners):
            raise ValueError("wanted two systems with the same listeners, got others")
    base_of = {id(one): other for one, other in zip(ours, base, strict=True)}

    def differences(result: Evaluated) -> Mapping[str, _Floats]:
        other = base_of[id(result)]
        return {name: v - other.per_query[name] for name, v in result.per_query.items()}

    figures: dict[str, Figures] = {}
    for name, (values, groups) in _pooled(ours, differences).items():
        low, high = interval(bootstrap_means(values[:, None], groups))
        figures[name] = {"diff": float(values.mean()), "ci": [float(low[0]), float(high[0])]}
    return figures


def _pooled(
    results: Sequence[Evaluated], of: Callable[[Evaluated], Mapping[str, _Floats]]
) -> dict[str, tuple[_Floats, _Ints]]:
    """Join each metric over splits: its values, where there are any, and their listeners."""
    tables = [of(result) for result in results]
    listeners = np.concatenate([result.listeners for result in results])
    pooled = {}
    for name in tables[0]:
        values = np.concatenate([table[name] for table in tables])
        present = ~np.isnan(values)
        if present.any():
            pooled[name] = values[present], listeners[present]
    return pooled


def _kinds(split: Split) -> dict[str, NDArray[np.bool_]]:
    """The slices of tracks: heard much, heard little, never heard in training: bool (n_tracks,)."""
    cold = np.bincount(split.train.indices, minlength=split.train.shape[1]) == 0
    in_tail = tail(split.train) & ~cold
    return dict(zip(SLICES, (~in_tail & ~cold, in_tail, cold), strict=True))


def _accuracy(
    found: Sequence[tuple[_Ints, _Floats]],
    held_out: sparse.csr_matrix,
    n_candidates: _Ints,
    ks: Sequence[int],
    kinds: Mapping[str, NDArray[np.bool_]],
) -> dict[str, _Floats]:
    """Metrics of a block, from the rank of each held-out track and how many score above it."""
    n_relevant = np.diff(held_out.indptr)
    hits = _hits([ranks for ranks, _ in found], max(ks))
    metrics = {f"P@{k}": precision_at_k(hits[:, :k]) for k in ks}
    metrics |= {f"R@{k}": attainable_recall_at_k(hits[:, :k], n_relevant) for k in ks}
    metrics |= {f"nDCG@{k}": ndcg_at_k(hits[:, :k], n_relevant) for k in ks}
    metrics["MAP"] = np.array([average_precision_of_ranks(ranks) for ranks, _ in found])
    metrics["AUC"] = np.array(
        [
            roc_auc(above, len(above), n)
            for (_, above), n in zip(found, n_candidates.tolist(), strict=True)
        ]
    )
    for kind, of_kind in kinds.items():
        ranks = [
            ranks[of_kind[tracks]]
            for (ranks, _), tracks in zip(found, _tracks_of(held_out), strict=True)
        ]
        n = np.array([len(of_row) for of_row in ranks])
        of_hits = _hits(ranks, max(ks))
        for k in ks:
            recall = attainable_recall_at_k(of_hits[:, :k], n)
            metrics[f"{kind} R@{k}"] = np.where(n > 0, recall, np.nan)
    return metrics


def _hits(ranks: Sequence[_Ints], k: int) -> NDArray[np.bool_]:
    """Turn ranks from 1 into hits: bool (n_queries, k)."""
    hits = np.zeros((len(ranks), k), bool)
    for row, of_row in zip(hits, ranks, strict=True):
        row[of_row[of_row <= k] - 1] = True
    return hits


@dataclass(frozen=True, eq=False)
class _Ranking:
    """Some listeners' whole rankings, as one number a candidate: its score, then a random order.

    keys      of the candidates, 0 for what is in the history: uint64 (n, n_candidates)
    ordered   the same, ascending by row
    column    of each track among the candidates: int64 (n_tracks,)
    track_of  the track of each place in the random order: int64 (n_tracks,)
    """

    keys: NDArray[np.uint64]
    ordered: NDArray[np.uint64]
    column: _Ints
    track_of: _Ints

    @property
    def n_candidates(self) -> _Ints:
        counted: _Ints = (self.ordered > 0).sum(axis=1)
        return counted

    def first(self, k: int) -> _Ints:
        """The rows of the best k tracks, -1 behind a list that is shorter: int64 (n, k)."""
        best = self.ordered[:, ::-1][:, :k]
        tracks = self.track_of[(best & _ORDER).astype(np.int64)]
        listed = np.where(best > 0, tracks, -1)
        return np.pad(listed, ((0, 0), (0, max(k - best.shape[1], 0))), constant_values=-1)

    def of(self, i: int, tracks: _Ints) -> tuple[_Ints, _Floats]:
        """Ranks from 1 of a listener's tracks, and the others above each, equal ones half."""
        keys, ordered = self.keys[i, self.column[tracks]], self.ordered[i]
        ranks = len(ordered) - np.searchsorted(ordered, keys)
        lowest, highest = keys & ~_ORDER, keys | _ORDER
        higher, equal = _above(ordered, lowest, highest)
        own_higher, own_equal = _above(np.sort(keys), lowest, highest)
        return ranks, (higher - own_higher) + (equal - own_equal) / 2


def _above(
    ordered: NDArray[np.uint64], lowest: NDArray[np.uint64], highest: NDArray[np.uint64]
) -> tuple[_Ints, _Ints]:
    """How many of the ordered are above a range, and in it."""
    begin = np.searchsorted(ordered, lowest, side="left")
    end = np.searchsorted(ordered, highest, side="right")
    return len(ordered) - end, end - begin


def _rankings(
    scores: Scores, told: sparse.csr_matrix, split: Split, seed: int
) -> Iterator[tuple[slice, _Ranking]]:
    """Rank the candidates for a block of listeners at a time."""
    n_tracks = told.shape[1]
    (tracks,) = np.nonzero(split.candidates)
    column = np.zeros(n_tracks, np.int64)
    column[tracks] = np.arange(len(tracks))
    track_of = np.random.default_rng(seed).permutation(n_tracks)
    place = np.argsort(track_of).astype(np.uint64)[tracks]
    for start in range(0, told.shape[0], _BLOCK):
        rows = slice(start, min(start + _BLOCK, told.shape[0]))
        history = told[rows]
        found = checked(scores(history), history.shape)[:, tracks]
        keys = _ascending(found).astype(np.uint64) << np.uint64(32) | place
        keys[history[:, tracks].nonzero()] = 0
        yield rows, _Ranking(keys, np.sort(keys, axis=1), column, track_of)


def checked(scores: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return the scores as float32. Raises ValueError unless finite and of this shape."""
    found = np.asarray(scores, np.float32)
    if found.shape != shape:
        raise ValueError(f"scores: wanted shape {shape}, got {found.shape}")
    if not np.isfinite(found).all():
        raise ValueError("scores: wanted finite ones, got NaN or infinity")
    return found


def _ascending(scores: NDArray[np.float32]) -> NDArray[np.uint32]:
    """Turn finite floats into whole numbers above 0 of the same order, equal ones into equal."""
    bits = (scores + np.float32(0)).view(np.uint32)  # + 0 turns -0 into 0
    sign = np.uint32(0x80000000)
    return np.where(bits & sign, ~bits, bits | sign)


def _tracks_of(rows: sparse.csr_matrix) -> list[_Ints]:
    """The stored columns of each row."""
    return np.split(rows.indices, rows.indptr[1:-1])
