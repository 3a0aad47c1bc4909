"""Comparison of recommenders by a protocol: split, tune, fit and evaluate, once for each seed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from index.arrays import Float64Array, Int64Array
from recsys.evaluation.metrics import bootstrap_means, interval
from recsys.evaluation.recommenders.evaluation import Evaluated, evaluate
from recsys.evaluation.recommenders.splits import split
from recsys.evaluation.recommenders.systems import (
    Settings,
    System,
    all_systems,
    tune,
    validation_splits,
)
from recsys.interactions import Content, Interactions
from recsys.models.ranker.ranked_model import RankedModel

Progress = Callable[[str], None]


@dataclass(eq=False)
class Comparison:
    """Results of a comparison.

    results   by history (see `Split.histories`) and system, one for each seed
    settings  chosen for each system, one for each seed, by their names in reports
    seconds   of each system, all seeds together: tuning, fitting and scoring
    cards     model cards of systems that have some, one for each seed
    """

    results: dict[str, dict[str, list[Evaluated]]] = field(default_factory=dict)
    settings: dict[str, list[Settings]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    cards: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)

    def add_time(self, name: str, start: float) -> None:
        """Add the time since `start` to a system's seconds."""
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start

    def table(self, listeners: Sequence[object]) -> pd.DataFrame:
        """Return the metrics, a row for each system, history, seed and listener."""
        tables = []
        for history, systems in self.results.items():
            for system, results in systems.items():
                for seed, result in enumerate(results):
                    table = pd.DataFrame(dict(result.per_query))
                    table.insert(0, "system", system)
                    table.insert(1, "user_seeds", history)
                    table.insert(2, "seed", seed)
                    table.insert(3, "user", [listeners[row] for row in result.listeners])
                    tables.append(table)
        return pd.concat(tables, ignore_index=True)


def compare_systems(
    interactions: Interactions,
    content: Content,
    systems: Mapping[str, System],
    protocol: str,
    n_seeds: int,
    *,
    user_seeds: tuple[int, ...],
    progress: Progress = lambda _: None,
) -> Comparison:
    """Split by each seed from 0 on, and tune, fit and evaluate every system on each split.

    All are tuned before the first is fitted: systems share the ALS factors of a validation split.

    Raises NothingHeldOut.
    """
    comparison = Comparison()
    for seed in range(n_seeds):
        outer = split(interactions, content.artists, protocol, seed, user_seeds=user_seeds)
        validation = validation_splits(outer, content, protocol, seed)
        chosen: dict[str, Settings] = {}
        for name, system in systems.items():
            start = time.perf_counter()
            progress(f"seed {seed}: tuning {name}")
            tuned_as = system.tuned_as
            if tuned_as is None:
                chosen[name] = tune(system, validation, protocol, seed)
            elif tuned_as in chosen:
                chosen[name] = chosen[tuned_as]
            else:
                chosen[name] = tune(all_systems()[tuned_as], validation, protocol, seed)
            comparison.add_time(name, start)
        for name, system in systems.items():
            start = time.perf_counter()
            progress(f"seed {seed}: {name}")
            settings = chosen[name]
            model = system.make(**settings).fit(outer.train, content, seed)
            if isinstance(model, RankedModel):
                comparison.cards.setdefault(name, []).append(model.card)
            for history in outer.histories:
                result = evaluate(model.scores, outer, content, seed, history=history)
                by_system = comparison.results.setdefault(history, {})
                by_system.setdefault(name, []).append(result)
            comparison.settings.setdefault(name, []).append(system.reported(settings))
            comparison.add_time(name, start)
    return comparison


def figures(results: Mapping[str, Sequence[Evaluated]], ours: str | None) -> dict[str, Any]:
    """Return the figures of systems with the same queries: `systems` and `paired`.

    results  by system, one for each split
    ours     the system that the others are compared with; None: nothing is paired

    `systems` has each metric's `mean` over the listeners of all splits, how many they are (`n`) and
    the 95 % interval (`ci`); metrics of all lists together have the mean of the splits alone. A
    slice without held-out tracks is left out. `paired` has the mean difference of ours minus each
    other system, listener by listener (`diff`, `ci`).

    Whole listeners are drawn for the intervals, each with all its splits, and the same ones for all
    systems.

    Raises ValueError where the systems have other listeners.
    """
    queries = [np.concatenate([r.listeners for r in of_one]) for of_one in results.values()]
    if not all(np.array_equal(queries[0], listeners) for listeners in queries):
        raise ValueError("wanted systems with the same listeners, got others")
    names = list(results)
    systems: dict[str, dict[str, Any]] = {name: {} for name in names}
    paired: dict[str, dict[str, Any]] = {n: {} for n in names if ours is not None and n != ours}
    for metric, values, drawn in _resampled(results, queries[0]):
        for name, value, means in zip(names, values.T, drawn.T, strict=True):
            ci = _bounds(means)
            systems[name][metric] = {"mean": float(value.mean()), "ci": ci, "n": len(value)}
        for name, differences in paired.items():
            i, j = names.index(str(ours)), names.index(name)
            diff = float((values[:, i] - values[:, j]).mean())
            differences[metric] = {"diff": diff, "ci": _bounds(drawn[:, i] - drawn[:, j])}
    for name, of_one in results.items():
        for metric in of_one[0].of_all:
            systems[name][metric] = {"mean": float(np.mean([r.of_all[metric] for r in of_one]))}
    return {"systems": systems, "paired": paired}


def _resampled(
    results: Mapping[str, Sequence[Evaluated]], listeners: Int64Array
) -> Iterator[tuple[str, Float64Array, Float64Array]]:
    """Yield each metric's values (n, n_systems), and their means over resampled listeners.

    Metrics that have values for the same listeners are resampled together: drawing takes longest.
    """
    metrics = list(next(iter(results.values()))[0].per_query)
    tables = [
        [np.concatenate([r.per_query[metric] for r in of_one]) for metric in metrics]
        for of_one in results.values()
    ]
    table = np.array(tables).transpose(1, 2, 0)  # (n_metrics, n, n_systems)
    present = ~np.isnan(table[:, :, 0])
    for mask in np.unique(present, axis=0):
        (numbers,) = np.nonzero((present == mask).all(axis=1))
        if not mask.any():
            continue
        values = table[numbers][:, mask]
        means = bootstrap_means(np.hstack(list(values)), listeners[mask])
        by_metric = np.split(means, len(numbers), axis=1)
        for number, metric_values, metric_means in zip(
            numbers.tolist(), values, by_metric, strict=True
        ):
            yield metrics[number], metric_values, metric_means


def _bounds(means: Float64Array) -> list[float]:
    low, high = interval(means)
    return [float(low), float(high)]
