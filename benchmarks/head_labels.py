"""Whether a head gains by its labels: true artists, shuffled ones and none, in three rankings.

    python -m benchmarks.head_labels --home HOME [--labels labels.csv]

A third of the tracks are left out, a head in closed form is learned from the others, and those left
out are the queries. Left out are

- whole artists, ranked among all tracks (the gate of `earshot train-head` until 0.2);
- whole artists, ranked among those left out (the gate after that);
- a third of each artist's tracks, ranked among all tracks (the gate).

Artists and albums are shuffled over the tracks, genres are kept. "No labels" is whitening by the
covariance of all tracks. The last column is how often the gate adopts.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from earshot.head_learning import training_data
from encoders.head import Head
from encoders.head_training import DEFAULT_WEIGHTS, LOSSES, HeadTrainer, TrainingData
from index.arrays import Float64Array, Int64Array
from recsys.evaluation.labels import read_labels
from recsys.evaluation.metrics import macro_mean
from recsys.home.home import open_home
from recsys.home.settings import load_settings
from recsys.training import head_validation as gate
from recsys.training.tag_labels import trusted_labels

RANKINGS = ("artists, among all", "artists, among themselves", "tracks, among all")
SPLITS = 3
ARTISTS = ["artist", "album"]  # what is shuffled together
Case = tuple[gate.GateLabels, gate.HeadLearner]  # judged by, learned by


@dataclass(frozen=True)
class Shuffled:
    """Learns heads after shuffling artists and albums over the tracks that it is given."""

    data: TrainingData
    seed: int

    def closed_form(self, rows: Int64Array, shrinkages: Sequence[float]) -> list[Head]:
        """Return the head at each shrinkage."""
        order = np.arange(len(self.data.vectors))
        order[rows] = np.random.default_rng(self.seed).permutation(rows)
        return HeadTrainer(shuffled(self.data, order), LOSSES[0]).closed_form(rows, shrinkages)

    def whitening(self, rows: Int64Array, shrinkage: float) -> Head:
        """Return the head without labels."""
        return HeadTrainer(self.data, LOSSES[0]).whitening(rows, shrinkage)

    def refine(self, start: Head, rows: Int64Array, seed: int) -> Iterator[Head]:
        """Not trained further."""
        return iter(())


@dataclass(frozen=True)
class Unlabelled(Shuffled):
    """Whitens by all tracks."""

    def closed_form(self, rows: Int64Array, shrinkages: Sequence[float]) -> list[Head]:
        """Return the head at each shrinkage."""
        return [self.whitening(rows, shrinkage) for shrinkage in shrinkages]


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--labels", type=Path, help="a CSV with a column path (default: the tags)")
    parser.add_argument("--shuffles", type=int, default=3)
    args = parser.parse_args()
    with open_home(load_settings(args.home)) as home:
        catalog = home.catalog
        table = read_labels(args.labels, catalog) if args.labels else trusted_labels(catalog)
        table, data = training_data(home, table, DEFAULT_WEIGHTS, lambda done, total: None)
    labels = gate.GateLabels(table)
    random: list[Case] = []
    for seed in range(args.shuffles):
        order = np.random.default_rng(seed).permutation(len(table))
        moved = {c: table[c].to_numpy()[order] for c in ARTISTS if c in table.columns}
        learner = HeadTrainer(shuffled(data, order), LOSSES[0])
        random.append((gate.GateLabels(table.assign(**moved)), learner))
    cases: dict[str, Sequence[Case]] = {
        "true | true": [(labels, HeadTrainer(data, LOSSES[0]))],
        "shuffled | true": [(labels, Shuffled(data, seed)) for seed in range(args.shuffles)],
        "no labels | true": [(labels, Unlabelled(data, 0))],
        "shuffled | shuffled": random,
    }
    print("| learned from | judged by | left out | artist P@5 | genre P@10 | adopted |")
    print("|---|---|---|---|---|---|")
    for name, of_case in cases.items():
        verdicts = [
            gate.cross_fit(data.vectors, *c, splits=SPLITS, seed=0, max_epochs=0) for c in of_case
        ]
        adopted = f"{sum(v.adopted for v in verdicts)} of {len(verdicts)}"
        for number, ranking in enumerate(RANKINGS):
            values = np.stack([measure(data.vectors, *c, number) for c in of_case])
            print_row(f"{name} | {ranking}", values, adopted if number == 2 else "")


def shuffled(data: TrainingData, order: Int64Array) -> TrainingData:
    """Give each track the artist and album of another: that of the row in `order` (n_tracks,)."""
    relations = tuple(
        replace(r, members=r.members[order]) if r.name in ARTISTS else r for r in data.relations
    )
    return replace(data, relations=relations)


def measure(
    vectors: np.ndarray, labels: gate.GateLabels, learner: gate.HeadLearner, ranking: int
) -> Float64Array:
    """Return artist P@5 and genre P@10 before and after the head: (before/after, 2)."""
    everyone, values = np.arange(len(vectors)), np.zeros((len(vectors), 2, 2))
    for repeat in range(gate.REPEATS):
        deal = gate.folds if ranking == 2 else artist_folds
        fold = deal(labels.artists, SPLITS, repeat)
        for number in range(SPLITS):
            (head,) = learner.closed_form(np.flatnonzero(fold != number), [gate.SHRINKAGE])
            queries = np.flatnonzero(fold == number)
            among = queries if ranking == 1 else everyone
            values[queries] += (
                gate.precisions(vectors, labels, head, queries, among, [0.0, gate.WEIGHT])
                / gate.REPEATS
            )
    means = np.zeros((2, 2))
    for column, (query, label) in enumerate(labels.counted(everyone)):
        for place in range(2):
            means[place, column] = macro_mean(values[query, place, column], label)
    return means


def artist_folds(artists: Int64Array, n: int, seed: int) -> Int64Array:
    """Distribute whole artists over `n` folds of about as many tracks: (n_tracks,)."""
    sizes = np.bincount(artists)
    order = np.lexsort((np.random.default_rng(seed).random(len(sizes)), -sizes))
    fold, filled = np.zeros(len(sizes), np.int64), np.zeros(n)
    for artist in order:  # the largest first, into the emptiest
        fold[artist] = np.argmin(filled)
        filled[fold[artist]] += sizes[artist]
    of_track: Int64Array = fold[artists]
    return of_track


def print_row(name: str, values: Float64Array, end: str) -> None:
    """Print figures (n, before/after, 2): the means, and the range of the differences."""
    cells = []
    for before, after in values.transpose(2, 1, 0):
        low, high = (after - before).min(), (after - before).max()
        span = f"{low:+.3f}" if len(before) == 1 else f"{low:+.3f} to {high:+.3f}"
        cells.append(f"{before.mean():.3f} to {after.mean():.3f} ({span})")
    print(f"| {name} | {' | '.join(cells)} | {end} |", flush=True)


if __name__ == "__main__":
    main()
