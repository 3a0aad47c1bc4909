"""Protocols of listening models: an estimator holds settings, its `fit` returns a fitted model."""

from __future__ import annotations

from typing import Protocol

from scipy import sparse

from index.arrays import Float32Array
from recsys.interactions import Content


class NotFitted(Exception):
    """A model could not be fitted where it was to be; the message says why, and what to do."""


class ListeningModel(Protocol):
    """A fitted model, which knows a listener by the history alone: a new one is no special case."""

    def scores(self, histories: sparse.csr_matrix) -> Float32Array:
        """Score every track for listeners with these listens: both (n, n_tracks).

        Higher is better; only the order within a row means something. All are finite.
        """


class Estimator(Protocol):
    """The settings of a kind of model."""

    def fit(self, counts: sparse.csr_matrix, content: Content, seed: int) -> ListeningModel:
        """Learn from listens, float32 CSR (n_listeners, n_tracks), and the tracks' content."""
