"""Where listens and sound meet: factors around a prediction, and similarities beside them.

1. Implicit ALS gives listeners' factors y_u and first factors of tracks (`recsys.models.als`).
2. Content and artists predict every track's factors, μ_i (`recsys.models.content_prior`).
3. A track's factors are the closed-form solution around μ_i, its zeros weighted by exposure
   (`recsys.models.als_solver`): nobody's track is its prediction, everybody's is its listens.

A listener is known by the history alone, and solved likewise around a prediction: the mean of the
audiences of what was heard. A track's audience is the mean factors of its listeners,

    a_j = (Σ y_u + AUDIENCE α_j) / (n_j + AUDIENCE)

around what a linear regression on its prediction μ_j says, α_j: who plays a track is like who else
plays it. A short history says little of what it is silent about, and the listener is near the
prediction; a long one speaks for itself, its zeros weighing n / (n + patience). In the histories
x̃_i = (1 - told) x_i + told μ_i: what is new is ranked by what content predicts, so that part of a
history is told in these terms. The score of a track is

    z(x_i·y_u) + neighbours · h_i z(co-listening with the history)
               + sound · (1 - ε_i) z(sum of content cosines to the history)

with z the standardisation over the tracks for this listener, of co-listening over the tracks that
were heard, of content over those that are known (0 elsewhere: the typical track). h_i is 1 where i
was heard, ε_i the evidence. The terms have the same scale, so that a track without listens can
stand beside one with many.

Co-listening is the smoothed log-probability that who plays the history plays i:
log p_i + n^-1/2 Σ_j log(1 + n_ij / (SMOOTHING p_i)), with p_i the share of the listeners who play
i, n_ij how many play both and n the number of tracks in the history. Of one track it is
log((n_ij + SMOOTHING p_i) / (n_j + SMOOTHING)) but for a constant: Dirichlet smoothing with the
library's popularity (Zhai and Lafferty 2004).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from index.arrays import Float32Array, Float64Array, IndexArray, Int32Array, Int64Array

from recsys.models import cuda_libraries  # noqa: F401  # isort: skip
import numpy as np
from implicit.nearest_neighbours import ItemItemRecommender
from scipy import sparse

from index.inner_products import InnerProductIndex, top_n
from recsys.interactions import Content, n_listeners
from recsys.models import model_file
from recsys.models.als import Als, fold_in, weighted
from recsys.models.als_solver import solve
from recsys.models.content_prior import predict_factors
from recsys.models.model_file import DamagedModel
from recsys.models.standardization import Moments, Scale

AUDIENCE = 5  # listeners that the prediction of an audience counts for
RIDGE = 0.01  # of that prediction, as a share of its mean variance
SMOOTHING = 5  # listeners that the library's popularity counts for
PROPOSED = 4  # times as many tracks by each term as are wanted in all
_TINY = 1e-9
_ALL = slice(None)


@dataclass
class HybridModel:
    """Item factors with a content prior, and two similarities to the history.

    als               whose listeners' factors and settings are used
    penalty           of the content's weights in the prediction
    linear            share of linear features in the prediction
    artist_shrinkage  of the artists' effects in the prediction
    strength          λ of the prior, as a multiple of the ALS regularization
    kappa             κ: listeners that a track must have for half the weight of the zeros
    told              share of the predictions in the factors that histories are folded in with
    patience          κ of listeners: tracks of a history for half the weight of its zeros
    neighbours        weight of co-listening
    sound             weight of content similarity
    n_neighbours      tracks most played together with each that are kept
    """

    als: Als = field(default_factory=lambda: Als(128, 60.0, 10.0))
    penalty: float = 1.0
    linear: float = 0.0
    artist_shrinkage: float = 3.0
    strength: float = 1.0
    kappa: float = 5.0
    told: float = 0.4
    patience: float = 20.0
    neighbours: float = 0.2
    sound: float = 0.2
    n_neighbours: int = 500
    tracks: Int64Array = field(default_factory=lambda: np.arange(0), repr=False)

    def fit(self, counts: sparse.csr_matrix, content: Content, seed: int) -> None:
        """Learn from listens, float32 CSR (n_listeners, n_tracks), and what the tracks are.

        Sets `tracks` to row numbers; who has ids assigns them afterwards.
        """
        self.als.fit(counts, content, seed)
        n_heard = n_listeners(counts)
        self.prediction = predict_factors(
            content,
            self.als.item_factors,
            n_heard > 0,
            penalty=self.penalty,
            linear=self.linear,
            artist_shrinkage=self.artist_shrinkage,
            seed=seed,
        )
        confidence = self.als.confidence(counts, self.als.weighting)
        self.item_factors, self.evidence = solve(
            sparse.csr_matrix(confidence.T),
            self.als.user_factors,
            self.prediction,
            self.strength * self.als.regularization,
            self.kappa,
        )
        self.told_factors = self.item_factors
        if self.told:
            share = np.float32(self.told)
            self.told_factors = (1 - share) * self.item_factors + share * self.prediction
        self.heard = n_heard > 0
        self.audience = self._audience(counts, n_heard)
        self.directions = content.directions()
        self.popularity = np.log(np.maximum(n_heard, 1) / counts.shape[0]).astype(np.float32)
        self.similarity = self._similarity(counts, n_heard)
        self.tracks = np.arange(counts.shape[1])
        self._prepare()

    def _prepare(self) -> None:
        """Work out what every history needs and no history changes."""
        heard = self.told_factors[self.heard]
        self._gram = heard.T @ heard
        known = np.asarray(self.directions.any(axis=1), bool)
        self._of_factors = Moments.of(self.item_factors, np.ones(len(self.heard), bool))
        self._of_directions = Moments.of(self.directions, known)
        self._of_popularity = Moments.of(self.popularity[:, None], self.heard)
        self._known, self._heard = known.astype(np.float32), self.heard.astype(np.float32)
        self._n_heard = max(int(self.heard.sum()), 1)
        self._above = (self.popularity - self._of_popularity.mean) * self.heard
        self._most_played = np.argsort(-self.popularity, kind="stable")
        self._products: InnerProductIndex | None = None

    def listener_factors(self, histories: sparse.csr_matrix) -> Float32Array:
        """Fold histories (n, n_tracks) in: (n, factors).

        The zeros are those of the tracks that were heard: silence about the others says nothing.
        """
        return self._listener_factors(histories, weighted(histories, "binary"))

    def scores(self, histories: sparse.csr_matrix) -> Float32Array:
        """Score every track for these histories: both (n, n_tracks)."""
        return self.profile(histories).scores()

    def profile(self, histories: sparse.csr_matrix) -> Profile:
        """Return what these histories (n, n_tracks) say of their listeners."""
        liked = weighted(histories, "binary")
        scale = np.sqrt(1 / _lengths(liked)[:, 0]).astype(np.float32)
        together = _Together.of(liked, self.similarity, scale)
        factors = self._listener_factors(histories, liked)
        return Profile(self, factors, together, liked @ self.directions)

    def _listener_factors(
        self, histories: sparse.csr_matrix, liked: sparse.csr_matrix
    ) -> Float32Array:
        alike = (liked @ self.audience) / _lengths(liked)
        return fold_in(self.als, histories, self.told_factors, self._gram, alike, self.patience)

    def products(self) -> InnerProductIndex:
        """Return what finds tracks by their factors; made when first asked for, in seconds."""
        if self._products is None:
            self._products = InnerProductIndex(self.item_factors)
        return self._products

    def save(self, path: Path, **manifest: Any) -> None:
        """Write the fitted model atomically; `manifest` is kept beside it, as JSON."""
        tensors = {
            "tracks": self.tracks,
            "item_factors": self.item_factors,
            "told_factors": self.told_factors,
            "audience": self.audience,
            "evidence": self.evidence,
            "heard": self.heard,
            "popularity": self.popularity,
            "directions": self.directions,
            "similarity_data": self.similarity.data,
            "similarity_indices": self.similarity.indices,
            "similarity_indptr": self.similarity.indptr,
        }
        model_file.write(path, tensors, {**manifest, "settings": self._settings()})

    @classmethod
    def load(cls, path: Path) -> HybridModel:
        """Read a fitted model. Raises DamagedModel, FileNotFoundError."""
        tensors, manifest = model_file.read(path)
        try:
            blend = cls.of_settings(manifest["settings"])
            n = len(tensors["tracks"])
            blend.similarity = sparse.csr_matrix(
                tuple(tensors.pop(f"similarity_{part}") for part in ("data", "indices", "indptr")),
                shape=(n, n),
            )
            blend.similarity.check_format()
            shapes = {
                "tracks": (n,),
                "evidence": (n,),
                "heard": (n,),
                "popularity": (n,),
                "item_factors": (n, blend.als.factors),
                "told_factors": (n, blend.als.factors),
                "audience": (n, blend.als.factors),
                "directions": (n, tensors["directions"].shape[-1]),
            }
            for name, shape in shapes.items():
                if tensors[name].shape != shape:
                    raise ValueError(f"{name} has the shape {tensors[name].shape}, not {shape}")
                setattr(blend, name, tensors[name])
            blend._prepare()
        except (KeyError, TypeError, ValueError) as error:
            raise DamagedModel(path, str(error)) from error
        return blend

    @classmethod
    def of_settings(cls, settings: Mapping[str, Any]) -> HybridModel:
        """Return an unfitted blend with the settings of a manifest. Raises KeyError, TypeError."""
        return cls(**{**settings, "als": Als(**settings["als"])})

    def _settings(self) -> dict[str, Any]:
        als = {n: getattr(self.als, n) for n in _ALS_SETTINGS}
        return {"als": als} | {n: getattr(self, n) for n in _SETTINGS}

    def _audience(self, counts: sparse.csr_matrix, n_heard: Int64Array) -> Float32Array:
        """Mean factors of each track's listeners, around a regression on its prediction."""
        if not self.heard.any():
            return np.zeros_like(self.prediction)
        n = n_heard[self.heard, None].astype(np.float32)
        sums = weighted(counts, "binary").T @ self.als.user_factors
        known, shares = self.prediction[self.heard], n / (n + AUDIENCE)
        middle = known.mean(axis=0)
        gram = (known - middle).T @ (shares * (known - middle))
        gram += (RIDGE * np.trace(gram) / len(gram) + _TINY) * np.eye(len(gram), dtype=np.float32)
        means = sums[self.heard] / n
        typical = means.mean(axis=0)
        slope = np.linalg.solve(gram, (known - middle).T @ (shares * (means - typical)))
        found: Float32Array = typical + (self.prediction - middle) @ slope
        found[self.heard] += shares * (means - found[self.heard])
        return found

    def _similarity(self, counts: sparse.csr_matrix, n_heard: Int64Array) -> sparse.csr_matrix:
        """Log-lifts of tracks played together: those of most common listeners, a row a track."""
        n_tracks = counts.shape[1]
        if not self.neighbours:
            return sparse.csr_matrix((n_tracks, n_tracks), dtype=np.float32)
        model = ItemItemRecommender(min(self.n_neighbours + 1, n_tracks))  # itself among them
        model.fit(weighted(counts, "binary").astype(np.float64), show_progress=False)
        together = sparse.csr_matrix(model.similarity, dtype=np.float32)
        together.eliminate_zeros()  # implicit stores some, of tracks that nobody heard, too
        shares = n_heard / counts.shape[0]
        together.data = np.log1p(together.data / (SMOOTHING * shares[together.indices]))
        together.setdiag(0)
        together.eliminate_zeros()
        return together


