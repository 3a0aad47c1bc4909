"""Systems compared by a protocol: split, tuned, fitted and asked, once for each seed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from recsys.interactions import Content, Interactions
from recsys.listening.evaluation import Evaluated, compare, evaluate, summary
from recsys.listening.splits import split
from recsys.listening.systems import Settings, System, tune, validation_split

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

    def figures(self, history: str, ours: str | None) -> dict[str, Any]:
        """The means of each system, and ours less each other one: `systems` and `paired`."""
        results = self.results[history]
        paired = {} if ours is None else {n: r for n, r in results.items() if n != ours}
        return {
            "systems": {name: summary(found) for name, found in results.items()},
            "paired": {name: compare(results[str(ours)], r) for name, r in paired.items()},
        }

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
        validation = validation_split(made, content, protocol, seed)
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
