"""Statistics over all tracks that scoring with the hybrid model needs, whatever the history."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from index.arrays import BoolArray, Float32Array, Int64Array
from recsys.models.standardization import Moments


def log_popularity(n_listeners: Int64Array, n_all: int) -> Float32Array:
    """Return the log of the share of the listeners who play each track, of none as of one: (n,)."""
    return np.log(np.maximum(n_listeners, 1) / n_all).astype(np.float32)


@dataclass(frozen=True, eq=False)
class TrackStatistics:
    """Sums and moments over the tracks of a fitted hybrid model.

    gram                  XᵀX of the history factors of tracks with listens: (f, f)
    factors               moments of the item factors
    directions            moments of the content, over the tracks that have any
    has_content           1 where a track has content, else 0: float32 (n_tracks,)
    """

    gram: Float32Array
    factors: Moments
    directions: Moments
    has_content: Float32Array

    @classmethod
    def of(
        cls,
        item_factors: Float32Array,
        history_factors: Float32Array,
        has_listens: BoolArray,
        directions: Float32Array,
    ) -> TrackStatistics:
        """Compute them; the arrays are those of `recsys.models.hybrid.HybridModel`."""
        folded = history_factors[has_listens]
        has_content = np.asarray(directions.any(axis=1), bool)
        return cls(
            gram=folded.T @ folded,
            factors=Moments.of(item_factors, np.ones(len(has_listens), bool)),
            directions=Moments.of(directions, has_content),
            has_content=has_content.astype(np.float32),
        )
