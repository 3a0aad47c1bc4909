"""Listeners as the hybrid model knows them, and their scores of any tracks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from index.arrays import Float32Array, Int64Array
from index.inner_products import top_n
from recsys.models.co_listening import CoListening
from recsys.models.standardization import Scale

if TYPE_CHECKING:
    from recsys.models.hybrid import HybridModel

CANDIDATE_FACTOR = 4  # times as many tracks are proposed by each term as are wanted in all
_ALL = slice(None)


class ScoreTerms(NamedTuple):
    """The standardised terms of scores, each float32 (n, n_some), 0 being the typical track.

    content is 0 for tracks without content.
    """

    factors: Float32Array
    co_listening: Float32Array
    content: Float32Array


@dataclass(frozen=True, eq=False)
class Profile:
    """Listeners as the hybrid model knows them, to score any tracks for them.

    Every term is standardised over all tracks, but its mean and deviation follow from moments of
    the tracks, so that the score of a few takes no pass over all.

    factors         y, (n, f)
    co_listening    with the history, less the popularity of the tracks
    direction_sums  sums of the content directions of the history, (n, dim)
    """

    model: HybridModel
    factors: Float32Array
    co_listening: CoListening
    direction_sums: Float32Array

    def scores(self, tracks: Int64Array | slice = _ALL) -> Float32Array:
        """Score some tracks, given by their columns; by default every one: (n, n_some)."""
        return self.scores_of(self.terms(tracks), tracks)

    def scores_of(self, terms: ScoreTerms, tracks: Int64Array | slice = _ALL) -> Float32Array:
        """Add up the terms of the scores of some tracks, with their weights: (n, n_some)."""
        scores = terms.factors
        if self.model.settings.cooccurrence_weight:
            scores = scores + self._co_listening_weight(tracks) * terms.co_listening
        if self.model.settings.content_weight:
            scores = scores + self._content_weight(tracks) * terms.content
        return scores

    def terms(self, tracks: Int64Array | slice = _ALL) -> ScoreTerms:
        """Return the terms of the scores of some tracks, standardised, without their weights.

        Where the weight of co-listening is 0, its term is that of popularity alone.
        """
        model, statistics = self.model, self.model.statistics
        scale = statistics.directions.of_products(self.direction_sums)
        content = scale.standardise(self.direction_sums @ model.directions[tracks].T)
        return ScoreTerms(
            self._factor_term(tracks),
            self._co_listening_term(tracks),
            statistics.has_content[tracks] * content,
        )

    def candidates(self, n: int) -> Int64Array:
        """Return columns of the `n` tracks that listens rank highest for the first listener.

        They are chosen among CANDIDATE_FACTOR times as many by the greatest products of factors, as
        many by co-listening with the history, and as many by popularity, a part of co-listening.
        """
        model, n_proposed = self.model, CANDIDATE_FACTOR * n
        proposals = [model.products().candidates(self.factors[0], n_proposed)]
        if model.settings.cooccurrence_weight:
            columns = self.co_listening.columns[self.co_listening.rows == 0]
            values = model.popularity[columns] + self.co_listening.sums[0, columns]
            proposals += [
                columns[top_n(values, n_proposed)],
                model.statistics.by_popularity[:n_proposed],
            ]
        proposed = np.unique(np.concatenate(proposals))
        return proposed[top_n(self._listen_scores(proposed)[0], n)]

    def _listen_scores(self, tracks: Int64Array | slice) -> Float32Array:
        """Return the sum of the terms that come from listens: (n, n_some)."""
        scores = self._factor_term(tracks)
        if self.model.settings.cooccurrence_weight:
            scores += self._co_listening_weight(tracks) * self._co_listening_term(tracks)
        return scores

    def _factor_term(self, tracks: Int64Array | slice) -> Float32Array:
        scale = self.model.statistics.factors.of_products(self.factors)
        return scale.standardise(self.factors @ self.model.item_factors[tracks].T)

    def _co_listening_term(self, tracks: Int64Array | slice) -> Float32Array:
        sums = self.co_listening.sums[:, tracks].astype(np.float32)
        return self._co_listening_scale.standardise(self.model.popularity[tracks] + sums)

    def _co_listening_weight(self, tracks: Int64Array | slice) -> Float32Array:
        weight = np.float32(self.model.settings.cooccurrence_weight)
        return np.asarray(weight * self.model.statistics.has_listens[tracks], np.float32)

    def _content_weight(self, tracks: Int64Array | slice) -> Float32Array:
        weight = np.float32(self.model.settings.content_weight)
        return np.asarray(weight * (1 - self.model.evidence[tracks]), np.float32)

    @cached_property
    def _co_listening_scale(self) -> Scale:
        """Mean and deviation of co-listening over the tracks with listens."""
        statistics, terms, n = self.model.statistics, self.co_listening, len(self.factors)
        if terms.sums.size <= 2 * len(terms.values):  # a pass over all tracks takes less
            every = (terms.sums + self.model.popularity)[:, self.model.has_listens]
            if every.size:
                return Scale.of(every.mean(1, keepdims=True), every.var(1, keepdims=True))
        values = terms.values * statistics.has_listens[terms.columns]
        factors = (
            1.0,
            statistics.centred_popularity[terms.columns],
            terms.sums[terms.rows, terms.columns],
        )
        mean, product, square = (
            np.bincount(terms.rows, values * factor, n)[:, None] / statistics.n_with_listens
            for factor in factors
        )
        variance = statistics.popularity.covariance + 2 * product + square - mean**2
        return Scale.of(statistics.popularity.mean + mean, variance)
