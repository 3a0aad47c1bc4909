"""Cross-validation of the default projection's settings on a labelled home.

    python -m benchmarks.projection --home H --labels labels.csv [--repeats 20] [--json FILE]

A labelled home's artists are split in two at random, many times. On the clips of one half alone
the projection is fitted with every setting of a grid, and the setting with the greatest sum of
genre P@10 (the query's artist left out, mean over genres) and artist P@5 (mean over queries of
artists with two clips or more) is chosen. Then the clips of the other half are queries among all
clips, ranked by that setting; so each half serves for choosing and for testing. No clip's label is
used to choose the setting that it is scored by. Figures are means over the repeats, differences
to each reference are of the same queries, and intervals (95 %) resample artists.

References are what one would do without a projection: one model's layer below the tags, the tags'
log-odds, both layers standardised, and the first layer beside whitened pools.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from encoders import projection
from encoders.extract import Extractor, load_known_extractor
from encoders.features import TrackFeatures
from index.arrays import BoolArray, Float32Array, Float64Array, Int64Array
from index.hubs import METHODS, track_statistics
from recsys.catalog.track_features import read_features
from recsys.evaluation.labels import artist_groups, read_labels
from recsys.evaluation.metrics import bootstrap_means, interval, macro_mean
from recsys.evaluation.retrieval import Correction, evaluate_retrieval, hub_degrees
from recsys.home.files import WEIGHTS_NAME
from recsys.home.home import open_home
from recsys.home.settings import HUBS, load_settings

GENRE_K, ARTIST_K = 10, 5
Features = Sequence[Sequence[TrackFeatures]]


class Setting(NamedTuple):
    """The projection's constants, and the weight of its first view beside the others."""

    n_whitened: int = projection.N_WHITENED
    damping: float = projection.DAMPING
    first_view: float = 1.0


GRID = [
    Setting(n_whitened, damping, first_view)
    for n_whitened in (48, 64, 80, 100, 128)
    for damping in (0.003, 0.01, 0.03, 0.1)
    for first_view in (0.5, 0.7, 1.0)
]


@dataclass(frozen=True, eq=False)
class Figures:
    """Each clip's genre P@10 and artist P@5, NaN where it is no query, and its in-degree."""

    genre: Float64Array
    artist: Float64Array
    degrees: Int64Array

    def goal(self, labels: pd.DataFrame) -> float:
        """Return what settings are chosen by: the sum of both means."""
        by_genre = pd.Series(self.genre).groupby(labels["genre"].to_numpy()).mean()
        return float(by_genre.mean() + np.nanmean(self.artist))


def fit(extractor: Extractor, features: Features, setting: Setting) -> Float32Array:
    """Fit the projection on these clips with other constants, and embed them."""
    settings = projection.N_WHITENED, projection.DAMPING
    limits = projection.MIN_TO_WHITEN, projection.MAX_DIM
    projection.N_WHITENED, projection.DAMPING = setting.n_whitened, setting.damping
    projection.MIN_TO_WHITEN, projection.MAX_DIM = 2, 1000  # so that halves are whitened, too
    try:
        fitted = extractor.fit_projection(features, len(features))
        vectors = fitted.embed(features)
    finally:
        projection.N_WHITENED, projection.DAMPING = settings
        projection.MIN_TO_WHITEN, projection.MAX_DIM = limits
    vectors[:, : len(fitted.penultimate_mean)] *= setting.first_view
    return unit(vectors)


def unit(rows: NDArray[np.floating]) -> Float32Array:
    """Scale rows to length 1."""
    scaled: Float32Array = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return scaled