_ALS_SETTINGS = ("factors", "regularization", "alpha", "weighting", "iterations")
_SETTINGS = (
    *("penalty", "linear", "artist_shrinkage", "strength", "kappa", "told"),
    *("patience", "neighbours", "sound", "n_neighbours"),
)


@dataclass(frozen=True, eq=False)
class Profile:
    """What a blend knows of listeners, to score any tracks for them.

    Every term is standardised over all tracks, but its mean and deviation follow from moments of
    the tracks, so that the score of a few takes no pass over all.

    factors   y, (n, f)
    together  co-listening with the history, less the popularity of the tracks
    sound     sums of the directions of the history, (n, dim)
    """

    blend: HybridModel
    factors: Float32Array
    together: _Together
    sound: Float32Array

    def scores(self, tracks: Int64Array | slice = _ALL) -> Float32Array:
        """Score some tracks, given by their columns; by default every one: (n, n_some)."""
        of, found = self.blend, self._of_listeners(tracks)
        if of.sound:
            scale = of._of_directions.of_products(self.sound)
            alike = scale.standardise(self.sound @ of.directions[tracks].T)
            found += np.float32(of.sound) * (1 - of.evidence[tracks]) * of._known[tracks] * alike
        return found

    def candidates(self, n: int) -> Int64Array:
        """Return columns of the `n` tracks that listeners' choices rank highest for the first.

        Of those that are proposed: PROPOSED times as many by the greatest products of factors, by
        the greatest terms of co-listening, and by popularity, which counts in co-listening.
        """
        of, wanted = self.blend, PROPOSED * n
        found = [of.products().candidates(self.factors[0], wanted)]
        if of.neighbours:
            columns = self.together.columns[self.together.rows == 0]
            best = top_n(of.popularity[columns] + self.together.sums[0, columns], wanted)
            found += [columns[best], of._most_played[:wanted]]
        proposed = np.unique(np.concatenate(found))
        return proposed[top_n(self._of_listeners(proposed)[0], n)]

    def _of_listeners(self, tracks: Int64Array | slice) -> Float32Array:
        """Return the terms that rest on listens: (n, n_some)."""
        of = self.blend
        scale = of._of_factors.of_products(self.factors)
        found = scale.standardise(self.factors @ of.item_factors[tracks].T)
        if of.neighbours:
            together = of.popularity[tracks] + self.together.sums[:, tracks].astype(np.float32)
            share = np.float32(of.neighbours) * of._heard[tracks]
            found += share * self._co_listening.standardise(together)
        return found

    @cached_property
    def _co_listening(self) -> Scale:
        """The scale of co-listening over the tracks that were heard."""
        of, told, n = self.blend, self.together, len(self.factors)
        heard = told.values * of._heard[told.columns]
        sums = (1.0, of._above[told.columns], told.sums[told.rows, told.columns])
        mean, product, square = (
            np.bincount(told.rows, heard * each, n)[:, None] / of._n_heard for each in sums
        )
        variance = of._of_popularity.covariance + 2 * product + square - mean**2
        return Scale.of(of._of_popularity.mean + mean, variance)


