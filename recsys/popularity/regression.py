"""How many may like a track, from its sound: linear regression with a ranking loss.

    L = (1 - r) mean_i (y_i - s_i)² + r mean_(i,j) log(1 + exp(s_j - s_i)) + penalty |w|² / n

s = x w + b   of standardised features x; y is the popularity, standardised
(i, j)        pairs of tracks of which the first is the more popular

The squared loss says how popular, the ranking loss which of two is more so: "LR with ranking" of
L.-C. Yu, Y.-H. Yang, Y.-N. Hung, Y.-A. Chen, "Hit song prediction for pop music by Siamese CNN with
ranking loss" (arXiv:1710.10814, 2017); the logistic ranking loss is that of Burges et al.,
"Learning to rank using gradient descent" (ICML 2005). With r = 0 it is ridge regression.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import expit

from index.arrays import Float64Array, IndexArray

PAIRS_PER_TRACK = 20  # of the ranking loss, drawn at random;
MOST_PAIRS = 100_000  # of all tracks together
MAX_ROUNDS = 200
N_FITTED = 20_000  # tracks that weights are learned on, at most


class Scorer(NamedTuple):
    """A fitted regression: weights of the features as they are, (n_features,), and its constant."""

    weights: Float64Array
    constant: float

    def scores(self, features: Float64Array) -> Float64Array:
        """Return the expected popularity of tracks, features (n, n_features): (n,)."""
        scores: Float64Array = features @ self.weights + self.constant
        return scores


@dataclass(frozen=True)
class RankingRegression:
    """The settings of a regression: its penalty, and the share r of the ranking loss, 0 to 1."""

    penalty: float
    ranking: float = 0.5

    def fit(self, features: Float64Array, popularity: Float64Array, seed: int = 0) -> Scorer:
        """Learn from features (n, n_features) and popularity (n,).

        The scores have the mean and the deviation's unit of `popularity`: a constant predicts its
        mean. Raises ValueError for fewer than two tracks.
        """
        from scipy.optimize import minimize  # noqa: PLC0415 - slow to load, and not to score

        if len(popularity) < 2:
            raise ValueError(f"popularity: wanted at least 2 tracks, got {len(popularity)}")
        generator = np.random.default_rng(seed)
        if len(popularity) > N_FITTED:
            some = generator.choice(len(popularity), N_FITTED, replace=False)
            features, popularity = features[some], popularity[some]
        centre, scale = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-9)
        x = (features - centre) / scale
        mean, deviation = popularity.mean(), max(popularity.std(), 1e-9)
        y = (popularity - mean) / deviation
        pairs = _pairs(y, generator)
        start = np.zeros(x.shape[1])
        found = minimize(
            self._loss,
            start,
            args=(x, y, pairs),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": MAX_ROUNDS},
        )
        weights = deviation * found.x / scale
        return Scorer(weights, float(mean - centre @ weights))

    def _loss(
        self,
        weights: Float64Array,
        x: Float64Array,
        y: Float64Array,
        pairs: tuple[IndexArray, IndexArray],
    ) -> tuple[float, Float64Array]:
        """Return the loss and its gradient."""
        n, scores = len(y), x @ weights
        errors = scores - y
        loss = (1 - self.ranking) * float((errors**2).mean())
        of_scores = (1 - self.ranking) * 2 / n * errors
        above, below = pairs
        if self.ranking and len(above):
            margins = scores[above] - scores[below]
            loss += self.ranking * float(np.logaddexp(0, -margins).mean())
            pull = -self.ranking / len(above) * expit(-margins)
            of_scores += np.bincount(above, pull, n) - np.bincount(below, pull, n)
        loss += self.penalty / n * float(weights @ weights)
        return loss, x.T @ of_scores + 2 * self.penalty / n * weights


def _pairs(y: Float64Array, generator: np.random.Generator) -> tuple[IndexArray, IndexArray]:
    """Draw pairs of tracks: those that are more popular, and those that are less."""
    n = min(PAIRS_PER_TRACK * len(y), MOST_PAIRS)
    one, other = generator.integers(0, len(y), (2, n))
    differ = y[one] != y[other]
    one, other = one[differ], other[differ]
    more = y[one] > y[other]
    return np.where(more, one, other), np.where(more, other, one)
