"""The hybrid recommender: item factors around a content prior, and content beside them.

1. Implicit ALS gives listeners' factors y_u and first factors of tracks (`recsys.models.als`).
2. Content and artists predict every track's factors, μ_i (`recsys.models.content_prior`).
3. A track's factors x_i are the closed-form solution around μ_i, its zeros weighted by exposure
   (`recsys.models.als_solver`): without listens x_i is the prediction, with many it is plain ALS.

A listener is known by the history alone, and solved likewise around a prior: the mean of the
listener means (`recsys.models.listener_means`) of the tracks in the history. A short history is
weak evidence against the tracks that it lacks, and the listener stays near the prior; in a history
of n tracks the zeros weigh n / (n + history_shrinkage). The histories are folded in with
x̃_i = (1 - prior_mix) x_i + prior_mix μ_i: tracks without listens are ranked by what content
predicts, so that a share of a history is expressed in the same terms. The score of a track is

    z(x_i·y_u) + content_weight · (1 - ε_i) z(sum of content cosines to the history)

with z the standardisation over the tracks for this listener, of content over those that have any (0
elsewhere: the typical track), and ε_i the evidence. The terms have the same scale, so that a track
without listens can be compared with one that has many.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from index.arrays import BoolArray, Float32Array, Int64Array
from index.inner_products import InnerProductIndex
from recsys.interactions import Content, n_listeners
from recsys.models import model_file
from recsys.models.als import Als, AlsModel, Factorise, fold_in, influence, weighted
from recsys.models.als_solver import solve
from recsys.models.content_prior import ContentPrior
from recsys.models.listener_means import listener_means
from recsys.models.model_file import DamagedModel, Tensors
from recsys.models.profile import Profile
from recsys.models.steps import Steps
from recsys.models.track_statistics import TrackStatistics, log_popularity

# Names of settings in the file's manifest and in reports, where they are others.
SETTING_KEYS = {
    "prior_strength": "strength",
    "exposure_shrinkage": "kappa",
    "prior_mix": "told",
    "history_shrinkage": "patience",
    "content_weight": "sound",
}
_GONE = ("neighbours", "n_neighbours")  # settings of co-listening, in files of earlier versions
# Names of the arrays in the file, by those of `HybridModel`.
_TENSORS = {
    "tracks": "tracks",
    "item_factors": "item_factors",
    "history_factors": "told_factors",
    "listener_means": "audience",
    "evidence": "evidence",
    "has_listens": "heard",
    "popularity": "popularity",
    "directions": "directions",
}


@dataclass(frozen=True)
class HybridSettings:
    """Settings of the hybrid model; `fit` learns it.

    als                  the factorisation of the listens
    penalty              of the content's weights in the prediction
    linear               share of linear features in the prediction
    artist_shrinkage     of the artists' effects in the prediction
    prior_strength       λ of the prior, as a multiple of the ALS regularization
    exposure_shrinkage   κ: listeners that a track must have for half the weight of the zeros
    prior_mix            share of the predictions in the factors that histories are folded in with
    history_shrinkage    κ of listeners: tracks of a history for half the weight of its zeros
    content_weight       of content similarity in the score
    """

    als: Als = field(default_factory=lambda: Als(128, 60.0, 10.0))
    penalty: float = 1.0
    linear: float = 0.0
    artist_shrinkage: float = 3.0
    prior_strength: float = 1.0
    exposure_shrinkage: float = 5.0
    prior_mix: float = 0.4
    history_shrinkage: float = 20.0
    content_weight: float = 0.2

    @classmethod
    def of_manifest(cls, settings: Mapping[str, Any]) -> HybridSettings:
        """Return the settings of a manifest. Raises KeyError, TypeError for foreign ones."""
        names = {key: name for name, key in SETTING_KEYS.items()}
        own = {key: value for key, value in settings.items() if key not in _GONE}
        named = {names.get(key, key): value for key, value in own.items()}
        return cls(**{**named, "als": Als(**settings["als"])})

    def for_fit(self) -> HybridSettings:
        """Return the settings without those that change only the scores: equal for equal fits."""
        return replace(self, history_shrinkage=0.0, content_weight=0.0)

    def for_manifest(self) -> dict[str, Any]:
        """Return the settings as a manifest has them."""
        return {SETTING_KEYS.get(name, name): value for name, value in asdict(self).items()}

    def fit(
        self,
        counts: sparse.csr_matrix,
        content: Content,
        seed: int,
        tracks: Int64Array | None = None,
        factorise: Factorise = Als.fit,
    ) -> HybridModel:
        """Learn from listens, float32 CSR (n_listeners, n_tracks), and the tracks' content.

        `tracks` are the ids of the columns, int64 (n_tracks,), ascending; None: their numbers.
        """
        fitted = factorise(self.als, counts, content, seed)
        return self.fit_from(fitted, counts, content, seed, tracks)

    def fit_from(
        self,
        fitted: AlsModel,
        counts: sparse.csr_matrix,
        content: Content,
        seed: int,
        tracks: Int64Array | None = None,
        steps: Steps | None = None,
    ) -> HybridModel:
        """Learn as `fit` does, from a factorisation of these counts by `als`.

        `steps` are those of fits with other settings of the same listens, content and seed.
        """
        once = (steps or Steps()).once
        n = n_listeners(counts)
        linear = self.linear > 0
        prior = once(
            "content prior",
            (self.als, linear),
            lambda: ContentPrior.of(content, fitted.item_factors, n > 0, linear=linear, seed=seed),
        )
        of_prediction = self.penalty, self.linear, self.artist_shrinkage
        prediction = once(
            "prediction", (self.als, *of_prediction), lambda: prior.predict(*of_prediction)
        )
        item_factors, evidence = once(
            "solution",
            (self.als, *of_prediction, self.prior_strength, self.exposure_shrinkage),
            lambda: solve(
                sparse.csr_matrix(self.als.confidence(counts, self.als.weighting).T),
                fitted.user_factors,
                prediction,
                self.prior_strength * self.als.regularization,
                self.exposure_shrinkage,
            ),
        )
        history_factors = item_factors
        if self.prior_mix:
            share = np.float32(self.prior_mix)
            history_factors = (1 - share) * item_factors + share * prediction
        return HybridModel(
            settings=self,
            tracks=np.arange(counts.shape[1]) if tracks is None else tracks,
            item_factors=item_factors,
            history_factors=history_factors,
            listener_means=once(
                "listener means",
                (self.als, *of_prediction),
                lambda: listener_means(counts, fitted.user_factors, prediction, n),
            ),
            evidence=evidence,
            has_listens=n > 0,
            popularity=log_popularity(n, counts.shape[0]),
            directions=once("directions", (), content.directions),
        )


@dataclass(frozen=True, eq=False)
class HybridModel:
    """A fitted hybrid model.

    tracks           ids of the columns, ascending: int64 (n_tracks,)
    item_factors     x, float32 (n_tracks, f)
    history_factors  x̃, with which histories are folded in: float32 (n_tracks, f)
    listener_means   a, float32 (n_tracks, f)
    evidence         ε, share of each track's factors that comes from listens, 0 to 1: (n_tracks,)
    has_listens      bool (n_tracks,)
    popularity       log of the share of the listeners who play each track: float32 (n_tracks,)
    directions       unit vectors of content, 0 where there is none: float32 (n_tracks, dim)

    Raises ValueError for arrays of other shapes.
    """

    settings: HybridSettings
    tracks: Int64Array
    item_factors: Float32Array
    history_factors: Float32Array
    listener_means: Float32Array
    evidence: Float32Array
    has_listens: BoolArray
    popularity: Float32Array
    directions: Float32Array
    statistics: TrackStatistics = field(init=False, repr=False)

    def __post_init__(self) -> None:
        n, n_factors = len(self.tracks), self.settings.als.factors
        shapes: dict[str, tuple[int, ...]] = {
            "tracks": (n,),
            "item_factors": (n, n_factors),
            "history_factors": (n, n_factors),
            "listener_means": (n, n_factors),
            "evidence": (n,),
            "has_listens": (n,),
            "popularity": (n,),
            "directions": (n, self.directions.shape[-1]),
        }
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name} has the shape {getattr(self, name).shape}, not {shape}")
        statistics = TrackStatistics.of(
            self.item_factors, self.history_factors, self.has_listens, self.directions
        )
        object.__setattr__(self, "statistics", statistics)

    def with_settings(self, settings: HybridSettings) -> HybridModel:
        """Return the model with other settings of the scores. Raises ValueError for another fit."""
        if settings.for_fit() != self.settings.for_fit():
            raise ValueError("wanted settings that change only the scores")
        other = copy(self)
        object.__setattr__(other, "settings", settings)
        return other

    def listener_factors(self, histories: sparse.csr_matrix) -> Float32Array:
        """Fold histories (n, n_tracks) in: (n, f).

        The zeros are those of the tracks with listens: a missing listen to another means nothing.
        """
        return self._listener_factors(histories, weighted(histories, "binary"))

    def scores(self, histories: sparse.csr_matrix) -> Float32Array:
        """Score every track for these histories: both (n, n_tracks)."""
        return self.profile(histories).scores()

    def profile(self, histories: sparse.csr_matrix) -> Profile:
        """Return the profiles of listeners with these histories (n, n_tracks)."""
        played = weighted(histories, "binary")
        factors = self._listener_factors(histories, played)
        return Profile(self, factors, played @ self.directions)

    def influence(self, history: sparse.csr_matrix, played: Int64Array) -> Float32Array:
        """Return what tracks of a history (1, n_tracks) give to the listener's factors.

        A row for each factor, a column for each of `played`: `recsys.models.als.influence`. Item
        factors times it are what they give to the products with these items.
        """
        settings = self.settings
        return influence(
            settings.als,
            history,
            self.history_factors,
            self.statistics.gram,
            settings.history_shrinkage,
            played,
        )

    def _listener_factors(
        self, histories: sparse.csr_matrix, played: sparse.csr_matrix
    ) -> Float32Array:
        settings, gram = self.settings, self.statistics.gram
        prior = (played @ self.listener_means) / _lengths(played)
        return fold_in(
            settings.als, histories, self.history_factors, gram, prior, settings.history_shrinkage
        )

    def products(self) -> InnerProductIndex:
        """Return the index of the item factors; built on the first call, in seconds."""
        return self._products

    @cached_property
    def _products(self) -> InnerProductIndex:
        return InnerProductIndex(self.item_factors)

    def save(
        self, path: Path, more: Mapping[str, NDArray[Any]] | None = None, /, **manifest: Any
    ) -> None:
        """Write the model atomically, with `more` arrays; `manifest` is stored as JSON."""
        tensors = {tensor: getattr(self, name) for name, tensor in _TENSORS.items()}
        settings = self.settings.for_manifest()
        model_file.write(path, tensors | dict(more or {}), {**manifest, "settings": settings})

    @classmethod
    def load(cls, path: Path) -> HybridModel:
        """Read a fitted model. Raises DamagedModel, FileNotFoundError."""
        return cls.of_tensors(path, *model_file.read(path))

    @classmethod
    def of_tensors(cls, path: Path, tensors: Tensors, manifest: Mapping[str, Any]) -> HybridModel:
        """Return the model of a file that was read. Raises DamagedModel."""
        try:
            return cls(
                settings=HybridSettings.of_manifest(manifest["settings"]),
                **{name: tensors[tensor] for name, tensor in _TENSORS.items()},
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DamagedModel(path, str(error)) from error


def _lengths(histories: sparse.csr_matrix) -> Float32Array:
    """Return the number of tracks in each history, at least 1: (n, 1)."""
    lengths: Float32Array = np.maximum(np.diff(histories.indptr), 1)[:, None].astype(np.float32)
    return lengths