def _lengths(histories: sparse.csr_matrix) -> Float32Array:
    """Return the number of tracks in each history, at least 1: (n, 1)."""
    lengths: Float32Array = np.maximum(np.diff(histories.indptr), 1)[:, None].astype(np.float32)
    return lengths


@dataclass(frozen=True, eq=False)
class _Together:
    """A sparse product of n histories and m tracks' similarities, and its terms.

    rows, columns, values  of each term; several are of one place (n_terms,)
    sums                   (n, m)
    """

    rows: IndexArray
    columns: Int32Array
    values: Float32Array
    sums: Float64Array

    @classmethod
    def of(
        cls, liked: sparse.csr_matrix, similarity: sparse.csr_matrix, scale: Float32Array
    ) -> Self:
        """Multiply; `scale` (n,) is that of each history."""
        shape = liked.shape[0], similarity.shape[1]
        starts, lengths = similarity.indptr[liked.indices], np.diff(similarity.indptr)
        lengths = lengths[liked.indices]
        skipped = np.cumsum(lengths) - lengths
        terms = np.repeat(starts - skipped, lengths) + np.arange(lengths.sum())
        history = np.repeat(np.arange(shape[0]), np.diff(liked.indptr))
        rows, columns = np.repeat(history, lengths), similarity.indices[terms]
        values = similarity.data[terms] * scale[rows]
        sums = np.bincount(rows * shape[1] + columns, values, shape[0] * shape[1])
        return cls(rows, columns, values, sums.reshape(shape))
