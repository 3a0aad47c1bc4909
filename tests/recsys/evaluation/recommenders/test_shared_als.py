"""ALS factors that systems of one comparison share."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from tastes import checkerboard, colours, kinds

from recsys.evaluation.recommenders.shared_als import MAX_LISTENS, AlsCache
from recsys.evaluation.recommenders.systems import all_systems
from recsys.models.als import Als
from recsys.models.baselines import PredictedFactors
from recsys.models.hybrid import HybridModel, HybridSettings
from recsys.models.steps import Steps


def test_the_same_listens_and_seed_are_factorised_once() -> None:
    listens, content = kinds()
    cache, als = AlsCache(), Als(4)
    fitted = cache.fit(als, listens.counts, content, 0)
    assert cache.fit(Als(4), listens.counts, content, 0) is fitted
    for other in (
        cache.fit(als, listens.counts, content, 1),
        cache.fit(als, listens.counts.copy(), content, 0),
        cache.fit(Als(4, 2.0), listens.counts, content, 0),
    ):
        assert other is not fitted
    assert cache.fit(als, listens.counts, content, 0) is fitted
    for seed in range(2, 2 + MAX_LISTENS):
        cache.fit(als, listens.counts, content, seed)
    assert cache.fit(als, listens.counts, content, 0) is not fitted  # the oldest are dropped


def test_sharing_factors_changes_no_score() -> None:
    listens, content = kinds()
    sharing = AlsCache().sharing
    for make in (HybridSettings, partial(PredictedFactors, use="both")):
        own = make(als=Als(4)).fit(listens.counts, content, 0)
        shared = sharing(make)(als=Als(4)).fit(listens.counts, content, 0)
        assert (own.scores(listens.counts) == shared.scores(listens.counts)).all()


def test_reports_name_settings_as_the_file_does() -> None:
    system = all_systems()["blend"]
    chosen = {name: values[0] for step in system.steps for name, values in step.items()}
    stored = HybridSettings(**chosen).for_manifest()
    reported = system.reported(chosen)
    assert set(reported) <= set(stored)
    assert {"told", "patience", "kappa", "strength", "sound"} <= set(reported)
    assert {n: v for n, v in reported.items() if n != "als"}.items() <= stored.items()


def test_settings_that_change_only_scores_are_not_fitted_again() -> None:
    counts, content = checkerboard().counts, colours()
    fits: list[HybridSettings] = []

    class Counting(HybridSettings):
        def fit_from(self, *arguments: Any, **steps: Any) -> HybridModel:
            fits.append(self)
            return HybridSettings.fit_from(self, *arguments, **steps)

    make = AlsCache().sharing(Counting)
    als = Als(4, 1.0, 1.0, iterations=2)
    for settings, n_fits in (
        ({}, 1),
        ({"content_weight": 0.7}, 1),
        ({"history_shrinkage": 3.0}, 1),
        ({"penalty": 3.0}, 2),
        ({"content_weight": 0.1}, 2),
        ({"prior_mix": 0.0}, 3),
    ):
        model = make(als=als, **settings).fit(counts, content, 0)
        assert len(fits) == n_fits, settings
        alone = HybridSettings(als=als, **settings).fit(counts, content, 0)
        assert np.allclose(model.scores(counts), alone.scores(counts), atol=1e-5)


def test_steps_of_other_settings_change_no_score() -> None:
    """Whatever was fitted before: content's equations and predictions are shared."""
    counts, content = kinds()[0].counts, kinds()[1]
    cache = AlsCache()
    als = Als(4, 1.0, 1.0, iterations=2)
    for settings in (
        HybridSettings(als, linear=1.0),
        HybridSettings(als, linear=0.5, penalty=3.0, artist_shrinkage=1.0),
        HybridSettings(als),
        HybridSettings(als, prior_mix=0.0, prior_strength=3.0),
        HybridSettings(als, linear=1.0, exposure_shrinkage=0.0),
    ):
        shared = cache.hybrid(settings, counts, content, 0)
        alone = settings.fit(counts, content, 0)
        assert np.allclose(shared.scores(counts), alone.scores(counts), atol=1e-5), settings


def test_the_last_used_steps_are_kept() -> None:
    steps, made = Steps(), list[str]()

    def make(name: str) -> str:
        made.append(name)
        return name

    for name in ("a", "b", "a", "c", "a", "b"):
        assert steps.once("step", name, partial(make, name), 2) == name
    assert made == ["a", "b", "c", "b"]
