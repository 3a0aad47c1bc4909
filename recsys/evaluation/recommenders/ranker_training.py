"""Training of the ranker on listens held out of the training of a listening model."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from index.arrays import BoolArray, Float32Array, Float64Array, Int64Array
from recsys.evaluation.recommenders.ranker_examples import Examples
from recsys.evaluation.recommenders.ranker_odds import adopt, place, reliability, start_of
from recsys.evaluation.recommenders.ranker_split import SPLITS, inner_split
from recsys.interactions import Content, Interactions, n_listeners
from recsys.models.als import Als, Factorise
from recsys.models.hybrid import HybridModel, HybridSettings
from recsys.models.ranker.groups import artist_affinity, track_groups
from recsys.models.ranker.pairs import REGIMES, RankedLibrary
from recsys.models.ranker.ranked_model import RankedModel, without_ranker
from recsys.models.ranker.ranker import TREES, Ranker, Trees, column_name, sha256
from recsys.models.ranker.terms import TERMS
from recsys.threads import for_each

MAX_LISTENERS = 2500  # whose candidates are examples, in each split
PARTS = 3  # of the examples: trees are asked about one that were grown on the others
MIN_LISTENERS = 120  # fewer train nothing
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
    "num_threads": 1,  # several at once wait for each other longer than they work
    "deterministic": True,
    "verbose": -1,
}


@dataclass(frozen=True)
class RankedSettings:
    """A listening model's settings; `fit` learns it, and a ranker of its candidates."""

    hybrid: HybridSettings

    def fit(
        self,
        counts: sparse.csr_matrix,
        content: Content,
        seed: int,
        tracks: Int64Array | None = None,
        times: Int64Array | None = None,
        factorise: Factorise = Als.fit,
    ) -> RankedModel:
        """Learn as `HybridSettings.fit` does.

        `times` are those of the entries of `counts`, where they are known: then the ranker learns
        from the latest listens.
        """
        model = self.hybrid.fit(counts, content, seed, tracks, factorise)
        return ranked(model, counts, content, seed, times, factorise)


def ranked_settings(**settings: Any) -> RankedSettings:
    """Return the settings of a ranked model, from those of its listening model."""
    return RankedSettings(HybridSettings(**settings))


