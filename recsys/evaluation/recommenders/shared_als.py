"""ALS factors, and what follows from them, shared by the systems and settings of one comparison."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from scipy import sparse

from recsys.evaluation.recommenders.ranker_training import RankedSettings, ranked
from recsys.interactions import Content
from recsys.models.als import Als, AlsModel
from recsys.models.hybrid import HybridModel, HybridSettings
from recsys.models.protocol import Estimator, ListeningModel
from recsys.models.steps import Steps

MAX_LISTENS = 4  # matrices at once: the training listens, and splits of them
MAX_ALS = 30  # factorisations of each


class AlsEstimator(Protocol):
    """An estimator that starts from ALS factors, such as `HybridSettings`."""

    @property
    def als(self) -> Als:
        """The factorisation that it starts from."""

    def fit_from(
        self, fitted: AlsModel, counts: sparse.csr_matrix, content: Content, seed: int
    ) -> ListeningModel:
        """Learn from listens and content, starting from fitted factors of these listens."""


class _Fits(NamedTuple):
    counts: sparse.csr_matrix
    seed: int
    steps: Steps


class AlsCache:
    """Fits of the last matrices of listens (the object itself) and seeds, and their steps."""

    def __init__(self) -> None:
        self._fits: list[_Fits] = []

    def fit(self, als: Als, counts: sparse.csr_matrix, content: Content, seed: int) -> AlsModel:
        """Return the factors of these listens, fitted now or before."""
        steps = self._steps(counts, seed)
        return steps.once("als", als, lambda: als.fit(counts, content, seed), MAX_ALS)

    def hybrid(
        self, settings: HybridSettings, counts: sparse.csr_matrix, content: Content, seed: int
    ) -> HybridModel:
        """Return the hybrid model of these listens, doing only what was not done before."""
        fitted, steps = self.fit(settings.als, counts, content, seed), self._steps(counts, seed)
        model = steps.once(
            "model",
            settings.for_fit(),
            lambda: settings.fit_from(fitted, counts, content, seed, steps=steps),
        )
        return model.with_settings(settings)

    def _steps(self, counts: sparse.csr_matrix, seed: int) -> Steps:
        for fits in self._fits:
            if fits.counts is counts and fits.seed == seed:
                return fits.steps
        self._fits = [_Fits(counts, seed, Steps()), *self._fits[: MAX_LISTENS - 1]]
        return self._fits[0].steps

    def sharing(
        self, make: Callable[..., AlsEstimator | RankedSettings]
    ) -> Callable[..., Estimator]:
        """Return a maker of the same estimators, whose ALS factors come from this cache."""

        def made(**settings: Any) -> Estimator:
            return _Sharing(make(**settings), self)

        return made


@dataclass(frozen=True)
class _Sharing:
    estimator: AlsEstimator | RankedSettings
    cache: AlsCache

    def fit(self, counts: sparse.csr_matrix, content: Content, seed: int) -> ListeningModel:
        match self.estimator:
            case HybridSettings() as settings:
                return self.cache.hybrid(settings, counts, content, seed)
            case RankedSettings() as settings:
                model = self.cache.hybrid(settings.hybrid, counts, content, seed)
                return ranked(model, counts, content, seed)
            case estimator:
                factors = self.cache.fit(estimator.als, counts, content, seed)
                return estimator.fit_from(factors, counts, content, seed)
