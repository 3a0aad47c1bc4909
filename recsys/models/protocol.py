"""What a model of listening is: it learns from counts and content, and scores every track."""

from __future__ import annotations

from typing import Protocol

from scipy import sparse

from index.arrays import Float32Array
from recsys.interactions import Content


class ListeningModel(Protocol):
    """What can be evaluated offline.

    Listeners have no numbers here: a model knows one by the history alone, so that a new one is
    no special case.
    """

    def fit(self, counts: sparse.csr_matrix, content: Content, seed: int) -> None:
        """Learn from listens, float32 CSR (n_listeners, n_tracks), and what the tracks are."""

    def scores(self, histories: sparse.csr_matrix) -> Float32Array:
        """Score every track for listeners with these listens: both (n, n_tracks).

        Higher is better; only the order within a row means something. All are finite.
        """
