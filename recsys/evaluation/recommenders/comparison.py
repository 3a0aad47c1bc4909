"""Systems compared by a protocol: split, tuned, fitted and asked, once for each seed."""

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
from recsys.evaluation.recommenders.systems import Settings, System, tune, validation_splits
from recsys.interactions import Content, Interactions

Progress = Callable[[str], None]


@dataclass(eq=False)
class Comparison:
    """What came out.

    results   by history (see `Split.histories`) and system, one for each seed
    settings  that were chosen for each system, one for each seed
    seconds   of each system, all seeds together: tuning, fitting and scoring
    """

    results: dict[str, dict[str, list[Evaluated]]] = field(default_factory=dict)
    settings: dict[str, list[Settings]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def took(self, name: str, start: float) -> None:
        """Add the time since `start`."""
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start

    def table(self, listeners: Sequence[object]) -> pd.DataFrame:
        """A row for each system, history, seed and listener: the metrics."""
        tables = []
        for history, systems in self.results.items():
            for system, results in systems.items():
                for seed, result in enumerate(results):
                    of_split = pd.DataFrame(dict(result.per_query))
                    of_split.insert(0, "system", system)
                    of_split.insert(1, "user_seeds", history)
                    of_split.insert(2, "seed", seed)
                    of_split.insert(3, "user", [listeners[row] for row in result.listeners])
                    tables.append(of_split)
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

    All are tuned before the first is fitted: systems share the factors of one validation split.

    Raises NothingHeldOut.
    """
    comparison = Comparison()
    for seed in range(n_seeds):
        made = split(interactions, content.artists, protocol, seed, user_seeds=user_seeds)
        validation = validation_splits(made, content, protocol, seed)
        chosen: dict[str, Settings] = {}
        for name, system in systems.items():
            start = time.perf_counter()
            progress(f"seed {seed}: tuning {name}")
            chosen[name] = tune(system, validation, protocol, seed)
            comparison.took(name, start)
        for name, system in systems.items():
            start = time.perf_counter()
            progress(f"seed {seed}: {name}")
            settings = chosen[name]
            model = system.make(**settings)
            model.fit(made.train, content, seed)
            for history in made.histories:
                found = evaluate(model.scores, made, content, seed, history=history)
                of_history = comparison.results.setdefault(history, {})
                of_history.setdefault(name, []).append(found)
            comparison.settings.setdefault(name, []).append(settings)
            comparison.took(name, start)
    return comparison


def figures(results: Mapping[str, Sequence[Evaluated]], ours: str | None) -> dict[str, Any]:
    """What is told of systems that were asked the same: `systems` and `paired`.

    results  by system, one for each split
    ours     the system that the others are compared with; None: nothing is paired

    `systems` has each metric's `mean` over the listeners of all splits, how many they are (`n`) and
    the 95 % interval (`ci`); metrics of all lists together have the mean of the splits alone. A
    slice that never has anything to find is left out. `paired` has what ours is better by, listener
    by listener (`diff`, `ci`), for each other system.

    Whole listeners are drawn for the intervals, each with the splits that asked about it, and the
    same ones for all systems.

    Raises ValueError where the systems were asked about other listeners.
    """
    asked = [np.concatenate([r.listeners for r in found]) for found in results.values()]
    if not all(np.array_equal(asked[0], listeners) for listeners in asked):
        raise ValueError("wanted systems with the same listeners, got others")
    names = list(results)
    systems: dict[str, dict[str, Any]] = {name: {} for name in names}
    paired: dict[str, dict[str, Any]] = {n: {} for n in names if ours is not None and n != ours}
    for metric, values, drawn in _resampled(results, asked[0]):
        for name, value, means in zip(names, values.T, drawn.T, strict=True):
            ci = _bounds(means)
            systems[name][metric] = {"mean": float(value.mean()), "ci": ci, "n": len(value)}
        for name, of_base in paired.items():
            i, j = names.index(str(ours)), names.index(name)
            diff = float((values[:, i] - values[:, j]).mean())
            of_base[metric] = {"diff": diff, "ci": _bounds(drawn[:, i] - drawn[:, j])}
    for name, found in results.items():
        for metric in found[0].of_all:
            systems[name][metric] = {"mean": float(np.mean([r.of_all[metric] for r in found]))}
    return {"systems": systems, "paired": paired}


def _resampled(
    results: Mapping[str, Sequence[Evaluated]], listeners: Int64Array
) -> Iterator[tuple[str, Float64Array, Float64Array]]:
    """Give each metric's values (n, n_systems), and their means of resampled listeners.

    Metrics that have a value for the same listeners are resampled together: drawing takes longest.
    """
    metrics = list(next(iter(results.values()))[0].per_query)
    tables = [
        [np.concatenate([r.per_query[metric] for r in found]) for metric in metrics]
        for found in results.values()
    ]
    table = np.array(tables).transpose(1, 2, 0)  # (n_metrics, n, n_systems)
    present = ~np.isnan(table[:, :, 0])
    for of_some in np.unique(present, axis=0):
        (numbers,) = np.nonzero((present == of_some).all(axis=1))
        if not of_some.any():
            continue
        values = table[numbers][:, of_some]
        drawn = bootstrap_means(np.hstack(list(values)), listeners[of_some])
        means = np.split(drawn, len(numbers), axis=1)
        for number, of_metric, of_drawn in zip(numbers.tolist(), values, means, strict=True):
            yield metrics[number], of_metric, of_drawn


def _bounds(means: Float64Array) -> list[float]:
    low, high = interval(means)
    return [float(low), float(high)]
