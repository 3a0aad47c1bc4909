"""What listens say of a question: a listening model's scores, row for row as in the index."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from recsys.ground import LIKE_COUNTS_AS, Ground, Heard

MAX_NAMED = 100  # listens that an answer may be traced to: the strongest

_Rows = NDArray[np.intp]
_Values = NDArray[np.float32]


class ListeningModel(Protocol):
    """What is learnt from a home's listens; `recsys.blend.Blend` is one.

    tracks      ids of the tracks it knows, ascending: int64 (n_tracks,)
    evidence    how much of each track's factors rests on listens, 0 to 1: (n_tracks,)
    similarity  how much the listeners of two tracks are the same, 0 for the less similar ones:
                float32 CSR (n_tracks, n_tracks)
    """

    tracks: NDArray[np.int64]
    evidence: _Values
    similarity: sparse.csr_matrix

    def scores(self, histories: sparse.csr_matrix) -> _Values:
        """Score every track for listeners with these listens: both (n, n_tracks)."""


class Tastes:
    """A listening model whose tracks have been found in an index."""

    def __init__(self, model: ListeningModel, ids: ArrayLike) -> None:
        """`ids` are the index's, ascending."""
        ids = np.asarray(ids, np.int64)
        rows = np.searchsorted(ids, model.tracks)
        indexed = np.searchsorted(ids, model.tracks, side="right") > rows
        self.model = model
        self._column_of = np.full(len(ids), -1, np.int64)  # of each row, -1 where it is unknown
        self._column_of[rows[indexed]] = np.flatnonzero(indexed)
        self.evidence = np.zeros(len(ids), np.float32)
        self.evidence[rows[indexed]] = model.evidence[indexed]

    def of(self, ground: Ground, heard: Heard) -> Taste | None:
        """Return what listens say of what the answer stands on, None where that is nothing.

        A listener's listens and likes speak; where an answer stands on seeds, they do in the place
        of listens.
        """
        history = _history(ground, heard)
        rows = np.fromiter(history, np.intp, len(history))
        counts = np.fromiter(history.values(), np.float32, len(history))
        columns = self._column_of[rows]
        known = columns >= 0
        if not known.any():
            return None
        at = (np.zeros(int(known.sum()), np.intp), columns[known])
        listens = sparse.csr_matrix((counts[known], at), shape=(1, len(self.model.tracks)))
        found = self.model.scores(listens)[0]
        scores = np.where(self._column_of >= 0, found[self._column_of], found.mean())
        strongest = np.argsort(-counts[known], kind="stable")[:MAX_NAMED]
        return Taste(self, scores.astype(np.float32), rows[known][strongest])

    def co_listening(self, rows: _Rows, others: _Rows) -> _Values:
        """Return how much the listeners of rows and of others are the same: (n, n_others)."""
        similar = self.model.similarity[self._column_of[others]]  # all of them are known
        known = self._column_of[rows] >= 0
        found = np.zeros((len(rows), len(others)), np.float32)
        found[known] = similar[:, self._column_of[rows[known]]].T.toarray()
        return found


@dataclass(frozen=True, eq=False)
class Taste:
    """What a listening model says of every row of the index, for one question.

    scores   higher is better; the mean where the model does not know the track: (n,)
    history  the rows of the strongest of the listens that it goes by
    """

    model: Tastes
    scores: _Values
    history: _Rows

    def shares(self, rows: _Rows) -> _Values:
        """Return which part of what listens say of rows is traced to which of the history.

        By how much the listeners are the same: (n, n_history + 1), rows sum to 1; the last column
        is 1 where they have none in common.
        """
        shares = self.model.co_listening(rows, self.history)
        totals = shares.sum(axis=1, keepdims=True)
        shares /= np.where(totals > 0, totals, 1)
        shared: _Values = np.append(shares, totals <= 0, axis=1).astype(np.float32)
        return shared


def _history(ground: Ground, heard: Heard) -> dict[int, float]:
    """Return listens by row."""
    if any(anchor.kind != "listens" for anchor in ground.liked):
        return {a.row: LIKE_COUNTS_AS * a.weight for a in ground.liked if a.row >= 0}
    listens = dict(zip(heard.rows.tolist(), heard.counts.tolist(), strict=True))
    for row in heard.liked:
        listens[row] = listens.get(row, 0.0) + LIKE_COUNTS_AS
    return listens
