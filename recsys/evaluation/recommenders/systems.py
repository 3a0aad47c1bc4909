"""The systems of the comparison, and how each is tuned: on listens held out of the training.

Every system gets the same care: a grid, searched one step after another, on a split of the training
listens by the protocol that it is tested with. What is tested is never looked at.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from recsys.evaluation.recommenders.evaluation import evaluate
from recsys.evaluation.recommenders.splits import USER_SEEDS, NothingHeldOut, Split, split
from recsys.interactions import Content, Interactions, n_listeners
from recsys.models.als import Als
from recsys.models.baselines import (
    Bpr,
    ContentCosine,
    ItemKnn,
    Popularity,
    PredictedFactors,
    Random,
)
from recsys.models.hybrid import HybridModel
from recsys.models.protocol import ListeningModel

MAX_TUNING_LISTENERS = 1000  # asked about when settings are compared
MIN_TUNING_TRACKS = 1000  # held out, where tracks are, in as many as
MAX_SPLITS = 3  # for validation
COLD_ITEMS = ("cold-item", "cold-item-artist")

Settings = Mapping[str, Any]
Grid = Mapping[str, Sequence[Any]]
Validation = tuple[Split, Content]


@dataclass(frozen=True)
class System:
    """One system of the comparison.

    make           a model from the chosen settings
    steps          grids of settings; every combination of the first is tried, then of the next with
                   the best of those before
    needs_content  whether it can do nothing without content
    needs_artists  whether it can do nothing without artists that have several tracks
    listens_only   whether all tracks without listens are equal to it, so that among cold ones there
                   is nothing to tune
    """

    make: Callable[..., ListeningModel]
    steps: Sequence[Grid] = ()
    needs_content: bool = False
    needs_artists: bool = False
    listens_only: bool = False


def all_systems() -> dict[str, System]:
    """Return the systems by name, in the order of the table; some share their ALS factors.

    This is the one place to add a system: a name, how to make it, what to tune.
    """
    shared = [Als(64, 10.0, 1.0), Als(64, 100.0, 10.0), Als(128, 30.0, 10.0)]
    flat = [Als(64, 30.0, 1.0), Als(128, 30.0, 1.0)]  # confidences, for tracks with listens
    shrinkage: Grid = {"artist_shrinkage": [0.3, 1.0, 3.0, 10.0]}
    penalty: Grid = {"penalty": [0.3, 1.0, 3.0, 10.0]}
    return {
        "random": System(Random),
        "popularity": System(Popularity),
        "item-knn": System(
            ItemKnn,
            [
                {"n_neighbours": [100, 500, None], "weighting": ["log", "binary"]},
                {"shrinkage": [0.0, 10.0, 30.0]},
            ],
            listens_only=True,
        ),
        "als": System(
            Als,
            [
                {"alpha": [1.0, 10.0], "regularization": [3.0, 10.0, 30.0, 100.0, 300.0, 1000.0]},
                {"factors": [32, 64, 128]},
            ],
            listens_only=True,
        ),
        "bpr": System(Bpr, [{"learning_rate": [0.03, 0.1, 0.3]}], listens_only=True),
        "content": System(ContentCosine, [{"weighting": ["binary", "log"]}], needs_content=True),
        "artist-mean": System(
            partial(PredictedFactors, use="artist"),
            [{"als": shared}, shrinkage],
            needs_artists=True,
        ),
        "ridge": System(
            partial(PredictedFactors, use="content"), [{"als": shared}, penalty], needs_content=True
        ),
        "ridge-artist": System(
            partial(PredictedFactors, use="both"),
            [{"als": shared}, {**penalty, **shrinkage}],
            needs_content=True,
            needs_artists=True,
        ),
        "blend": System(
            HybridModel,
            [
                {"als": [*shared[1:], Als(128, 60.0, 10.0), *flat]},
                {"penalty": [0.3, 1.0], "linear": [0.0, 1.0]},
                {"artist_shrinkage": [1.0, 5.0]},
                {"neighbours": [0.2, 0.5]},
                {"patience": [0.0, 5.0, 20.0]},
                {"sound": [0.0, 0.2]},
                {"told": [0.0, 0.4]},
                {"kappa": [0.0, 5.0], "strength": [0.3, 1.0, 3.0]},
            ],
        ),
    }


def usable(
    systems: Mapping[str, System], content: Content
) -> tuple[dict[str, System], tuple[str, ...]]:
    """Return the systems that the content allows, and a sentence for each reason against some."""
    known = content.artists[content.artists >= 0]
    kept, notes = dict(systems), []
    lacking = {
        "No content is known": [n for n, system in systems.items() if system.needs_content],
        "No artist is known": [n for n, system in systems.items() if system.needs_artists],
        "Every item is an artist of its own": [n for n, s in systems.items() if s.needs_artists],
    }
    applies = (not content.known.any(), not len(known), len(known) == len(np.unique(known)))
    for (why, names), is_so in zip(lacking.items(), applies, strict=True):
        dropped = [name for name in names if is_so and name in kept]
        for name in dropped:
            del kept[name]
        if dropped:
            notes.append(f"{why}: {', '.join(dropped)} left out.")
    return kept, tuple(notes)


def tune(system: System, validation: Sequence[Validation], protocol: str, seed: int) -> Settings:
    """Choose a system's settings: those of the highest mean `quality` on splits for validation.

    The defaults, {}, where there are none.
    """
    best: Settings = {}
    if not validation or (system.listens_only and protocol in COLD_ITEMS):
        return best
    for step in system.steps:
        tried = [{**best, **settings} for settings in _combinations(step)]
        if len(tried) > 1:
            found = [
                [quality(system.make(**some), inner, content, seed) for some in tried]
                for inner, content in validation
            ]
            tried = [tried[int(np.argmax(np.mean(found, axis=0)))]]
        best = tried[0]
    return best


def validation_splits(outer: Split, content: Content, protocol: str, seed: int) -> list[Validation]:
    """Split the training listens again by the same protocol; none where they are too few.

    Tracks without training listens are left out, so that the validation resembles the test. Where
    tracks are held out and they are few, whose turn it is decides much: then there are
    `MAX_SPLITS` splits.
    """
    interactions, known = heard_only(outer, content)
    user_seeds = tuple(int(name) for name in outer.histories if name) or USER_SEEDS
    made: list[Validation] = []
    try:
        while not made or _few(made, protocol):
            inner = split(
                interactions, known.artists, protocol, seed + len(made), user_seeds=user_seeds
            )
            made.append((sample(inner, seed), known))
    except NothingHeldOut:
        pass
    return made


def _few(made: Sequence[Validation], protocol: str) -> bool:
    """Say whether another split is due."""
    held_out = sum(int(inner.candidates.sum()) for inner, _ in made)
    return protocol in COLD_ITEMS and len(made) < MAX_SPLITS and held_out < MIN_TUNING_TRACKS


def quality(model: ListeningModel, inner: Split, content: Content, seed: int) -> float:
    """What settings are compared by: (R@20 + nDCG@100) / 2, the mean over listeners and seeds."""
    model.fit(inner.train, content, seed)
    values = []
    for history in inner.histories:
        found = evaluate(model.scores, inner, content, seed, history=history).per_query
        values.append((found["R@20"].mean() + found["nDCG@100"].mean()) / 2)
    return float(np.mean(values))


def heard_only(outer: Split, content: Content) -> tuple[Interactions, Content]:
    """Return the training listens as data of their own, without tracks that have none."""
    heard = n_listeners(outer.train) > 0
    train = outer.train[:, heard]
    return (
        Interactions(np.arange(train.shape[0]), np.flatnonzero(heard), train, outer.train_times),
        Content(content.vectors[heard], content.known[heard], content.artists[heard]),
    )


def sample(whole: Split, seed: int, n: int = MAX_TUNING_LISTENERS) -> Split:
    """Ask about at most `n` of a split's listeners."""
    n_listeners = len(whole.listeners)
    if n_listeners <= n:
        return whole
    kept = np.sort(np.random.default_rng(seed).choice(n_listeners, n, replace=False))
    return replace(
        whole,
        listeners=whole.listeners[kept],
        histories={name: history[kept] for name, history in whole.histories.items()},
        held_out=whole.held_out[kept],
    )


def _combinations(step: Grid) -> list[dict[str, Any]]:
    return [dict(zip(step, values, strict=True)) for values in itertools.product(*step.values())]
