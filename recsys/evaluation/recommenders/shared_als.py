"""ALS factors shared by the systems of one comparison that start from the same factorisation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

from scipy import sparse

from recsys.interactions import Content
from recsys.models.als import Als, AlsModel
from recsys.models.hybrid import HybridModel, HybridSettings
from recsys.models.protocol import Estimator, ListeningModel

MAX_FITS = 4  # of each setting: of the training listens, and of splits of them


class AlsEstimator(Protocol):
    """An estimator that starts from ALS factors, such as `HybridSettings`."""

    @property
    def als(self) -> Als:
        """The factorisation that it starts from."""

    def fit_from(
        self, fitted: AlsModel, counts: sparse.csr_matrix, content: Content, seed: int
    ) -> ListeningModel:
        """Learn from listens and content, starting from fitted factors of these listens."""


class _Fit(NamedTuple):
    counts: sparse.csr_matrix
    seed: int
    model: AlsModel


class AlsCache:
    """The last fits of each setting of ALS, by the matrix (the object itself) and the seed.

    And the last hybrid models, of which some settings change the scores alone.
    """

    def __init__(self) -> None:
        self._fits: dict[Als, list[_Fit]] = {}
        self._hybrids: list[tuple[AlsModel, HybridModel]] = []

    def hybrid(
        self,
        settings: HybridSettings,
        fitted: AlsModel,
        counts: sparse.csr_matrix,
        content: Content,
        seed: int,
    ) -> HybridModel:
        """Return the hybrid model from these factors, fitted anew only where that is needed."""
        for factors, model in self._hybrids:
            if factors is fitted and model.settings.fits_as(settings):
                return replace(model, settings=settings)
        made = settings.fit_from(fitted, counts, content, seed)
        self._hybrids = [(fitted, made), *self._hybrids[: MAX_FITS - 1]]
        return made

    def fit(self, als: Als, counts: sparse.csr_matrix, content: Content, seed: int) -> AlsModel:
        """Return the factors of these listens, fitted now or before."""
        fits = self._fits.setdefault(als, [])
        for fit in fits:
            if fit.counts is counts and fit.seed == seed:
                return fit.model
        model = als.fit(counts, content, seed)
        self._fits[als] = [_Fit(counts, seed, model), *fits[: MAX_FITS - 1]]
        return model

    def sharing(self, make: Callable[..., AlsEstimator]) -> Callable[..., Estimator]:
        """Return a maker of the same estimators, whose ALS factors come from this cache."""

        def made(**settings: Any) -> Estimator:
            return _Sharing(make(**settings), self)

        return made


@dataclass(frozen=True)
class _Sharing:
    estimator: AlsEstimator
    cache: AlsCache

    def fit(self, counts: sparse.csr_matrix, content: Content, seed: int) -> ListeningModel:
        factors = self.cache.fit(self.estimator.als, counts, content, seed)
        if isinstance(self.estimator, HybridSettings):
            return self.cache.hybrid(self.estimator, factors, counts, content, seed)
        return self.estimator.fit_from(factors, counts, content, seed)
