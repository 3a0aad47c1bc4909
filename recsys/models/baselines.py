"""The systems that recommendations are measured against, each as good as it can be made here.

All satisfy `ListeningModel`. Counts are weighted by `weighted`: one (implicit feedback as such), or
1 + log(count) for what was heard often.
"""

from __future__ import annotations

from dataclasses import dataclass

from index.arrays import Float32Array, Float64Array, Int64Array

from recsys.models import cuda_libraries  # noqa: F401  # isort: skip
import numpy as np
from implicit.bpr import BayesianPersonalizedRanking
from implicit.nearest_neighbours import ItemItemRecommender
from scipy import sparse

from recsys.interactions import Content, n_listeners
from recsys.models.als import Als, weighted


@dataclass
class Random:
    """Any order, another for every listener; the same calls after a fit give the same."""

    def fit(self, counts: sparse.csr_matrix, content: Content, seed: int) -> None:
        """Begin anew."""
        self._generator = np.random.default_rng(seed)

    def scores(self, histories: sparse.csr_matrix) -> Float32Array:
        """Score every track: (n, n_tracks)."""
        found: Float32Array = self._generator.random(histories.shape, np.float32)
        return found


@dataclass
class Popularity:
    """How many listeners each track has in training."""

    def fit(self, counts: sparse.csr_matrix, content: Content, seed: int) -> None:
        """Count listeners."""
        self._scores = n_listeners(counts).astype(np.float32)

    def scores(self, histories: sparse.csr_matrix) -> Float32Array:
        """Score every track: (n, n_tracks)."""
        return np.tile(self._scores, (histories.shape[0], 1))


@dataclass
class ItemKnn:
    """Item-based neighbours: the cosine of tracks as vectors of listeners (Sarwar et al. 2001).

    n_neighbours  how many most similar tracks of each track count; None: all
    shrinkage     added to the squared lengths, so that tracks of one listener are not as like each
                  other as can be

    A track's score is the sum of its similarities to the history, of those that count.
    """

    n_neighbours: int | None = 100
    shrinkage: float = 0.0
    weighting: str = "log"

    def fit(self, counts: sparse.csr_matrix, content: Content, seed: int) -> None:
        """Find each track's neighbours."""
        weights = weighted(counts, self.weighting).astype(np.float64)
        squares = np.asarray(weights.multiply(weights).sum(axis=0)).ravel() + self.shrinkage
        scale = np.divide(1, np.sqrt(squares), out=np.zeros_like(squares), where=squares > 0)
        unit = sparse.csr_matrix(weights @ sparse.diags(scale))
        if self.n_neighbours is None:
            self._factors = [unit.T.tocsr(), unit]  # their product would be large
        else:
            model = ItemItemRecommender(self.n_neighbours)
            model.fit(unit, show_progress=False)
            self._factors = [model.similarity]

    def scores(self, histories: sparse.csr_matrix) -> Float32Array:
        """Score every track: (n, n_tracks)."""
        found = weighted(histories, self.weighting)
        for factor in self._factors:
            found = found @ factor
        return np.asarray(found.toarray(), np.float32)


@dataclass
class Bpr:
    """Bayesian personalised ranking (Rendle et al. 2009).

    It has no closed-form fold-in. A listener's factors are predicted from the mean factors of the
    history by a ridge regression that is learned on the training listeners.
    """

    factors: int = 64
    learning_rate: float = 0.05
    regularization: float = 0.01
    iterations: int = 100

    def fit(self, counts: sparse.csr_matrix, content: Content, seed: int) -> None:
        """Learn the factors, and how histories lead to them."""
        model = BayesianPersonalizedRanking(
            factors=self.factors,
            learning_rate=self.learning_rate,
            regularization=self.regularization,
            iterations=self.iterations,
            num_threads=1,  # with more, the result depends on their order
            random_state=seed,
            use_gpu=False,
        )
        model.fit(weighted(counts, "binary"), show_progress=False)
        heard = n_listeners(counts) > 0
        self._items = np.where(heard[:, None], model.item_factors, 0).astype(np.float32)
        known = np.diff(counts.indptr) > 0
        self._fold_in = ridge(self._profiles(counts)[known], model.user_factors[known], 1.0)

    def scores(self, histories: sparse.csr_matrix) -> Float32Array:
        """Score every track: (n, n_tracks)."""
        factors: Float32Array = self._profiles(histories) @ self._fold_in
        return factors @ self._items.T

    def _profiles(self, histories: sparse.csr_matrix) -> Float32Array:
        """The mean factors of histories, and a 1: (n, factors + 2), the items' bias among them."""
        total = weighted(histories, "binary") @ self._items
        means = total / np.maximum(np.diff(histories.indptr), 1)[:, None]
        return np.asarray(np.hstack([means, np.ones((len(means), 1))]), np.float32)