def ranked(
    model: HybridModel,
    counts: sparse.csr_matrix,
    content: Content,
    seed: int,
    times: Int64Array | None = None,
    factorise: Factorise = Als.fit,
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
    trained = _train(model.settings, interactions, content.of_tracks(played), seed, factorise)
    if trained is None:
        few = f"There are fewer than {MIN_LISTENERS} listeners with tracks enough to learn from."
        return RankedModel(without_ranker(model), None, card={"adopted": False, "why": few})
    if not trained.adopted.any():
        card = {"adopted": False, "why": "It gained nothing.", **trained.card}
        return RankedModel(without_ranker(model), None, card=_timed(card, begin))
    ranker = replace(trained, card=_timed(trained.card, begin))
    return RankedModel(library_of(model, counts, content), ranker, card=ranker.card)


def _timed(card: Any, begin: float) -> dict[str, Any]:
    return {**card, "seconds": round(time.perf_counter() - begin, 1)}


def library_of(model: HybridModel, counts: sparse.csr_matrix, content: Content) -> RankedLibrary:
    """Return what terms know of the tracks of a model that was fitted to these listens."""
    artists, albums = track_groups(counts, content)
    affinity = artist_affinity(counts, artists)
    return RankedLibrary(model, artists, albums, affinity, counts.shape[0])


def _train(
    settings: HybridSettings,
    interactions: Interactions,
    content: Content,
    seed: int,
    factorise: Factorise,
) -> Ranker | None:
    """Return a trained ranker with the gate's decision; None where the listens are too few."""
    n_listeners, n_tracks = interactions.counts.shape
    generator = np.random.default_rng(seed)
    order = generator.permutation(n_listeners)
    of_listeners, of_tracks = (generator.integers(PARTS, size=n) for n in (n_listeners, n_tracks))
    examples: list[Examples] = []
    parts: list[Int64Array] = []
    is_asked: list[BoolArray] = []
    n_asked = 0
    folds = [(number, fold) for number, out in enumerate(SPLITS) for fold in range(out.folds)]
    for number, fold in folds:
        out = SPLITS[number]
        n_queries = round(out.queries * MAX_LISTENERS)
        split = inner_split(
            interactions,
            content.artists,
            out,
            seed + number,
            np.roll(order, n_asked),
            n_queries,
            fold,
        )
        n_asked += n_queries
        if not examples and len(split.listeners) < MIN_LISTENERS:
            return None
        if not len(split.listeners):
            continue
        inner = settings.fit(split.train, content, seed, None, factorise)
        some = Examples.of(library_of(inner, split.train, content), split, out.candidates)
        examples.append(some)
        by_listener = of_listeners[split.listeners][some.listeners]
        parts.append(np.where(some.kinds == 0, by_listener, of_tracks[some.tracks]))
        is_asked.append(np.full(len(some.lengths), out.artists > 0))
    return _ranker(Examples.joined(examples), np.concatenate(parts), np.concatenate(is_asked), seed)


def _ranker(examples: Examples, parts: Int64Array, is_asked: BoolArray, seed: int) -> Ranker:
    """Ask the gate about trees that were grown on other parts, and grow trees on all.

    parts     of the pairs, 0 to `PARTS` - 1: those of known tracks are divided by listener, those
              of new ones by track, whose popularity trees would remember (n_pairs,)
    is_asked  listeners who are the gate's alone: bool (n,)
    """
    training = ~is_asked[examples.listeners]
    odds = start_of(examples, training)

    def corrections(raw: Float64Array) -> Float64Array:
        return (raw + odds.intercepts[examples.kinds]) / odds.slopes[examples.kinds]

    grown = _crossed(examples, odds.start, parts, training, seed)
    raw = np.where(np.isin(examples.kinds, REGIMES[0]), grown[0].values, grown[1].values)
    adopted, decisions = adopt(corrections(raw), examples, ~is_asked, is_asked)
    trees: dict[str, Trees] = {}

    def grow(number: int) -> None:
        of_kinds = training & np.isin(examples.kinds, REGIMES[number])
        mask = of_kinds if examples.played[of_kinds].any() else training
        n_trees = grown[number].n_trees
        trees[TREES[number]] = _boost(examples, odds.start, mask, seed, n_trees)

    for_each(grow, range(len(REGIMES)))
    places = place(corrections(raw), examples, adopted)
    card = {
        "adopted": bool(adopted.any()),
        "sha256": {name: trees[name].digest for name in TREES},
        "trees": {name: trees[name].n_trees for name in TREES},
        "listeners": len(examples.lengths),
        "examples": len(examples.scores),
        "terms": [TERMS[column].name for column in trees[TREES[0]].columns],
        "decisions": [decision.as_json() for decision in decisions],
        "reliability": reliability((odds.unknown + raw)[training], examples.played[training]),
    }
    return Ranker(
        tuple(trees[name] for name in TREES),
        odds.slopes,
        odds.slopes[:, None] * places.offsets - odds.intercepts[:, None],
        adopted,
        places.constants,
        card,
    )


class _Crossed(NamedTuple):
    """f of all pairs by trees that were grown without their part, and how many trees suffice.

    values   0 for pairs of other kinds: (n_pairs,)
    n_trees  the mean over the parts
    """

    values: Float64Array
    n_trees: int


def _crossed(
    examples: Examples, start: Float64Array, parts: Int64Array, training: BoolArray, seed: int
) -> list[_Crossed]:
    """Grow trees for the kinds of each regime without each part, until it gains no more."""
    of_regime = [np.isin(examples.kinds, kinds) for kinds in REGIMES]
    values = np.zeros((len(REGIMES), len(parts)))
    n_trees: list[list[int]] = [[] for _ in REGIMES]

    def grow(job: tuple[int, int]) -> None:
        regime, part = job
        here = of_regime[regime] & (parts == part)
        inside, outside = training & here, training & of_regime[regime] & (parts != part)
        if examples.played[inside].any() and examples.played[outside].any():
            trees = _boost(examples, start, outside, seed, until=inside)
            values[regime, here] = trees.values(examples.terms[here])
            n_trees[regime].append(trees.n_trees)  # otherwise too few to learn from: no correction

    for_each(grow, product(range(len(REGIMES)), range(PARTS)))
    return [
        _Crossed(of_one, max(round(np.mean(n)), 1) if n else 1)
        for of_one, n in zip(values, n_trees, strict=True)
    ]


def _boost(
    examples: Examples,
    start: Float64Array,
    training: BoolArray,
    seed: int,
    n_trees: int = ROUNDS,
    until: BoolArray | None = None,
) -> Trees:
    """Grow trees from the log-odds `start` on some pairs, bool (n_pairs,).

    As many as `n_trees`; with `until` so many that other pairs gain no more.
    """
    import lightgbm  # noqa: PLC0415 - seconds to import, and not needed before

    terms = examples.terms[training]
    columns = [n for n in range(len(TERMS)) if _differ(terms[:, n])]
    names = [column_name(TERMS[n].name) for n in columns]
    sets: list[Any] = []
    for mask in (training,) if until is None else (training, until):
        sets.append(
            lightgbm.Dataset(
                examples.terms[mask][:, columns],
                examples.played[mask].astype(np.int8),
                init_score=start[mask],
                feature_name=names,
                reference=sets[0] if sets else None,
                params={"verbose": -1, "num_threads": 1},
            )
        )
    parameters = {
        **BOOSTING,
        "seed": seed,
        "monotone_constraints": [TERMS[n].monotone for n in columns],
    }
    if until is None:
        text = lightgbm.train(parameters, sets[0], n_trees).model_to_string()
    else:
        stop = lightgbm.early_stopping(PATIENCE, verbose=False)
        booster = lightgbm.train(parameters, sets[0], n_trees, [sets[1]], callbacks=[stop])
        text = booster.model_to_string(num_iteration=booster.best_iteration)
    return Trees(text, sha256(text))


def _differ(values: Float32Array) -> bool:
    """Return whether the known values of a term differ: NaN is not known, (n,)."""
    known = values[~np.isnan(values)]
    return bool(len(known)) and bool(known.min() < known.max())
