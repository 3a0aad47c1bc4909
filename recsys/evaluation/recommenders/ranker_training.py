"""Training of the ranker on listens held out of the training of a listening model."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse

from index.arrays import Float64Array, Int64Array
from recsys.evaluation.recommenders.ranker_examples import Examples
from recsys.evaluation.recommenders.ranker_odds import adopt, place, reliability, start_of
from recsys.evaluation.recommenders.ranker_split import SPLITS, inner_split
from recsys.interactions import Content, Interactions, n_listeners
from recsys.models.hybrid import HybridModel, HybridSettings
from recsys.models.ranker.groups import artist_affinity, track_groups
from recsys.models.ranker.pairs import REGIMES, RankedLibrary
from recsys.models.ranker.ranked_model import RankedModel, without_ranker
from recsys.models.ranker.ranker import TREES, Ranker, Trees, column_name, sha256
from recsys.models.ranker.terms import TERMS

MAX_LISTENERS = 2500  # whose candidates are examples, of whom
TRAINED, STOPPING, GATE, ASKED = range(4)  # parts of the examples: trees are trained on the first,
SHARES = 0.55, 0.15, 0.3  # end by the second, and are asked about the third and about the last,
MIN_LISTENERS = 120  # which has new artists alone. Fewer listeners in all train nothing
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
    return RankedModel(library_of(model, counts, content), ranker, card=ranker.card)


def _timed(card: Any, begin: float) -> dict[str, Any]:
    return {**card, "seconds": round(time.perf_counter() - begin, 1)}


def library_of(model: HybridModel, counts: sparse.csr_matrix, content: Content) -> RankedLibrary:
    """Return what terms know of the tracks of a model that was fitted to these listens."""
    artists, albums = track_groups(counts, content)
    affinity = artist_affinity(counts, artists)
    return RankedLibrary(model, artists, albums, affinity, counts.shape[0])


def _train(
    settings: HybridSettings, interactions: Interactions, content: Content, seed: int
) -> Ranker | None:
    """Return a trained ranker with the gate's decision; None where the listens are too few."""
    n_listeners = interactions.counts.shape[0]
    generator = np.random.default_rng(seed)
    order = generator.permutation(n_listeners)
    of_listeners = _parts(n_listeners, generator)
    of_tracks = _parts(interactions.counts.shape[1], generator)
    examples: list[Examples] = []
    parts: list[Int64Array] = []
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
        inner = settings.fit(split.train, content, seed)
        library = library_of(inner, split.train, content)
        whole = Examples.of(library, split, out.candidates)
        if out.artists:
            examples.append(whole)
            parts.append(np.full(len(whole.lengths), ASKED))
            continue
        for part in (TRAINED, STOPPING, GATE):
            if out.tracks:
                some = whole.of_tracks(of_tracks == part, split, library)
            else:
                some = whole.of_listeners(of_listeners[split.listeners] == part)
            examples.append(some)
            parts.append(np.full(len(some.lengths), part))
    return _ranker(Examples.joined(examples), np.concatenate(parts), seed)


def _ranker(examples: Examples, part: Int64Array, seed: int) -> Ranker:
    """Train on listeners of one part (n,), until those of another gain no more, and ask the gate.

    Then as many trees are grown on all three: a new track's artist is known to more of them.
    """
    of_pair = part[examples.listeners]
    odds = start_of(examples, of_pair == TRAINED)

    def corrections(raw: Float64Array) -> Float64Array:
        return (raw + odds.intercepts[examples.kinds]) / odds.slopes[examples.kinds]

    parts = [_of_regime(examples, of_pair, kinds) for kinds in REGIMES]
    asked = [_boost(examples, odds.start, of_regime, seed) for of_regime in parts]
    raw = _values(asked, examples)
    adopted, decisions = adopt(corrections(raw), examples, part == GATE, part == ASKED)
    trees = [
        _boost(examples, odds.start, of_regime, seed, one.n_trees)
        if adopted[kinds[0]].any()
        else one
        for kinds, of_regime, one in zip(REGIMES, parts, asked, strict=True)
    ]
    places = place(corrections(_values(trees, examples)), examples, adopted)
    card = {
        "adopted": bool(adopted.any()),
        "sha256": {name: one.digest for name, one in zip(TREES, trees, strict=True)},
        "trees": {name: one.n_trees for name, one in zip(TREES, trees, strict=True)},
        "listeners": len(examples.lengths),
        "examples": len(examples.scores),
        "terms": [TERMS[column].name for column in trees[0].columns],
        "decisions": [decision.as_json() for decision in decisions],
        "reliability": reliability(
            (odds.unknown + raw)[of_pair == GATE], examples.played[of_pair == GATE]
        ),
    }
    return Ranker(
        tuple(trees),
        odds.slopes,
        odds.slopes[:, None] * places.offsets - odds.intercepts[:, None],
        adopted,
        places.constants,
        card,
    )


def _of_regime(examples: Examples, of_pair: Int64Array, kinds: Sequence[int]) -> Int64Array:
    """Return the part of each pair of a regime, -1 for the others.

    Where new tracks are too few to learn from it is that of the known ones: the gate asks as many.
    """
    here = np.where(np.isin(examples.kinds, kinds), of_pair, -1)
    enough = all(examples.played[here == part].any() for part in (TRAINED, STOPPING))
    return here if enough or kinds == REGIMES[0] else _of_regime(examples, of_pair, REGIMES[0])


def _values(trees: Sequence[Trees], examples: Examples) -> Float64Array:
    """Return f of all pairs, by the trees of their regime."""
    values = np.zeros(len(examples.kinds))
    for kinds, one in zip(REGIMES, trees, strict=True):
        here = np.isin(examples.kinds, kinds)
        values[here] = one.values(examples.terms[here])
    return values


def _parts(n: int, generator: np.random.Generator) -> Int64Array:
    """Draw a part of the first three for each: int64 (n,)."""
    return np.searchsorted(np.cumsum(SHARES[:-1]), generator.random(n), side="right")


def _boost(
    examples: Examples,
    start: Float64Array,
    of_pair: Int64Array,
    seed: int,
    n_trees: int | None = None,
) -> Trees:
    """Grow trees from the log-odds `start` on the pairs to train on, until others gain no more.

    With `n_trees` so many are grown on the pairs of the first three parts.
    """
    import lightgbm  # noqa: PLC0415 - seconds to import, and not needed before

    terms = examples.terms[of_pair == TRAINED]
    columns = [n for n in range(len(TERMS)) if terms[:, n].min() < terms[:, n].max()]
    names = [column_name(TERMS[n].name) for n in columns]
    sets: list[Any] = []
    every = (of_pair >= TRAINED) & (of_pair <= GATE)
    for mask in (of_pair == TRAINED, of_pair == STOPPING) if n_trees is None else (every,):
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
    if n_trees is None:
        stop = lightgbm.early_stopping(PATIENCE, verbose=False)
        booster = lightgbm.train(parameters, sets[0], ROUNDS, [sets[1]], callbacks=[stop])
        text = booster.model_to_string(num_iteration=booster.best_iteration)
    else:
        text = lightgbm.train(parameters, sets[0], n_trees).model_to_string()
    return Trees(text, sha256(text))
