"""The choice of a head's settings on labelled homes, and of maps that need no labels of a library.

    python -m benchmarks.head_settings --set HOME LABELS both 2 --set HOME LABELS artist 5 …

Sets are given as in benchmarks.projection. Two tables:

- heads at each weight of genres, shrinkage and share, by the gate of `earshot train-head` (tracks
  whose labels were hidden), and what they do to lists of the library that they were learned from:
  how many of the five nearest are by the track's artist. "Chosen elsewhere" is the setting with the
  largest sum of relative gains of those adopted on the other sets, scored on the one left out;
- maps for everybody: whitening without labels, and whitening by the other sets' covariance within
  artists. Corrected for hubs; a difference from the default, with its 95 % interval.
"""

from __future__ import annotations

import argparse
import itertools
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks import projection
from benchmarks.projection import Collection, collection, intervals, measure
from earshot.head_learning import training_data
from encoders.head_training import (
    DEFAULT_WEIGHTS,
    LOSSES,
    HeadTrainer,
    TrainingData,
    within_scatter,
)
from encoders.projection import Projection
from index.arrays import Float32Array
from recsys.home.home import open_home
from recsys.home.settings import load_settings
from recsys.training import head_validation as gate
from recsys.training.positives import label_members

GRID = list(itertools.product((0.0, 0.3, 1.0), (0.7, 0.5, 0.3), (0.4, 0.6, 0.8)))
OF_EVERYBODY = list(itertools.product((0.5, 0.2, 0.1), (0.2, 0.6)))


@dataclass(frozen=True, eq=False)
class Labelled:
    """A labelled home, ready for training."""

    collection: Collection
    projection: Projection
    labels: gate.GateLabels
    data: TrainingData

    def verdict(self, genre: float, shrinkage: float, weight: float) -> tuple[gate.Verdict, float]:
        """Return the gate's verdict of a head, and artist P@5 in its own library."""
        relations = (
            replace(r, weight=genre) if r.name == "genre" else r for r in self.data.relations
        )
        data = replace(self.data, relations=tuple(r for r in relations if r.weight))
        learner, everyone = HeadTrainer(data, LOSSES[0]), np.arange(len(data.vectors))
        gate.SHRINKAGE, gate.WEIGHT = shrinkage, weight
        verdict = gate.cross_fit(data.vectors, self.labels, learner, splits=3, seed=0, max_epochs=0)
        head, _ = gate.fit(data.vectors, self.labels, learner, everyone, 0, 0)
        own = gate.precisions(data.vectors, self.labels, head, everyone, everyone, [weight])
        query, _ = self.labels.counted(everyone)[0]
        return verdict, float(own[query, 0, 0].mean())


def labelled(home: str, labels: str, scored: str, least: str) -> Labelled:
    """Read a labelled home."""
    of = collection(home, labels, scored, least)
    columns = [c for c in ("artist", "album", "genre") if c in of.labels.columns]
    with open_home(load_settings(Path(home))) as opened:
        table, data = training_data(
            opened, of.labels[columns], DEFAULT_WEIGHTS, lambda done, total: None
        )
        return Labelled(of, opened.projection.default, gate.GateLabels(table), data)


def print_heads(sets: list[Labelled]) -> None:
    """Print the table of heads."""
    rows = {setting: [of.verdict(*setting) for of in sets] for setting in GRID}

    def goal(setting: tuple[float, float, float], but: int) -> float:
        verdicts = [v for i, (v, _) in enumerate(rows[setting]) if i != but]
        if not all(v.adopted for v in verdicts):
            return -np.inf
        changes = [c for v in verdicts for c in (v.default.artist, v.default.genre) if c]
        return sum(c.diff / max(c.baseline, 0.1) for c in changes)

    best = [max((goal(s, n), s) for s in GRID)[1] for n in range(len(sets))]
    names = [of.collection.name for of in sets]
    print(f"| genres, shrinkage, weight | {' | '.join(names)} |\n|---|{'---|' * len(names)}")
    for setting, verdicts in rows.items():
        print(
            f"| {', '.join(f'{n:g}' for n in setting)} | {' | '.join(cell(*v) for v in verdicts)} |"
        )
    chosen = [f"{best[i]}: {cell(*rows[best[i]][i])}" for i in range(len(sets))]
    print(f"| chosen elsewhere | {' | '.join(chosen)} |\n", flush=True)


def cell(verdict: gate.Verdict, own: float) -> str:
    """Format a verdict."""
    parts = []
    for name in ("artist", "genre"):
        change: gate.MeasuredChange | None = getattr(verdict.default, name)
        if change:
            low, high = change.ci
            parts.append(f"{name} {change.diff:+.3f} ({low:+.3f} to {high:+.3f})")
    adopted = "adopted" if verdict.adopted else "refused"
    return f"{', '.join(parts)}; {adopted}; own {own:.3f}"


def print_maps(sets: list[Labelled]) -> None:
    """Print the table of maps that need no labels of the library."""
    names = [of.collection.name for of in sets]
    print(f"| map, shrinkage, weight | {' | '.join(names)} |\n|---|{'---|' * len(names)}")
    base = [measure(of.data.vectors, of.collection) for of in sets]
    for kind, (shrinkage, weight) in itertools.product(
        ("no labels", "others' artists"), OF_EVERYBODY
    ):
        cells = []
        for number, of in enumerate(sets):
            others = [o for i, o in enumerate(sets) if i != number]
            vectors = of.data.vectors.astype(np.float64)
            covariance = np.cov(vectors.T) if kind == "no labels" else within_artists(of, others)
            trainer = HeadTrainer(of.data, LOSSES[0])
            (head,) = trainer.whitened(covariance, vectors.mean(axis=0), [shrinkage])
            figures = measure(replace(head, weight=weight).join(of.data.vectors), of.collection)
            row = intervals(figures, base[number], of.collection)
            cells.append(", ".join(f"{n} {projection.cell(row, n, '+.3f', True)}" for n in row))
        print(f"| {kind}, {shrinkage:g}, {weight:g} | {' | '.join(cells)} |", flush=True)


def within_artists(of: Labelled, others: list[Labelled]) -> np.ndarray:
    """Return the covariance within the others' artists, in this home's embedding: (dim, dim)."""
    scatter, freedom = np.zeros((of.projection.dim, of.projection.dim)), 0
    for other in others:
        vectors: Float32Array = of.projection.embed(other.collection.tracks)
        labels: pd.DataFrame = other.collection.labels
        centred = (vectors - vectors.mean(axis=0)).astype(np.float64)
        one, n = within_scatter(centred, label_members(labels, "artist"))
        scatter, freedom = scatter + one, freedom + n
    return scatter / freedom


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    projection.add_sets(parser)
    sets = [labelled(*given) for given in parser.parse_args().set]
    print_heads(sets)
    print_maps(sets)


if __name__ == "__main__":
    main()
