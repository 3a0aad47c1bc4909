"""Listeners as the hybrid model knows them, and their scores of any tracks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from index.arrays import Float32Array, Int64Array
from index.inner_products import top_n

if TYPE_CHECKING:
    from recsys.models.hybrid import HybridModel

CANDIDATE_FACTOR = 4  # times as many tracks are proposed as are wanted
_ALL = slice(None)


class ScoreTerms(NamedTuple):
    """The standardised terms of scores, each float32 (n, n_some), 0 being the typical track.

    content is 0 for tracks without content.
    """

    factors: Float32Array
    content: Float32Array


@dataclass(frozen=True, eq=False)
class Profile:
    """Listeners as the hybrid model knows them, to score any tracks for them.

    Every term is standardised over all tracks, but its mean and deviation follow from moments of
    the tracks, so that the score of a few takes no pass over all.

    factors         y, (n, f)
    direction_sums  sums of the content directions of the history, (n, dim)
    """

    model: HybridModel
    factors: Float32Array
    direction_sums: Float32Array

    def scores(self, tracks: Int64Array | slice = _ALL) -> Float32Array:
        """Score some tracks, given by their columns; by default every one: (n, n_some)."""
        return self.scores_of(self.terms(tracks), tracks)

    def scores_of(self, terms: ScoreTerms, tracks: Int64Array | slice = _ALL) -> Float32Array:
        """Add up the terms of the scores of some tracks, with their weights: (n, n_some)."""
        scores = terms.factors
        if self.model.settings.content_weight:
            scores = scores + self._content_weight(tracks) * terms.content
        return scores

    def terms(self, tracks: Int64Array | slice = _ALL) -> ScoreTerms:
        """Return the terms of the scores of some tracks, standardised, without their weights."""
        model, statistics = self.model, self.model.statistics
        scale = statistics.directions.of_products(self.direction_sums)
        content = scale.standardise(self.direction_sums @ model.directions[tracks].T)
        return ScoreTerms(
            self._factor_term(tracks),
            statistics.has_content[tracks] * content,
        )

    def candidates(self, n: int) -> Int64Array:
        """Return columns of the `n` tracks that listens rank highest for the first listener.

        They are chosen among CANDIDATE_FACTOR times as many by the coded products of factors.
        """
        proposed = np.sort(self.model.products().candidates(self.factors[0], CANDIDATE_FACTOR * n))
        products = self.model.item_factors[proposed] @ self.factors[0]
        return proposed[top_n(products, n)]

    def _factor_term(self, tracks: Int64Array | slice) -> Float32Array:
        scale = self.model.statistics.factors.of_products(self.factors)
        return scale.standardise(self.factors @ self.model.item_factors[tracks].T)

    def _content_weight(self, tracks: Int64Array | slice) -> Float32Array:
        weight = np.float32(self.model.settings.content_weight)
        return np.asarray(weight * (1 - self.model.evidence[tracks]), np.float32)
