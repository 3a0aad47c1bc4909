"""Training of the ranker on listens held out of the training of a listening model."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse

from index.arrays import Float64Array, Int64Array
from recsys.evaluation.recommenders.ranker_examples import Examples
from recsys.evaluation.recommenders.ranker_odds import adopt, reliability, start_of
from recsys.evaluation.recommenders.ranker_split import mixed_split
from recsys.interactions import Content, Interactions, n_listeners
from recsys.models.als import AlsModel
from recsys.models.hybrid import HybridModel, HybridSettings
from recsys.models.ranker.groups import artist_affinity, track_groups
from recsys.models.ranker.pairs import RankedLibrary
from recsys.models.ranker.ranked_model import RankedModel, without_ranker
from recsys.models.ranker.ranker import Ranker, Trees, column_name, sha256
from recsys.models.ranker.terms import TERMS

MAX_LISTENERS = 2500  # whose candidates are examples, of whom
TRAINING, STOPPING = 0.55, 0.1  # the trees see so many, and end when these gain no more;
MIN_LISTENERS = 120  # the rest are asked by the gate. Fewer in all train nothing
ROUNDS = 300
PATIENCE = 20  # trees without gain
BOOSTING: dict[str, Any] = {
    "objective": "binary",
    "learning_rate": 0.1,
    "num_leaves": 15,
    "min_data_in_leaf": 200,
    "lambda_l2": 5.0,
    "max_bin": 63,
    "force_col_wise": True,
    "deterministic": True,
    "verbose": -1,
}


@dataclass(frozen=True)
class RankedSettings:
    """A listening model's settings; `fit` learns it, and a ranker of its candidates."""

    hybrid: HybridSettings

    @property
    def als(self) -> Any:
        """The factorisation that the model starts from."""
        return self.hybrid.als

    def fit(
        self,
        counts: sparse.csr_matrix,
        content: Content,
        seed: int,
        tracks: Int64Array | None = None,
        times: Int64Array | None = None,
    ) -> RankedModel:
        """Learn as `HybridSettings.fit` does.

        `times` are those of the entries of `counts`, where they are known: then the ranker learns
        from the latest listens.
        """
        model = self.hybrid.fit(counts, content, seed, tracks)
        return self.fit_ranker(model, counts, content, seed, times)

    def fit_from(
        self, fitted: AlsModel, counts: sparse.csr_matrix, content: Content, seed: int
    ) -> RankedModel:
        """Learn from a factorisation of these counts by `als`."""
        model = self.hybrid.fit_from(fitted, counts, content, seed)
        return self.fit_ranker(model, counts, content, seed)

    def fit_ranker(
        self,
        model: HybridModel,
        counts: sparse.csr_matrix,
        content: Content,
        seed: int,
        times: Int64Array | None = None,
    ) -> RankedModel:
        """Learn a ranker for a model that was fitted to these listens."""
        return ranked(model, counts, content, seed, times)


def ranked_settings(**settings: Any) -> RankedSettings:
    """Return the settings of a ranked model, from those of its listening model."""
    return RankedSettings(HybridSettings(**settings))


def ranked(
    model: HybridModel,
    counts: sparse.csr_matrix,
    content: Content,
    seed: int,
    times: Int64Array | None = None,
) -> RankedModel:
    """Train a ranker for a model of these listens, where they are enough and it is adopted.

    A second model with the same settings is fitted on a part of the listens. The ranker learns
    which of that model's candidates the listeners played in the rest.
    """
    begin = time.perf_counter()
    played = n_listeners(counts) > 0  # nobody can be seen to play any of the others
    interactions = Interactions(
        np.arange(counts.shape[0]), np.flatnonzero(played), counts[:, played], times
    )
    trained = _train(model.settings, interactions, content.of_tracks(played), seed)
    if trained is None:
        few = f"There are fewer than {MIN_LISTENERS} listeners with tracks enough to learn from."
        return RankedModel(without_ranker(model), None, card={"adopted": False, "why": few})
    if not trained.adopted.any():
        card = {"adopted": False, "why": "It gained nothing.", **trained.card}
        return RankedModel(without_ranker(model), None, card=_timed(card, begin))
    ranker = replace(trained, card=_timed(trained.card, begin))
    return RankedModel(_library(model, counts, content), ranker, card=ranker.card)


def _timed(card: Any, begin: float) -> dict[str, Any]:
    return {**card, "seconds": round(time.perf_counter() - begin, 1)}


def _library(model: HybridModel, counts: sparse.csr_matrix, content: Content) -> RankedLibrary:
    artists, albums = track_groups(counts, content)
    return RankedLibrary(model, artists, albums, artist_affinity(counts, artists))


def _train(
    settings: HybridSettings, interactions: Interactions, content: Content, seed: int
) -> Ranker | None:
    """Return a trained ranker with the gate's decision; None where the listens are too few."""
    split = mixed_split(interactions, content.artists, seed, MAX_LISTENERS)
    if len(split.listeners) < MIN_LISTENERS:
        return None
    inner = settings.fit(split.train, content, seed)
    examples = Examples.of(_library(inner, split.train, content), split)
    part = _parts(len(split.listeners))
    of_pair = part[examples.listeners]
    odds = start_of(examples, of_pair == 0)
    trees = _boost(examples, odds.start, of_pair, seed)
    raw = trees.values(examples.terms)
    corrections, decisions = adopt(
        (raw + odds.intercepts[examples.kinds]) / odds.slopes[examples.kinds],
        examples,
        gate=part == 2,
    )
    slopes = odds.slopes[:, None]
    card = {
        "adopted": bool(corrections.adopted.any()),
        "sha256": trees.digest,
        "listeners": len(split.listeners),
        "examples": len(examples.scores),
        "terms": [TERMS[column].name for column in trees.columns],
        "decisions": [decision.as_json() for decision in decisions],
        "reliability": reliability(
            (odds.unknown + raw)[of_pair == 2], examples.played[of_pair == 2]
        ),
    }
    return Ranker(
        trees,
        odds.slopes,
        slopes * corrections.offsets - odds.intercepts[:, None],
        corrections.adopted,
        corrections.constants,
        card,
    )


def _parts(n: int) -> Int64Array:
    """Return 0 for listeners to train on, 1 for those who end it, 2 for the gate's."""
    shares = (np.arange(n) + 0.5) / n
    return np.searchsorted([TRAINING, TRAINING + STOPPING], shares, side="right")


def _boost(examples: Examples, start: Float64Array, of_pair: Int64Array, seed: int) -> Trees:
    """Grow trees from the log-odds `start`, until the stopping listeners gain no more."""
    import lightgbm  # noqa: PLC0415 - seconds to import, and not needed before

    columns = [
        n for n in range(len(TERMS)) if examples.terms[:, n].min() < examples.terms[:, n].max()
    ]
    names = [column_name(TERMS[n].name) for n in columns]
    sets: list[Any] = []
    for part in (0, 1):
        mask = of_pair == part
        sets.append(
            lightgbm.Dataset(
                examples.terms[mask][:, columns],
                examples.played[mask].astype(np.int8),
                init_score=start[mask],
                feature_name=names,
                reference=sets[0] if sets else None,
                params={"verbose": -1},
            )
        )
    parameters = {
        **BOOSTING,
        "seed": seed,
        "monotone_constraints": [TERMS[n].monotone for n in columns],
    }
    stop = lightgbm.early_stopping(PATIENCE, verbose=False)
    booster = lightgbm.train(parameters, sets[0], ROUNDS, [sets[1]], callbacks=[stop])
    text = booster.model_to_string(num_iteration=booster.best_iteration)
    return Trees(text, sha256(text))
