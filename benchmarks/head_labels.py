"""Whether a head gains by its labels: true artists beside shuffled ones, in three rankings.

    python -m benchmarks.head_labels --home HOME [--labels labels.csv]

Artists are split into folds as by the gate of `earshot train-head`. A head in closed form, at one
shrinkage and weight, is learned from two thirds of them, and the other third's tracks are the
queries. They are ranked among all tracks; among the held-out tracks alone, as by the gate; and
among all tracks, interleaved: the head orders the held-out tracks, and apart from them those that
it was trained on, while the default embedding chooses which places of the list either have.

Artists and albums are shuffled over the tracks, genres are kept. "No labels" is whitening by the
covariance of all tracks. The last columns are the gate's own figures, and how often it adopts.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy import sparse

from earshot.head_learning import training_data
from encoders.head import Head
from encoders.head_training import DEFAULT_WEIGHTS, LOSSES, HeadTrainer, Relation, TrainingData
from index.arrays import BoolArray, Float32Array, Float64Array, Int64Array
from recsys.evaluation.labels import read_labels
from recsys.evaluation.metrics import macro_mean, precision_at_k
from recsys.home.home import open_home
from recsys.home.settings import load_settings
from recsys.training import head_validation as gate
from recsys.training.tag_labels import trusted_labels

RANKINGS = ("all tracks", "held-out", "interleaved")
SPLITS = 3
ARTISTS = ["artist", "album"]  # what is shuffled together
Case = tuple[gate.GateLabels, gate.HeadLearner]  # judged by, learned by


@dataclass(frozen=True)
class ShuffledLearner:
    """Learns heads after shuffling artists and albums over the tracks that it is given."""

    data: TrainingData
    seed: int

    def closed_form(self, rows: Int64Array, shrinkages: Sequence[float]) -> list[Head]:
        """Return the head at each shrinkage."""
        order = np.arange(len(self.data.vectors))
        order[rows] = np.random.default_rng(self.seed).permutation(rows)
        return HeadTrainer(shuffled(self.data, order), LOSSES[0]).closed_form(rows, shrinkages)

    def refine(self, start: Head, rows: Int64Array, seed: int) -> Iterator[Head]:
        """Not trained further."""
        return iter(())


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--labels", type=Path, help="a CSV with a column path (default: the tags)")
    parser.add_argument("--shuffles", type=int, default=10)
    parser.add_argument("--shrinkage", type=float, default=0.1)
    parser.add_argument("--weight", type=float, default=0.6, help="the head's share of a cosine")
    args = parser.parse_args()
    with open_home(load_settings(args.home)) as home:
        catalog = home.catalog
        table = read_labels(args.labels, catalog) if args.labels else trusted_labels(catalog)
        table, data = training_data(home, table, DEFAULT_WEIGHTS, lambda done, total: None)
    labels, learner = gate.GateLabels(table), HeadTrainer(data, LOSSES[0])
    one = Relation("any", sparse.csr_matrix(np.ones((len(table), 1), np.float32)), 1.0)
    random: list[Case] = []
    for seed in range(args.shuffles):
        order = np.random.default_rng(seed).permutation(len(table))
        moved = {c: table[c].to_numpy()[order] for c in ARTISTS if c in table.columns}
        learner_of_random = HeadTrainer(shuffled(data, order), LOSSES[0])
        random.append((gate.GateLabels(table.assign(**moved)), learner_of_random))
    shuffles = [(labels, ShuffledLearner(data, seed)) for seed in range(args.shuffles)]
    cases: dict[str, Sequence[Case]] = {
        "true | true": [(labels, learner)],
        "shuffled | true": shuffles,
        "no labels | true": [(labels, HeadTrainer(replace(data, relations=(one,)), LOSSES[0]))],
        "shuffled | shuffled": random,
    }
    print("| learned from | judged by | ranked among | artist P@5 | genre P@10 | adopted |")
    print("|---|---|---|---|---|---|")
    for name, of_case in cases.items():
        measured = [measure(data.vectors, *c, args.shrinkage, args.weight) for c in of_case]
        for ranking, values in zip(RANKINGS, np.stack(measured, axis=1), strict=True):
            print_row(f"{name} | {ranking}", values, "")
        verdicts = [
            gate.cross_fit(data.vectors, *c, splits=SPLITS, seed=0, max_epochs=0) for c in of_case
        ]
        changes = [[v.artist[:2], (v.genre or v.artist)[:2]] for v in verdicts]
        adopted = f"{sum(v.adopted for v in verdicts)} of {len(verdicts)}"
        print_row(f"{name} | the gate", np.swapaxes(changes, 1, 2), adopted)


def shuffled(data: TrainingData, order: Int64Array) -> TrainingData:
    """Give each track the artist and album of another: that of the row in `order` (n_tracks,)."""
    relations = tuple(
        replace(r, members=r.members[order]) if r.name in ARTISTS else r for r in data.relations
    )
    return replace(data, relations=relations)


def measure(
    vectors: Float32Array,
    labels: gate.GateLabels,
    learner: gate.HeadLearner,
    shrinkage: float,
    weight: float,
) -> Float64Array:
    """Return artist P@5 and genre P@10 before and after the head: (ranking, before/after, 2)."""
    total, everyone = np.zeros((len(RANKINGS), 2, 2)), np.arange(len(vectors))
    for repeat in range(gate.REPEATS):
        fold = gate.folds(labels.artists, SPLITS, repeat)
        values = np.zeros((len(vectors), *total.shape))
        for number in range(SPLITS):
            (head,) = learner.closed_form(np.flatnonzero(fold != number), [shrinkage])
            of_fold = precisions(vectors, labels, replace(head, weight=weight), fold == number)
            values[fold == number] = of_fold
        for column, (query, label) in enumerate(labels.counted(everyone)):
            for place in np.ndindex(len(RANKINGS), 2):
                total[(*place, column)] += macro_mean(values[query, *place, column], label)
    return total / gate.REPEATS


def precisions(
    vectors: Float32Array, labels: gate.GateLabels, head: Head, held_out: BoolArray
) -> Float64Array:
    """Return P@5 by artist and P@10 by genre: (n_held_out, ranking, before/after, 2)."""
    queries = np.flatnonzero(held_out)
    scores = np.stack([v[queries] @ v.T for v in (vectors, head.join(vectors))])
    scores[:, np.arange(len(queries)), queries] = -np.inf
    artist = (labels.artist[queries] @ labels.artist.T).toarray() > 0
    values = np.zeros((len(queries), len(RANKINGS), 2, 2))
    kinds = [(artist, scores, gate.ARTIST_K)]
    if labels.genre is not None:
        genre = (labels.genre[queries] @ labels.genre.T).toarray() > 0
        kinds.append((genre, np.where(artist, -np.inf, scores), gate.GENRE_K))
    for column, (relevant, (plain, learned), k) in enumerate(kinds):
        alone = [np.where(held_out, s, -np.inf) for s in (plain, learned)]
        pairs = [(plain, learned), alone, (plain, interleaved(plain, learned, held_out))]
        for place in np.ndindex(len(RANKINGS), 2):
            ranked = pairs[place[0]][place[1]]
            best = np.argsort(-ranked, axis=1)[:, :k]
            hits = np.take_along_axis(relevant & np.isfinite(ranked), best, axis=1)
            values[:, *place, column] = precision_at_k(hits)
    return values


def interleaved(plain: Float32Array, learned: Float32Array, held_out: BoolArray) -> Float32Array:
    """Deal the plain scores (n_queries, n_tracks) of either group out in the learned order."""
    scores = np.empty_like(plain)
    for group in (np.flatnonzero(held_out), np.flatnonzero(~held_out)):
        order = np.argsort(learned[:, group], axis=1)
        ordered = np.empty_like(plain[:, group])
        np.put_along_axis(ordered, order, np.sort(plain[:, group], axis=1), axis=1)
        scores[:, group] = ordered
    return scores


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
