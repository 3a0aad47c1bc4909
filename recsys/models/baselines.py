"""Baseline recommenders: random, popularity, item-kNN, BPR, content, and predicted ALS factors.

Each is an `Estimator`. Counts are weighted by `weighted`: 1 each (implicit feedback as such), or
1 + log(count).
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
from recsys.models.als import Als, AlsModel, weighted


@dataclass(frozen=True)
class Random:
    """A random order, another for every listener; the same calls after a fit give the same."""

    def fit(self, counts: sparse.csr_matrix, content: Content, seed: int) -> RandomModel:
        """Seed the generator."""
        return RandomModel(np.random.default_rng(seed))


@dataclass(frozen=True, eq=False)
class RandomModel:
    """A generator of scores."""

    generator: np.random.Generator

    def scores(self, histories: sparse.csr_matrix) -> Float32Array:
        """Score every track: (n, n_tracks)."""
        scores: Float32Array = self.generator.random(histories.shape, np.float32)
        return scores


@dataclass(frozen=True)
class Popularity:
    """How many listeners each track has in training."""

    def fit(self, counts: sparse.csr_matrix, content: Content, seed: int) -> PopularityModel:
        """Count listeners."""
        return PopularityModel(n_listeners(counts).astype(np.float32))


@dataclass(frozen=True, eq=False)
class PopularityModel:
    """Listeners of each track: (n_tracks,)."""

    popularity: Float32Array

    def scores(self, histories: sparse.csr_matrix) -> Float32Array:
        """Score every track: (n, n_tracks)."""
        return np.tile(self.popularity, (histories.shape[0], 1))


@dataclass(frozen=True)
class ItemKnn:
    """Item-based nearest neighbours: the cosine of tracks as vectors of listeners.

    n_neighbours  how many most similar tracks of each track count; None: all
    shrinkage     added to the squared lengths, so that tracks with one and the same listener do not
                  have the highest similarity

    A track's score is the sum of its similarities to the history (Sarwar et al. 2001).
    """

    n_neighbours: int | None = 100
    shrinkage: float = 0.0
    weighting: str = "log"

    def fit(self, counts: sparse.csr_matrix, content: Content, seed: int) -> ItemKnnModel:
        """Compute each track's neighbours."""
        weights = weighted(counts, self.weighting).astype(np.float64)
        squares = np.asarray(weights.multiply(weights).sum(axis=0)).ravel() + self.shrinkage
        scale = np.divide(1, np.sqrt(squares), out=np.zeros_like(squares), where=squares > 0)
        unit = sparse.csr_matrix(weights @ sparse.diags(scale))
        if self.n_neighbours is None:  # the product of both would be large
            return ItemKnnModel(self.weighting, (unit.T.tocsr(), unit))
        model = ItemItemRecommender(self.n_neighbours)
        model.fit(unit, show_progress=False)
        return ItemKnnModel(self.weighting, (model.similarity,))


@dataclass(frozen=True, eq=False)
class ItemKnnModel:
    """Matrices whose product is the similarity of tracks, (n_tracks, n_tracks)."""

    weighting: str
    similarity_factors: tuple[sparse.csr_matrix, ...]

    def scores(self, histories: sparse.csr_matrix) -> Float32Array:
        """Score every track: (n, n_tracks)."""
        scores = weighted(histories, self.weighting)
        for factor in self.similarity_factors:
            scores = scores @ factor
        return np.asarray(scores.toarray(), np.float32)


@dataclass(frozen=True)
class Bpr:
    """Bayesian personalised ranking (Rendle et al. 2009).

    It has no closed-form fold-in. A listener's factors are predicted from the mean factors of the
    history by a ridge regression that is learned on the training listeners.
    """

    factors: int = 64
    learning_rate: float = 0.05
    regularization: float = 0.01
    iterations: int = 100

    def fit(self, counts: sparse.csr_matrix, content: Content, seed: int) -> BprModel:
        """Learn the factors, and to predict listeners' factors from histories."""
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
        has_listens = n_listeners(counts) > 0
        items = np.where(has_listens[:, None], model.item_factors, 0).astype(np.float32)
        active = np.diff(counts.indptr) > 0
        means = _mean_factors(counts, items)
        return BprModel(items, ridge(means[active], model.user_factors[active], 1.0))


@dataclass(frozen=True, eq=False)
class BprModel:
    """Item factors and the regression that gives a listener's factors.

    item_factors  (n_tracks, factors + 1), the items' bias among them
    fold_in       (factors + 2, factors + 1), from `_mean_factors`
    """

    item_factors: Float32Array
    fold_in: Float32Array

    def scores(self, histories: sparse.csr_matrix) -> Float32Array:
        """Score every track: (n, n_tracks)."""
        factors: Float32Array = _mean_factors(histories, self.item_factors) @ self.fold_in
        return factors @ self.item_factors.T