def measure(vectors: Float32Array, labels: pd.DataFrame, hubs: str) -> Figures:
    """Score every clip as a query among all of these."""
    correction = None
    if hubs != "none":
        correction = Correction(hubs, track_statistics(vectors, vectors, np.arange(len(vectors))))
    values = []
    for by, k, least, same in (("genre", GENRE_K, 1, "artist"), ("artist", ARTIST_K, 2, None)):
        retrieval = evaluate_retrieval(
            vectors, labels, by, [k], exclude_same=same, min_group=least, correction=correction
        )
        precision = np.full(len(labels), np.nan)
        precision[retrieval.rows] = retrieval.per_query[f"P@{k}"]
        values.append(precision)
    return Figures(values[0], values[1], hub_degrees(vectors, correction))


def references(features: Features) -> Iterator[tuple[str, Float32Array]]:
    """Yield the systems without our projection: name and unit vectors."""
    first, second = (
        np.stack([track[model].penultimate.astype(np.float32).mean(axis=0) for track in features])
        for model in (0, 1)
    )
    logits = np.stack([np.concatenate([model.mean_logits() for model in t]) for t in features])
    pools = standardised(
        np.stack([np.concatenate([m.pooled.astype(np.float32) for m in t]) for t in features])
    )
    left, values, _ = np.linalg.svd(pools, full_matrices=False)
    eigenvalues = values[:128] ** 2
    damped = np.sqrt(eigenvalues + projection.DAMPING * eigenvalues[0])
    whitened = unit(left[:, :128] * values[:128] / damped)
    yield "one model's penultimate mean", unit(first)
    yield "both models' log-odds", unit(logits)
    yield "both penultimates standardised", unit(standardised(np.hstack([first, second])))
    yield "whitened pools alone", whitened
    yield (
        "penultimate beside whitened pools",
        unit(np.hstack([unit(first - first.mean(axis=0)), whitened])),
    )


def standardised(rows: Float32Array) -> Float32Array:
    """Centre columns and scale them to a deviation of 1."""
    scaled: Float32Array = (rows - rows.mean(axis=0)) / (rows.std(axis=0) + 1e-6)
    return scaled


def halves(labels: pd.DataFrame, repeats: int) -> Iterator[BoolArray]:
    """Yield random halves of the artists of about as many clips: bool (n_clips,)."""
    artists = artist_groups(labels).astype(str)
    names, number = np.unique(artists, return_inverse=True)
    rng = np.random.default_rng(0)
    for _ in range(repeats):
        order = rng.permutation(len(names))
        clips = np.cumsum(np.bincount(number)[order])
        chosen = np.zeros(len(names), bool)
        chosen[order[clips <= len(labels) / 2]] = True
        yield chosen[number]


def cross_fitted(
    of_all_clips: dict[Setting, Figures],
    parts: Sequence[tuple[BoolArray, dict[Setting, Figures]]],
    labels: pd.DataFrame,
) -> tuple[Figures, list[float], Counter[Setting]]:
    """Score each clip by settings chosen without its half: mean figures, largest in-degrees."""
    n_clips, n = len(labels), len(parts) / 2
    genre, artist, largest = np.zeros(n_clips), np.zeros(n_clips), []
    chosen: Counter[Setting] = Counter()
    for half, figures in parts:
        best = max(GRID, key=lambda setting: figures[setting].goal(labels[half]))
        chosen[best] += 1
        tested = of_all_clips[best]
        genre += np.where(half, 0.0, tested.genre) / n
        artist += np.where(half, 0.0, tested.artist) / n
        largest.append(float(tested.degrees.max()))
    return Figures(genre, artist, np.empty(0, np.int64)), largest, chosen


