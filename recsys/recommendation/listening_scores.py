"""What listens say of a question: a listening model's scores, row for row as in the index."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from index.arrays import Float32Array, IndexArray
from recsys.recommendation.seeds import LIKE_COUNTS_AS, ListenerHistory, ResolvedSeeds

if TYPE_CHECKING:  # what it is fitted with takes seconds to import
    from recsys.models.hybrid import HybridModel, Profile

MAX_NAMED = 100  # listens that an answer may be traced to: the strongest


class IndexedModel:
    """A listening model whose tracks have been found in an index."""

    def __init__(self, model: HybridModel, ids: ArrayLike) -> None:
        """`ids` are the index's, ascending."""
        ids = np.asarray(ids, np.int64)
        rows = np.searchsorted(ids, model.tracks)
        indexed = np.searchsorted(ids, model.tracks, side="right") > rows
        self.model = model
        self.row_of = np.where(indexed, rows, -1)  # of each column, -1 where it is not indexed
        self.column_of = np.full(len(ids), -1, np.int64)  # of each row, -1 where it is unknown
        self.column_of[rows[indexed]] = np.flatnonzero(indexed)
        self.evidence = np.zeros(len(ids), np.float32)
        self.evidence[rows[indexed]] = model.evidence[indexed]
        model.products()  # now, and not while somebody waits for an answer

    def of(self, ground: ResolvedSeeds, heard: ListenerHistory) -> ListenerScores | None:
        """Return what listens say of what the answer stands on, None where that is nothing.

        A listener's listens and likes speak; where an answer stands on seeds, they do in the place
        of listens.
        """
        history = _history(ground, heard)
        rows = np.fromiter(history, np.intp, len(history))
        counts = np.fromiter(history.values(), np.float32, len(history))
        columns = self.column_of[rows]
        known = columns >= 0
        if not known.any():
            return None
        at = (np.zeros(int(known.sum()), np.intp), columns[known])
        listens = sparse.csr_matrix((counts[known], at), shape=(1, len(self.model.tracks)))
        strongest = np.argsort(-counts[known], kind="stable")[:MAX_NAMED]
        return ListenerScores(self, self.model.profile(listens), rows[known][strongest])

    def co_listening(self, rows: IndexArray, others: IndexArray) -> Float32Array:
        """Return how much the listeners of rows and of others are the same: (n, n_others)."""
        similar = self.model.similarity[self.column_of[others]]  # all of them are known
        columns = self.column_of[rows]
        order = np.argsort(columns)
        at = np.searchsorted(columns[order], similar.indices).clip(max=len(rows) - 1)
        (hits,) = np.nonzero(columns[order][at] == similar.indices)
        other = np.searchsorted(similar.indptr, hits, side="right") - 1
        found = np.zeros((len(rows), len(others)), np.float32)
        found[order[at[hits]], other] = similar.data[hits]
        return found


@dataclass(frozen=True, eq=False)
class ListenerScores:
    """What a listening model says of the rows of the index, for one question.

    history  the rows of the strongest of the listens that it goes by
    """

    model: IndexedModel
    profile: Profile
    history: IndexArray

    def scores(self, rows: IndexArray) -> Float32Array:
        """Return scores of rows, higher is better, (n,); 0 where the model does not know them.

        That is the typical score, and what listens say of such a track does not count anyway.
        """
        columns = self.model.column_of[rows]
        found = np.zeros(len(rows), np.float32)
        found[columns >= 0] = self.profile.scores(columns[columns >= 0])[0]
        return found

    def candidates(self, n: int) -> IndexArray:
        """Return about `n` rows that listens may rank high."""
        rows: IndexArray = self.model.row_of[self.profile.candidates(n)]
        return rows[rows >= 0]

    def shares(self, rows: IndexArray) -> Float32Array:
        """Return which part of what listens say of rows is traced to which of the history.

        By how much the listeners are the same: (n, n_history + 1), rows sum to 1; the last column
        is 1 where they have none in common.
        """
        shares = self.model.co_listening(rows, self.history)
        totals = shares.sum(axis=1, keepdims=True)
        shares /= np.where(totals > 0, totals, 1)
        shared: Float32Array = np.append(shares, totals <= 0, axis=1).astype(np.float32)
        return shared


def _history(ground: ResolvedSeeds, heard: ListenerHistory) -> dict[int, float]:
    """Return listens by row."""
    if any(anchor.kind != "listens" for anchor in ground.liked):
        return {a.row: LIKE_COUNTS_AS * a.weight for a in ground.liked if a.row >= 0}
    listens = dict(zip(heard.rows.tolist(), heard.counts.tolist(), strict=True))
    for row in heard.liked:
        listens[row] = listens.get(row, 0.0) + LIKE_COUNTS_AS
    return listens