def _mean_factors(histories: sparse.csr_matrix, item_factors: Float32Array) -> Float32Array:
    """Mean factors of histories, and a 1 for the intercept: (n, n_factors + 1)."""
    total = weighted(histories, "binary") @ item_factors
    means = total / np.maximum(np.diff(histories.indptr), 1)[:, None]
    return np.asarray(np.hstack([means, np.ones((len(means), 1))]), np.float32)


@dataclass(frozen=True)
class ContentCosine:
    """The mean cosine of a track's content to the history's, by content alone."""

    weighting: str = "binary"

    def fit(self, counts: sparse.csr_matrix, content: Content, seed: int) -> ContentCosineModel:
        """Take the content's directions from its mean over the tracks that have any."""
        return ContentCosineModel(self.weighting, content.directions())


@dataclass(frozen=True, eq=False)
class ContentCosineModel:
    """Unit vectors of content: (n_tracks, dim)."""

    weighting: str
    directions: Float32Array

    def scores(self, histories: sparse.csr_matrix) -> Float32Array:
        """Score every track: (n, n_tracks)."""
        sums = weighted(histories, self.weighting) @ self.directions
        scores: Float32Array = sums @ self.directions.T
        return scores


def ridge(features: Float32Array, targets: Float32Array, penalty: float) -> Float32Array:
    """Weights W that minimise |features W - targets|² + penalty |W|²: (n_features, n_targets)."""
    x, y = features.astype(np.float64), targets.astype(np.float64)
    weights = np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ y)
    return np.asarray(weights, np.float32)


@dataclass(frozen=True)
class PredictedFactors:
    """Item factors predicted from content, artist, or both; listeners by ALS.

    use               "content": ridge regression from content to factors (van den Oord et al.
                      2013); "artist": mean factors of the artist's tracks, shrunk to the mean of
                      all; "both": one ridge regression from content and artist identity
    penalty           of the content's weights
    artist_shrinkage  of the artist's weights: as so many more tracks of a mean artist

    Factors are predicted for every track, also for those with listens: these baselines measure what
    content or artist alone achieve.
    """

    als: Als
    use: str = "content"
    penalty: float = 10.0
    artist_shrinkage: float = 1.0

    def fit(self, counts: sparse.csr_matrix, content: Content, seed: int) -> PredictedFactorsModel:
        """Fit ALS, and predict every track's factors from it."""
        return self.fit_from(self.als.fit(counts, content, seed), counts, content, seed)

    def fit_from(
        self, fitted: AlsModel, counts: sparse.csr_matrix, content: Content, seed: int
    ) -> PredictedFactorsModel:
        """Predict every track's factors by those of the tracks with listens in a fitted ALS."""
        has_listens = n_listeners(counts) > 0
        factors = fitted.item_factors
        mean = factors[has_listens].mean(axis=0)
        targets = factors[has_listens] - mean
        vectors = content.centred() if self.use != "artist" else content.vectors[:, :0]
        artists = content.artists if self.use != "content" else np.full(len(has_listens), -1)
        weights, effects = self._regress(vectors[has_listens], artists[has_listens], targets)
        predicted = (mean + vectors @ weights).astype(np.float32)
        (rows,) = np.nonzero((artists >= 0) & (artists < len(effects)))
        predicted[rows] += effects[artists[rows]]
        return PredictedFactorsModel(fitted, predicted)

    def _regress(
        self, x: Float32Array, artists: Int64Array, y: Float32Array
    ) -> tuple[Float32Array, Float32Array]:
        """Solve for weights of the content (n_features, f) and effects of artists (n_artists, f).

        The effects are eliminated first: for given weights, an artist's effect is the sum of its
        residuals / (tracks + shrinkage).
        """
        n_artists = max(int(artists.max(initial=-1)) + 1, 1)
        (rows,) = np.nonzero(artists >= 0)
        entries = np.ones(len(rows)), (rows, artists[rows])
        members = sparse.csr_matrix(entries, shape=(len(x), n_artists))
        shrunk = 1 / (np.asarray(members.sum(axis=0)).ravel() + self.artist_shrinkage)

        def residual(values: Float64Array) -> Float64Array:
            effects: Float64Array = members @ (shrunk[:, None] * (members.T @ values))
            return values - effects

        x64, y64 = x.astype(np.float64), y.astype(np.float64)
        gram = x64.T @ residual(x64) + self.penalty * np.eye(x.shape[1])
        weights = np.linalg.solve(gram, x64.T @ residual(y64))
        effects = shrunk[:, None] * (members.T @ (y64 - x64 @ weights))
        return weights.astype(np.float32), effects.astype(np.float32)


@dataclass(frozen=True, eq=False)
class PredictedFactorsModel:
    """ALS, in which histories are folded in, and the predicted factors (n_tracks, f)."""

    als: AlsModel
    predicted_factors: Float32Array

    def scores(self, histories: sparse.csr_matrix) -> Float32Array:
        """Score every track: (n, n_tracks)."""
        scores: Float32Array = self.als.listener_factors(histories) @ self.predicted_factors.T
        return scores
