"""Scores of indexed tracks by the home's listening model, and the listens they are traced to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from index.arrays import Float32Array, IndexArray
from recsys.recommendation.seeds import LIKE_COUNTS_AS, ListenerHistory, ResolvedSeeds

if TYPE_CHECKING:  # what it is fitted with takes seconds to import: not before there is a model
    from recsys.models.hybrid import HybridModel, Profile

MAX_NAMED = 100  # tracks of a history that a score may be traced to: the most played


class IndexedModel:
    """A listening model whose tracks are mapped to the rows of an index.

    rows      the row of each of the model's columns, -1 for a track that is not indexed
    columns   the column of each row, -1 for a track that the model does not have: int64 (n,)
    evidence  of each row, 0 for a track that the model does not have: float32 (n,)
    """

    def __init__(self, model: HybridModel, ids: ArrayLike) -> None:
        """`ids` are the index's, ascending."""
        ids = np.asarray(ids, np.int64)
        rows = np.searchsorted(ids, model.tracks)
        indexed = np.searchsorted(ids, model.tracks, side="right") > rows
        self.model = model
        self.rows = np.where(indexed, rows, -1)
        self.columns = np.full(len(ids), -1, np.int64)
        self.columns[rows[indexed]] = np.flatnonzero(indexed)
        self.evidence = np.zeros(len(ids), np.float32)
        self.evidence[rows[indexed]] = model.evidence[indexed]
        model.products()  # now, and not while somebody waits for an answer

    def scores_for(self, seeds: ResolvedSeeds, history: ListenerHistory) -> ListenerScores | None:
        """Return the scores for a listener's listens and likes, or for the seeds in their place.

        None where the model has none of these tracks.
        """
        listens = _listens(seeds, history)
        rows = np.fromiter(listens, np.intp, len(listens))
        counts = np.fromiter(listens.values(), np.float32, len(listens))
        columns = self.columns[rows]
        known = columns >= 0
        if not known.any():
            return None
        at = (np.zeros(int(known.sum()), np.intp), columns[known])
        matrix = sparse.csr_matrix((counts[known], at), shape=(1, len(self.model.tracks)))
        strongest = np.argsort(-counts[known], kind="stable")[:MAX_NAMED]
        return ListenerScores(self, self.model.profile(matrix), rows[known][strongest])

    def co_listening(self, rows: IndexArray, others: IndexArray) -> Float32Array:
        """Return how much the listeners of rows and of others overlap: (n, n_others)."""
        similar = self.model.similarity[self.columns[others]]  # the model has all of them
        columns = self.columns[rows]
        order = np.argsort(columns)
        at = np.searchsorted(columns[order], similar.indices).clip(max=len(rows) - 1)
        (hits,) = np.nonzero(columns[order][at] == similar.indices)
        other = np.searchsorted(similar.indptr, hits, side="right") - 1
        overlaps = np.zeros((len(rows), len(others)), np.float32)
        overlaps[order[at[hits]], other] = similar.data[hits]
        return overlaps


@dataclass(frozen=True, eq=False)
class ListenerScores:
    """A listening model's scores of the rows of an index, for one query.

    history  the rows of the most played of the tracks that the scores are computed from
    """

    model: IndexedModel
    profile: Profile
    history: IndexArray

    def scores(self, rows: IndexArray) -> Float32Array:
        """Return scores of rows, higher is better, (n,); 0 for a track the model does not have.

        That is the typical score, and such a track has no evidence by which it would count.
        """
        columns = self.model.columns[rows]
        scores = np.zeros(len(rows), np.float32)
        scores[columns >= 0] = self.profile.scores(columns[columns >= 0])[0]
        return scores

    def candidates(self, n: int) -> IndexArray:
        """Return about `n` rows that the model may rank high."""
        rows: IndexArray = self.model.rows[self.profile.candidates(n)]
        return rows[rows >= 0]

    def shares(self, rows: IndexArray) -> Float32Array:
        """Return the shares of the history's tracks in the scores of rows, by co-listening.

        (n, n_history + 1), rows sum to 1; the last column is 1 where no listeners overlap.
        """
        shares = self.model.co_listening(rows, self.history)
        totals = shares.sum(axis=1, keepdims=True)
        shares /= np.where(totals > 0, totals, 1)
        with_rest: Float32Array = np.append(shares, totals <= 0, axis=1).astype(np.float32)
        return with_rest


def _listens(seeds: ResolvedSeeds, history: ListenerHistory) -> dict[int, float]:
    """Return the number of listens by row: those of the seeds, or else of the history."""
    if any(seed.kind != "listens" for seed in seeds.positive):
        return {s.row: LIKE_COUNTS_AS * s.weight for s in seeds.positive if s.row >= 0}
    listens = dict(zip(history.rows.tolist(), history.counts.tolist(), strict=True))
    for row in history.liked:
        listens[row] = listens.get(row, 0.0) + LIKE_COUNTS_AS
    return listens