@dataclass
class ContentCosine:
    """The mean cosine of a track's content to the history's, by content alone."""

    weighting: str = "binary"

    def fit(self, counts: sparse.csr_matrix, content: Content, seed: int) -> None:
        """Keep the directions of the content, from its mean over the tracks that are known."""
        self._units = content.directions()

    def scores(self, histories: sparse.csr_matrix) -> Float32Array:
        """Score every track: (n, n_tracks)."""
        found: Float32Array = (weighted(histories, self.weighting) @ self._units) @ self._units.T
        return found


def ridge(features: Float32Array, targets: Float32Array, penalty: float) -> Float32Array:
    """Weights W that minimise |features W - targets|² + penalty |W|²: (n_features, n_targets)."""
    x, y = features.astype(np.float64), targets.astype(np.float64)
    solved = np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ y)
    return np.asarray(solved, np.float32)


@dataclass
class PredictedFactors:
    """Tracks by factors that are predicted from content, artist, or both; listeners by ALS.

    use               "content": ridge regression from content to factors (van den Oord et al.
                      2013); "artist": mean factors of the artist's tracks, shrunk to the mean of
                      all; "both": one ridge regression from content and artist identity
    penalty           of the content's weights
    artist_shrinkage  of the artist's weights: as so many more tracks of a mean artist

    Predictions are made for every track, also for those with listens: these systems are what sound
    or artist alone can say.
    """

    als: Als
    use: str = "content"
    penalty: float = 10.0
    artist_shrinkage: float = 1.0

    def fit(self, counts: sparse.csr_matrix, content: Content, seed: int) -> None:
        """Learn to predict the factors of the tracks that have listens."""
        self.als.fit(counts, content, seed)
        heard = n_listeners(counts) > 0
        factors = self.als.item_factors
        mean = factors[heard].mean(axis=0)
        targets = factors[heard] - mean
        vectors = content.centred() if self.use != "artist" else content.vectors[:, :0]
        artists = content.artists if self.use != "content" else np.full(len(heard), -1)
        weights, effects = self._regress(vectors[heard], artists[heard], targets)
        self._items = (mean + vectors @ weights).astype(np.float32)
        (known,) = np.nonzero((artists >= 0) & (artists < len(effects)))
        self._items[known] += effects[artists[known]]

    def _regress(
        self, x: Float32Array, artists: Int64Array, y: Float32Array
    ) -> tuple[Float32Array, Float32Array]:
        """Solve for weights of the content (n_features, f) and effects of artists (n_artists, f).

        The effects are eliminated first: for given weights, an artist's effect is the sum of its
        residuals / (tracks + shrinkage).
        """
        n_artists = max(int(artists.max(initial=-1)) + 1, 1)
        (known,) = np.nonzero(artists >= 0)
        entries = np.ones(len(known)), (known, artists[known])
        of = sparse.csr_matrix(entries, shape=(len(x), n_artists))
        shrunk = 1 / (np.asarray(of.sum(axis=0)).ravel() + self.artist_shrinkage)

        def residual(values: Float64Array) -> Float64Array:
            effects: Float64Array = of @ (shrunk[:, None] * (of.T @ values))
            return values - effects

        x64, y64 = x.astype(np.float64), y.astype(np.float64)
        gram = x64.T @ residual(x64) + self.penalty * np.eye(x.shape[1])
        weights = np.linalg.solve(gram, x64.T @ residual(y64))
        effects = shrunk[:, None] * (of.T @ (y64 - x64 @ weights))
        return weights.astype(np.float32), effects.astype(np.float32)

    def scores(self, histories: sparse.csr_matrix) -> Float32Array:
        """Score every track: (n, n_tracks)."""
        found: Float32Array = self.als.listener_factors(histories) @ self._items.T
        return found