def compare(ours: Figures, other: Figures | None, labels: pd.DataFrame) -> dict[str, Any]:
    """Return mean genre P@10 (macro) and artist P@5 (micro) or differences, with intervals."""
    artists, genres = artist_groups(labels), labels["genre"].to_numpy()
    row: dict[str, Any] = {}
    for name, groups in (("genre", genres), ("artist", np.full(len(labels), ""))):
        values = getattr(ours, name) - (getattr(other, name) if other else 0.0)
        queries = ~np.isnan(values)
        means = bootstrap_means(values[queries, None], artists[queries], groups[queries])
        mean = macro_mean(values[queries], groups[queries])
        row[name] = {"mean": mean, "ci": [float(bound[0]) for bound in interval(means)]}
    return row


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Measure all systems; see the docstring of this module."""
    with open_home(load_settings(args.home)) as home:
        names = home.projection.extractors
        labels = read_labels(args.labels, home.catalog)
        by_id = dict(read_features(home.catalog, names, labels.index.tolist()))
        extractor = load_known_extractor(names, home.settings.home / WEIGHTS_NAME)
    labels = labels.loc[list(by_id)]
    features = list(by_id.values())
    results: dict[str, Any] = {"clips": len(features), "systems": {}, "against": {}}
    compared = {}
    for name, vectors in references(features):
        compared[name] = measure(vectors, labels, "none")
    sides = [side for half in halves(labels, args.repeats) for side in (half, ~half)]
    embedded = {setting: fit(extractor, features, setting) for setting in GRID}
    embedded_halves = [
        {s: fit(extractor, [features[i] for i in np.flatnonzero(half)], s) for s in GRID}
        for half in sides
    ]
    for hubs in args.hubs:
        of_all_clips = {s: measure(vectors, labels, hubs) for s, vectors in embedded.items()}
        parts = [
            (half, {s: measure(vectors, labels[half], hubs) for s, vectors in by_setting.items()})
            for half, by_setting in zip(sides, embedded_halves, strict=True)
        ]
        figures, largest, chosen = cross_fitted(of_all_clips, parts, labels)
        shipped = of_all_clips[Setting()]
        for name, ours, degree in (
            (f"chosen on the other half, {hubs}", figures, float(np.mean(largest))),
            (f"as shipped, {hubs}", shipped, float(shipped.degrees.max())),
        ):
            results["systems"][name] = {**compare(ours, None, labels), "max_in_degree": degree}
            results["against"][name] = {
                other: compare(ours, theirs, labels) for other, theirs in compared.items()
            }
        results["against"][f"chosen on the other half, {hubs}"]["as shipped"] = compare(
            figures, shipped, labels
        )
        results["systems"][f"chosen on the other half, {hubs}"]["chosen"] = [
            [*setting, times] for setting, times in chosen.most_common(5)
        ]
    for name, theirs in compared.items():
        degree = float(theirs.degrees.max())
        results["systems"][name] = {**compare(theirs, None, labels), "max_in_degree": degree}
    return results


def print_tables(results: dict[str, Any]) -> None:
    """Print Markdown tables."""
    head = "| genre P@10 | 95 % | artist P@5 | 95 % |"
    print(f"| system {head} largest in-degree |\n|---|---:|---|---:|---|---:|")
    for name, row in results["systems"].items():
        print(f"| {name} | {cells(row, '.3f')} | {row['max_in_degree']:.1f} |")
    print(f"\n| minus {head}\n|---|---:|---|---:|---|")
    for name, others in results["against"].items():
        for other, row in others.items():
            print(f"| {name}, minus {other} | {cells(row, '+.3f')} |")
    for name, row in results["systems"].items():
        for *setting, times in row.get("chosen", []):
            print(f"\n{name}: {times} times {Setting(*setting)}", end="")
    print()


def cells(row: dict[str, Any], form: str) -> str:
    """Format the means of a row and their intervals."""
    return " | ".join(
        f"{row[name]['mean']:{form}} | {row[name]['ci'][0]:{form}} to {row[name]['ci'][1]:{form}}"
        for name in ("genre", "artist")
    )


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--home", type=Path, help="a home with the labelled clips")
    parser.add_argument("--labels", type=Path, required=True, help="CSV of path, genre, …")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--hubs", nargs="+", choices=METHODS, default=["none", HUBS])
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    args = parser.parse_args()
    results = run(args)
    print_tables(results)
    if args.json:
        args.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
