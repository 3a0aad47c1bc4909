"""Metrics of a recommender's rankings on one split, per listener.

A listener is one query. `recsys.evaluation.metrics` and
`recsys.evaluation.recommenders.list_metrics` have the formulas.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from index.arrays import BoolArray, Float64Array, Int64Array
from recsys.evaluation.metrics import (
    attainable_recall_at_k,
    average_precision_of_ranks,
    ndcg_at_k,
    precision_at_k,
    roc_auc,
)
from recsys.evaluation.recommenders.list_metrics import (
    artist_repetition,
    coverage,
    gini,
    intra_list_similarity,
    novelty,
)
from recsys.evaluation.recommenders.ranking import Scores, rankings
from recsys.evaluation.recommenders.splits import Split, tail
from recsys.interactions import Content, n_listeners

KS = (10, 20, 100)
LIST_LENGTH = 20  # of the lists whose coverage, novelty, … are measured
SLICES = ("warm", "tail", "cold")


@dataclass(frozen=True, eq=False)
class Evaluated:
    """One system's result on one split.

    listeners  rows of the listeners: int64 (n_queries,)
    per_query  each metric of each listener, by its name ("R@20"), NaN where a slice has no held-out
               tracks of one ("tail R@20"): float64 (n_queries,)
    of_all     the metrics of all lists together: coverage and gini
    """

    listeners: Int64Array
    per_query: Mapping[str, Float64Array]
    of_all: Mapping[str, float]


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
    history  the name of one of the split's histories
    seed     of the order of equal scores

    Raises ValueError for scores that are not finite or of another shape.
    """
    slices = _slices(split)
    per_query: dict[str, list[Float64Array]] = {}
    lists = []
    for rows, ranking in rankings(
        scores, split.histories[history], split.seen, split.candidates, seed
    ):
        held_out = split.held_out[rows]
        ranked = [ranking.of(i, tracks) for i, tracks in enumerate(_tracks_of(held_out))]
        for name, values in _accuracy(ranked, held_out, ranking.n_candidates, ks, slices).items():
            per_query.setdefault(name, []).append(values)
        lists.append(ranking.first(LIST_LENGTH))
    best = np.concatenate(lists)
    metrics = {name: np.concatenate(values) for name, values in per_query.items()}
    metrics |= list_metrics(best, split, content)
    of_all = {
        "coverage": coverage(best, split.candidates),
        "gini": gini(best, split.candidates),
    }
    return Evaluated(split.listeners, metrics, of_all)


def list_metrics(lists: Int64Array, split: Split, content: Content) -> dict[str, Float64Array]:
    """Return the metrics of lists besides accuracy, of each listener: (n_queries,) by name."""
    n_active = int((np.diff(split.train.indptr) > 0).sum())
    return {
        "novelty": novelty(lists, n_listeners(split.train), n_active),
        "intra-list similarity": intra_list_similarity(lists, content.vectors),
        "artist repetition": artist_repetition(lists, content.artists),
    }


def _slices(split: Split) -> dict[str, BoolArray]:
    """Return masks of tracks by their training listeners: many, few, none, each (n_tracks,)."""
    cold = n_listeners(split.train) == 0
    in_tail = tail(split.train) & ~cold
    return dict(zip(SLICES, (~in_tail & ~cold, in_tail, cold), strict=True))


def _accuracy(
    ranked: Sequence[tuple[Int64Array, Float64Array]],
    held_out: sparse.csr_matrix,
    n_candidates: Int64Array,
    ks: Sequence[int],
    slices: Mapping[str, BoolArray],
) -> dict[str, Float64Array]:
    """Return metrics of a block, from each held-out track's rank and how many score above it."""
    n_relevant = np.diff(held_out.indptr)
    hits = _hits([ranks for ranks, _ in ranked], max(ks))
    metrics = {f"P@{k}": precision_at_k(hits[:, :k]) for k in ks}
    metrics |= {f"R@{k}": attainable_recall_at_k(hits[:, :k], n_relevant) for k in ks}
    metrics |= {f"nDCG@{k}": ndcg_at_k(hits[:, :k], n_relevant) for k in ks}
    metrics["MAP"] = np.array([average_precision_of_ranks(ranks) for ranks, _ in ranked])
    metrics["AUC"] = np.array(
        [
            roc_auc(above, len(above), n)
            for (_, above), n in zip(ranked, n_candidates.tolist(), strict=True)
        ]
    )
    for name, mask in slices.items():
        ranks_in_slice = [
            ranks[mask[tracks]]
            for (ranks, _), tracks in zip(ranked, _tracks_of(held_out), strict=True)
        ]
        n = np.array([len(ranks) for ranks in ranks_in_slice])
        hits_in_slice = _hits(ranks_in_slice, max(ks))
        for k in ks:
            recall = attainable_recall_at_k(hits_in_slice[:, :k], n)
            metrics[f"{name} R@{k}"] = np.where(n > 0, recall, np.nan)
    return metrics


def _hits(ranks: Sequence[Int64Array], k: int) -> BoolArray:
    """Turn ranks from 1 into hits: bool (n_queries, k)."""
    hits = np.zeros((len(ranks), k), bool)
    for row, ranks_of_row in zip(hits, ranks, strict=True):
        row[ranks_of_row[ranks_of_row <= k] - 1] = True
    return hits


def _tracks_of(rows: sparse.csr_matrix) -> list[Int64Array]:
    """Return the stored columns of each row."""
    return np.split(rows.indices, rows.indptr[1:-1])
