"""What listens say of a question: a listening model's scores, row for row as in the index."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from recsys.ground import LIKE_COUNTS_AS, Ground, Heard

_Values = NDArray[np.float32]


class ListeningModel(Protocol):
    """What is learnt from a home's listens."""

    @property
    def tracks(self) -> NDArray[np.int64]:
        """The ids of the tracks it knows, ascending: (n_tracks,)."""

    @property
    def item_factors(self) -> _Values:
        """Their factors: (n_tracks, n_factors)."""

    @property
    def evidence(self) -> _Values:
        """How much of each track's factors rests on listens, 0 to 1: (n_tracks,)."""

    def listener_factors(self, histories: sparse.csr_matrix) -> _Values:
        """Fold in listeners with these listens, (n, n_tracks): their factors (n, n_factors)."""


@dataclass(frozen=True, eq=False)
class Taste:
    """What a model says of every row of the index, (n,).

    scores    higher is better; the mean where the model does not know the track
    evidence  how much of a track's factors rests on listens, 0 to 1
    """

    scores: _Values
    evidence: _Values


class Tastes:
    """A listening model whose tracks have been found in an index."""

    def __init__(self, model: ListeningModel, ids: ArrayLike) -> None:
        """`ids` are the index's, ascending."""
        ids = np.asarray(ids, np.int64)
        rows = np.searchsorted(ids, model.tracks)
        indexed = np.searchsorted(ids, model.tracks, side="right") > rows
        self.model = model
        self._rows = rows[indexed]  # in the index, of the tracks that both have
        self._columns = np.flatnonzero(indexed)  # in the model
        self._column_of = np.full(len(ids), -1, np.int64)
        self._column_of[self._rows] = self._columns
        self._evidence = np.zeros(len(ids), np.float32)
        self._evidence[self._rows] = model.evidence[self._columns]
        self._whole = np.array_equal(model.tracks, ids)

    def of(self, ground: Ground, heard: Heard) -> Taste | None:
        """Return what listens say of what the answer stands on, None where that is nothing.

        A listener's listens and likes speak; where an answer stands on seeds, they do in the place
        of listens.
        """
        history = _history(ground, heard)
        columns = self._column_of[np.fromiter(history, np.intp, len(history))]
        counts = np.fromiter(history.values(), np.float32, len(history))[columns >= 0]
        columns = columns[columns >= 0]
        if not len(columns):
            return None
        at = (np.zeros(len(columns), np.intp), columns)
        listens = sparse.csr_matrix((counts, at), shape=(1, len(self.model.tracks)))
        known = self.model.item_factors @ self.model.listener_factors(listens)[0]
        if self._whole:
            return Taste(known, self._evidence)
        scores = np.full(len(self._evidence), known.mean(), np.float32)
        scores[self._rows] = known[self._columns]
        return Taste(scores, self._evidence)


def _history(ground: Ground, heard: Heard) -> dict[int, float]:
    """Return listens by row."""
    if any(anchor.kind != "listens" for anchor in ground.liked):
        return {a.row: LIKE_COUNTS_AS * a.weight for a in ground.liked if a.row >= 0}
    listens = dict(zip(heard.rows.tolist(), heard.counts.tolist(), strict=True))
    for row in heard.liked:
        listens[row] = listens.get(row, 0.0) + LIKE_COUNTS_AS
    return listens
