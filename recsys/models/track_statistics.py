"""Statistics over all tracks that scoring with the hybrid model needs, whatever the history."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from index.arrays import BoolArray, Float32Array, Float64Array, Int64Array
from recsys.models.standardization import Moments


@dataclass(frozen=True, eq=False)
class TrackStatistics:
    """Sums, moments and orders over the tracks of a fitted hybrid model.

    gram                  XᵀX of the history factors of tracks with listens: (f, f)
    factors               moments of the item factors
    directions            moments of the content, over the tracks that have any
    popularity            moments of the popularity, over the tracks with listens
    has_content           1 where a track has content, else 0: float32 (n_tracks,)
    has_listens           likewise of listens
    n_with_listens        how many tracks have listens, at least 1
    centred_popularity    popularity less its mean, 0 without listens: float64 (n_tracks,)
    by_popularity         columns, the most played first: int64 (n_tracks,)
    """

    gram: Float32Array
    factors: Moments
    directions: Moments
    popularity: Moments
    has_content: Float32Array
    has_listens: Float32Array
    n_with_listens: int
    centred_popularity: Float64Array
    by_popularity: Int64Array

    @classmethod
    def of(
        cls,
        item_factors: Float32Array,
        history_factors: Float32Array,
        has_listens: BoolArray,
        popularity: Float32Array,
        directions: Float32Array,
    ) -> TrackStatistics:
        """Compute them; the arrays are those of `recsys.models.hybrid.HybridModel`."""
        folded = history_factors[has_listens]
        has_content = np.asarray(directions.any(axis=1), bool)
        moments = Moments.of(popularity[:, None], has_listens)
        return cls(
            gram=folded.T @ folded,
            factors=Moments.of(item_factors, np.ones(len(has_listens), bool)),
            directions=Moments.of(directions, has_content),
            popularity=moments,
            has_content=has_content.astype(np.float32),
            has_listens=has_listens.astype(np.float32),
            n_with_listens=max(int(has_listens.sum()), 1),
            centred_popularity=(popularity - moments.mean) * has_listens,
            by_popularity=np.argsort(-popularity, kind="stable"),
        )
