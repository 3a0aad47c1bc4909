"""How a learned head changes the artists of lists by sound alone: the ten nearest of every track.

    python -m benchmarks.head_lists --home HOME [--labels labels.csv]

The head is the one that a build would learn from all labels. Both are corrected for hubs, as lists
are. With the cap, at most three tracks of an artist are in a list, as on a track's page.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import numpy as np

from earshot.head_learning import training_data
from encoders.head_training import DEFAULT_WEIGHTS, LOSSES, HeadTrainer
from index.arrays import Float32Array, Int64Array
from index.hubs import track_statistics
from recsys.evaluation.labels import read_labels
from recsys.evaluation.retrieval import Correction
from recsys.home.home import open_home
from recsys.home.settings import HUBS, load_settings
from recsys.training import head_validation as gate
from recsys.training.tag_labels import trusted_labels

K, CAP = 10, 3


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--labels", type=Path, help="a CSV with a column path (default: the tags)")
    args = parser.parse_args()
    with open_home(load_settings(args.home)) as home:
        catalog = home.catalog
        table = read_labels(args.labels, catalog) if args.labels else trusted_labels(catalog)
        table, data = training_data(home, table, DEFAULT_WEIGHTS, lambda done, total: None)
    labels, everyone = gate.GateLabels(table), np.arange(len(table))
    head, _ = gate.fit(data.vectors, labels, HeadTrainer(data, LOSSES[0]), everyone, 0, 0)
    print("| lists | of the track's artist | most of one artist | different artists |")
    print("|---|---:|---:|---:|")
    for name, vectors in (("default", data.vectors), ("head", head.join(data.vectors))):
        for cap in (None, CAP):
            figures = repetition(vectors, labels.artists, cap)
            end = "" if cap is None else f", at most {cap} of an artist"
            print(f"| {name}{end} | {' | '.join(f'{f:.2f}' for f in figures)} |")


def repetition(vectors: Float32Array, artists: Int64Array, cap: int | None) -> list[float]:
    """Return means over lists: tracks by the query's artist, by the commonest, artists."""
    everyone = np.arange(len(vectors))
    correction = Correction(HUBS, track_statistics(vectors, vectors, everyone))
    scores = correction.scores(everyone, vectors @ vectors.T)
    counts = []
    for query, order in enumerate(np.argsort(-scores, axis=1)):
        taken = Counter[int]()
        for artist in artists[order[order != query]].tolist():
            if cap is None or taken[artist] < cap:
                taken[artist] += 1
            if taken.total() == K:
                break
        counts.append((taken[int(artists[query])], max(taken.values()), len(taken)))
    return np.mean(counts, axis=0).tolist()  # type: ignore[no-any-return]


if __name__ == "__main__":
    main()
