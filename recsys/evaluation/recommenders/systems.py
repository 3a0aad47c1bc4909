"""The systems of the comparison, and their tuning on listens held out of the training.

Every system is tuned in the same way: a grid, searched one step after another, on a split of the
training listens by the protocol that it is tested with. The test listens are never used for it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from index.arrays import Float64Array
from recsys.evaluation.recommenders.evaluation import evaluate
from recsys.evaluation.recommenders.ranker_training import ranked_settings
from recsys.evaluation.recommenders.shared_als import AlsCache
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
from recsys.models.hybrid import SETTING_KEYS, HybridSettings
from recsys.models.protocol import Estimator

MAX_TUNING_LISTENERS = 1000  # queries when settings are compared
MIN_TUNING_TRACKS = 1000  # held out in all validation splits, where tracks are held out
MAX_SPLITS = 3  # for validation
COLD_ITEMS = ("cold-item", "cold-item-artist")

Settings = Mapping[str, Any]
Grid = Mapping[str, Sequence[Any]]
Validation = tuple[Split, Content]


@dataclass(frozen=True)
class System:
    """One system of the comparison.

    make           an estimator from the chosen settings
    steps          grids of settings; every combination of the first is tried, then of the next with
                   the best of those before
    needs_content  whether it needs content
    needs_artists  whether it needs artists that have several tracks
    listens_only   whether it scores all tracks without listens alike, so that with cold tracks
                   there is nothing to tune
    setting_keys   names of settings in reports, where they are others
    tuned_as       the system whose settings it takes, instead of being tuned itself
    """

    make: Callable[..., Estimator]
    steps: Sequence[Grid] = ()
    needs_content: bool = False
    needs_artists: bool = False
    listens_only: bool = False
    setting_keys: Mapping[str, str] = field(default_factory=dict)
    tuned_as: str | None = None

    def reported(self, settings: Settings) -> Settings:
        """Return settings by their names in reports."""
        return {self.setting_keys.get(name, name): value for name, value in settings.items()}


def all_systems() -> dict[str, System]:
    """Return the systems by name, in the order of the table.

    To add one, add a row: its name, its estimator, what to tune. Those made by `sharing` start from
    the same ALS factors, which are fitted once.
    """
    sharing = AlsCache().sharing
    shared = [Als(64, 10.0, 1.0), Als(64, 100.0, 10.0), Als(128, 30.0, 10.0)]
    flat = [Als(64, 30.0, 1.0), Als(128, 30.0, 1.0)]  # low confidences: tracks with listens
    shrinkage: Grid = {"artist_shrinkage": [0.3, 1.0, 3.0, 10.0]}
    penalty: Grid = {"penalty": [0.3, 1.0, 3.0, 10.0]}
    steep = [Als(128, 30.0, 30.0), Als(128, 100.0, 100.0)]  # high ones: playlists
    blend_steps: Sequence[Grid] = [
        {"als": [*shared[1:], Als(128, 60.0, 10.0), *flat, *steep]},
        {"penalty": [0.3, 1.0], "linear": [0.0, 1.0]},
        {"artist_shrinkage": [1.0, 5.0]},
        {"history_shrinkage": [0.0, 5.0, 20.0]},
        {"content_weight": [0.0, 0.2]},
        {"prior_mix": [0.0, 0.4]},
        {"exposure_shrinkage": [0.0, 5.0], "prior_strength": [0.3, 1.0, 3.0]},
    ]
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
            sharing(partial(PredictedFactors, use="artist")),
            [{"als": shared}, shrinkage],
            needs_artists=True,
        ),
        "ridge": System(
            sharing(partial(PredictedFactors, use="content")),
            [{"als": shared}, penalty],
            needs_content=True,
        ),
        "ridge-artist": System(
            sharing(partial(PredictedFactors, use="both")),
            [{"als": shared}, {**penalty, **shrinkage}],
            needs_content=True,
            needs_artists=True,
        ),
        "blend": System(sharing(HybridSettings), blend_steps, setting_keys=SETTING_KEYS),
        "ranker": System(
            sharing(ranked_settings), blend_steps, setting_keys=SETTING_KEYS, tuned_as="blend"
        ),
    }


def usable(
    systems: Mapping[str, System], content: Content
) -> tuple[dict[str, System], tuple[str, ...]]:
    """Return the systems that can run with this content, and a sentence about those left out."""
    artists = content.artists[content.artists >= 0]
    chosen, notes = dict(systems), []
    lacking = {
        "No content is known": [n for n, system in systems.items() if system.needs_content],
        "No artist is known": [n for n, system in systems.items() if system.needs_artists],
        "Every item is an artist of its own": [n for n, s in systems.items() if s.needs_artists],
    }
    applies = (
        not content.known.any(),
        not len(artists),
        len(artists) == len(np.unique(artists)),
    )
    for (why, names), is_so in zip(lacking.items(), applies, strict=True):
        dropped = [name for name in names if is_so and name in chosen]
        for name in dropped:
            del chosen[name]
        if dropped:
            notes.append(f"{why}: {', '.join(dropped)} left out.")
    return chosen, tuple(notes)


def tune(
    system: System,
    validation: Sequence[Validation],
    protocol: str,
    seed: int,
    n_errors: float = 0.0,
) -> Settings:
    """Choose a system's settings: those of the highest mean `quality` on splits for validation.

    n_errors  the first settings of a step stay, unless others are better by more than so many
              standard errors of the difference, over listeners

    The defaults, {}, where there are no splits.
    """
    best: Settings = {}
    if not validation or (system.listens_only and protocol in COLD_ITEMS):
        return best
    measured: dict[tuple[int, Estimator], Float64Array] = {}  # a step's best is in the next again

    def quality_of(number: int, settings: Settings) -> Float64Array:
        estimator = system.make(**settings)
        if (number, estimator) not in measured:
            measured[number, estimator] = quality(estimator, *validation[number], seed)
        return measured[number, estimator]

    for step in system.steps:
        grid = [{**best, **settings} for settings in _combinations(step)]
        if len(grid) > 1:
            by_split = [
                np.stack([quality_of(number, settings) for settings in grid])
                for number in range(len(validation))
            ]
            grid = [grid[_best(by_split, n_errors)]]
        best = grid[0]
    return best


def _best(by_split: Sequence[Float64Array], n_errors: float) -> int:
    """Return the best of some settings, by their qualities in each split, (n_settings, n) each."""
    best = int(np.argmax(np.mean([of_one.mean(axis=1) for of_one in by_split], axis=0)))
    if not n_errors or not best:
        return best
    gains = np.concatenate([of_one[best] - of_one[0] for of_one in by_split])
    error = gains.std(ddof=1) / np.sqrt(len(gains)) if len(gains) > 1 else np.inf
    return best if gains.mean() > n_errors * error else 0


def validation_splits(outer: Split, content: Content, protocol: str, seed: int) -> list[Validation]:
    """Split the training listens again by the same protocol; none where they are too few.

    Tracks without training listens are left out, so that the validation resembles the test. Where
    tracks are held out and they are few, results vary much from split to split: then there are
    `MAX_SPLITS` splits.
    """
    interactions, inner_content = with_listens(outer, content)
    user_seeds = tuple(int(name) for name in outer.histories if name) or USER_SEEDS
    validation: list[Validation] = []
    try:
        while not validation or _needs_another(validation, protocol):
            inner = split(
                interactions,
                inner_content.artists,
                protocol,
                seed + len(validation),
                user_seeds=user_seeds,
            )
            validation.append((sample(inner, seed), inner_content))
    except NothingHeldOut:
        pass
    return validation


def _needs_another(validation: Sequence[Validation], protocol: str) -> bool:
    """Return whether another split is needed."""
    n_held_out = sum(int(inner.candidates.sum()) for inner, _ in validation)
    few = len(validation) < MAX_SPLITS and n_held_out < MIN_TUNING_TRACKS
    return protocol in COLD_ITEMS and few


def quality(estimator: Estimator, inner: Split, content: Content, seed: int) -> Float64Array:
    """Fit, and return (R@20 + nDCG@100) / 2 of each listener, the mean over numbers of seeds."""
    model = estimator.fit(inner.train, content, seed)
    values = []
    for history in inner.histories:
        metrics = evaluate(model.scores, inner, content, seed, history=history).per_query
        values.append((metrics["R@20"] + metrics["nDCG@100"]) / 2)
    mean: Float64Array = np.mean(values, axis=0)
    return mean


def with_listens(outer: Split, content: Content) -> tuple[Interactions, Content]:
    """Return the training listens and content of the tracks that have training listens."""
    tracks = n_listeners(outer.train) > 0
    train = outer.train[:, tracks]
    return (
        Interactions(np.arange(train.shape[0]), np.flatnonzero(tracks), train, outer.train_times),
        content.of_tracks(tracks),
    )


def sample(whole: Split, seed: int, n: int = MAX_TUNING_LISTENERS) -> Split:
    """Return a split with at most `n` of the listeners as queries."""
    n_queries = len(whole.listeners)
    if n_queries <= n:
        return whole
    rows = np.sort(np.random.default_rng(seed).choice(n_queries, n, replace=False))
    return replace(
        whole,
        listeners=whole.listeners[rows],
        histories={name: history[rows] for name, history in whole.histories.items()},
        held_out=whole.held_out[rows],
    )


def _combinations(step: Grid) -> list[dict[str, Any]]:
    """Return every combination of a grid's values."""
    return [dict(zip(step, values, strict=True)) for values in itertools.product(*step.values())]
