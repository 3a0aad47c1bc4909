"""The choice of the default projection's views and constants on several labelled homes.

    python -m benchmarks.projection --set HOME LABELS both 2 --set HOME LABELS artist 5
        [--repeats 4] [--json FILE]

Each set is a home and the labels of its clips (a CSV of path, artist, genre), what is scored
("both": genre P@10, the query's artist left out, mean over genres, and artist P@5; "artist": that
alone) and the fewest clips of an artist whose clips are queries by artist. On each set projections
are fitted with every setting of a grid, without labels, and their scores corrected for hubs.

- The references are what one would do without a projection, and the projection of earlier versions.
- Left out: the setting with the greatest goal on the other sets is scored on the one left out. The
  goal is the mean over sets of genre P@10 plus the mean over sets of artist P@5.
- Halves: the artists of each set are split in two at random; the setting is chosen on one half's
  clips alone, ranked among themselves, and scored on queries of the other half among all clips.

Intervals (95 %) and differences are of the same queries and resample artists.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from encoders.features import TrackFeatures
from encoders.projection_views import (
    mean_logits,
    pools,
    principal_components,
    root_deviations,
    root_means,
    signed_root,
)
from index.arrays import BoolArray, Float32Array, Float64Array
from index.hubs import track_statistics
from recsys.catalog.track_features import read_features
from recsys.evaluation.labels import artist_groups, read_labels
from recsys.evaluation.metrics import bootstrap_means, interval, macro_mean
from recsys.evaluation.retrieval import Correction, evaluate_retrieval, hub_degrees
from recsys.home.home import open_home
from recsys.home.settings import HUBS, load_settings

GENRE_K, ARTIST_K = 10, 5
FIRST = "first model's penultimate mean"
Tracks = Sequence[Sequence[TrackFeatures]]


class Setting(NamedTuple):
    """Two views, the whitened pools, and the weights of their cosines."""

    first: str = "root means"
    second: str = "root deviations"
    n_whitened: int = 128
    damping: float = 0.01
    weights: tuple[float, float, float] = (0.2, 0.4, 0.4)


EARLIER = Setting("means", "log-odds", 80, 0.03, (1 / 3, 1 / 3, 1 / 3))
WEIGHTS = (
    (0.2, 0.4, 0.4),
    (0.3, 0.3, 0.4),
    (1 / 3, 1 / 3, 1 / 3),
    (0.25, 0.25, 0.5),
    (0.4, 0.4, 0.2),
)
GRID = [
    Setting(first, second, *whitened, weights)
    for first, second, whitened, weights in itertools.product(
        ("means", "root means", "means of both", "root means of both"),
        ("log-odds", "deviations", "first's deviations", "root deviations"),
        ((80, 0.03), (128, 0.01), (180, 0.01)),
        WEIGHTS,
    )
]


@dataclass(frozen=True, eq=False)
class Collection:
    """A labelled home: its clips' features, and what is scored on it."""

    name: str
    tracks: Tracks
    labels: pd.DataFrame
    by_genre: bool
    min_clips: int

    def views(self) -> dict[str, Float32Array]:
        """Return every view that a setting may name, centred and of length 1, and the pools."""
        first = np.stack([t[0].penultimate.astype(np.float32).mean(axis=0) for t in self.tracks])
        both = np.stack([joined_means(track) for track in self.tracks])
        deviations = np.stack([root_deviations(track) for track in self.tracks])
        n_units = first.shape[1]
        plain = {
            "means": first,
            "root means": np.stack([root_means(track) for track in self.tracks]),
            "means of both": both,
            "root means of both": signed_root(both),
            "log-odds": np.stack([mean_logits(track) for track in self.tracks]),
            "deviations": deviations**2,
            "first's deviations": deviations[:, :n_units] ** 2,
            "root deviations": deviations,
        }
        pooled = np.stack([pools(track) for track in self.tracks])
        views = {name: unit(view - view.mean(axis=0)) for name, view in plain.items()}
        for n_whitened, damping in {(s.n_whitened, s.damping) for s in (*GRID, EARLIER)}:
            rows = standardised(pooled)
            whitening = principal_components(rows, n_whitened, damping)
            views[f"pools {n_whitened} {damping}"] = unit(rows @ whitening)
        return views

    def references(self) -> Iterator[tuple[str, Float32Array]]:
        """Yield systems without a projection: name and unit vectors."""
        means = np.stack([joined_means(track) for track in self.tracks])
        n_units = self.tracks[0][0].penultimate.shape[1]
        rows = standardised(np.stack([pools(track) for track in self.tracks]))
        whitened = unit(rows @ principal_components(rows, 128, 0.03))
        yield FIRST, unit(means[:, :n_units])
        yield "second model's penultimate mean", unit(means[:, n_units:])
        yield "both models' log-odds", unit(np.stack([mean_logits(t) for t in self.tracks]))
        yield "both penultimates standardised", unit(standardised(means))
        yield "whitened pools alone", whitened
        centred = unit(means[:, :n_units] - means[:, :n_units].mean(axis=0))
        yield "penultimate beside whitened pools", unit(np.hstack([centred, whitened]))


@dataclass(frozen=True, eq=False)
class Figures:
    """Each clip's genre P@10 and artist P@5, NaN where it is no query; the largest in-degree."""

    genre: Float64Array
    artist: Float64Array
    max_in_degree: int

    def means(self, labels: pd.DataFrame, rows: BoolArray | None = None) -> tuple[float, float]:
        """Return genre P@10, mean over genres, and artist P@5, of the queries in `rows`."""
        chosen = np.ones(len(self.genre), bool) if rows is None else rows
        genres = pd.Series(self.genre[chosen]).groupby(labels["genre"].to_numpy()[chosen]).mean()
        return float(genres.mean()), float(np.nanmean(self.artist[chosen]))


def joined_means(track: Sequence[TrackFeatures]) -> Float32Array:
    """Return the mean penultimate layers of all models: (n_units,)."""
    return np.concatenate([m.penultimate.astype(np.float32).mean(axis=0) for m in track])


def embed(views: Mapping[str, Float32Array], setting: Setting) -> Float32Array:
    """Put the views of a setting together."""
    names = setting.first, setting.second, f"pools {setting.n_whitened} {setting.damping}"
    parts = [np.sqrt(w) * views[n] for w, n in zip(setting.weights, names, strict=True)]
    return unit(np.hstack(parts))


def unit(rows: NDArray[np.floating]) -> Float32Array:
    """Scale rows to length 1."""
    norms = np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    scaled: Float32Array = (rows / norms).astype(np.float32)
    return scaled


def standardised(rows: Float32Array) -> Float32Array:
    """Centre columns and scale them to a deviation of 1."""
    scaled: Float32Array = (rows - rows.mean(axis=0)) / (rows.std(axis=0) + 1e-6)
    return scaled


def measure(
    vectors: Float32Array, of: Collection, hubs: str = HUBS, rows: BoolArray | None = None
) -> Figures:
    """Score the clips in `rows`, all by default, as queries among each other."""
    chosen = np.ones(len(vectors), bool) if rows is None else rows
    vectors, labels = vectors[chosen], of.labels[chosen]
    correction = None
    if hubs != "none":
        correction = Correction(hubs, track_statistics(vectors, vectors, np.arange(len(vectors))))
    values = []
    for by, k, least, same in (
        ("genre", GENRE_K, 1, "artist"),
        ("artist", ARTIST_K, of.min_clips if rows is None else 2, None),
    ):
        precision = np.full(len(labels), np.nan)
        if by == "artist" or of.by_genre:
            retrieval = evaluate_retrieval(
                vectors, labels, by, [k], exclude_same=same, min_group=least, correction=correction
            )
            precision[retrieval.rows] = retrieval.per_query[f"P@{k}"]
        values.append(precision)
    return Figures(values[0], values[1], int(hub_degrees(vectors, correction).max()))


def goal(means: Sequence[tuple[float, float]]) -> float:
    """Return what settings are chosen by: mean genre P@10 plus mean artist P@5 of sets."""
    genre, artist = np.array(means).T
    return float((np.nanmean(genre) if np.isfinite(genre).any() else 0.0) + artist.mean())


def halves(labels: pd.DataFrame, repeats: int) -> Iterator[BoolArray]:
    """Yield random halves of the artists of about as many clips: bool (n_clips,)."""
    names, number = np.unique(artist_groups(labels).astype(str), return_inverse=True)
    rng = np.random.default_rng(0)
    for _ in range(repeats):
        order = rng.permutation(len(names))
        clips = np.cumsum(np.bincount(number)[order])
        chosen = np.zeros(len(names), bool)
        chosen[order[clips <= len(labels) / 2]] = True
        yield chosen[number]
        yield ~chosen[number]


def intervals(ours: Figures, other: Figures | None, of: Collection) -> dict[str, Any]:
    """Return means or differences of both figures, with their 95 % intervals."""
    artists, genres = artist_groups(of.labels), of.labels["genre"].to_numpy()
    row: dict[str, Any] = {}
    for name, groups in (("genre", genres), ("artist", np.full(len(genres), ""))):
        values = getattr(ours, name) - (getattr(other, name) if other else 0.0)
        queries = ~np.isnan(values)
        if queries.any():
            means = bootstrap_means(values[queries, None], artists[queries], groups[queries])
            low, high = (float(bound[0]) for bound in interval(means))
            row[name] = {"mean": macro_mean(values[queries], groups[queries]), "ci": [low, high]}
    return row


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Measure all systems; see the docstring of this module."""
    collections = [collection(*given) for given in args.set]
    results: dict[str, Any] = {"systems": {}, "against": {}, "chosen": {}}

    def add(name: str, figures: Sequence[Figures]) -> None:
        results["systems"][name] = {
            c.name: {**intervals(f, None, c), "max_in_degree": f.max_in_degree}
            for c, f in zip(collections, figures, strict=True)
        }

    named: dict[str, list[Figures]] = {}
    for of in collections:
        for name, vectors in of.references():
            named.setdefault(name, []).append(measure(vectors, of, "none"))
    views = [of.views() for of in collections]
    grid = {
        setting: [measure(embed(v, setting), c) for v, c in zip(views, collections, strict=True)]
        for setting in (*GRID, EARLIER)
    }
    named["earlier versions"], named["default"] = grid[EARLIER], grid[Setting()]
    for name, setting in (("earlier versions", EARLIER), ("default", Setting())):
        named[f"{name}, cosines"] = [
            measure(embed(v, setting), c, "none") for v, c in zip(views, collections, strict=True)
        ]
    left_out = []
    for number, of in enumerate(collections):
        others = [i for i in range(len(collections)) if i != number]
        best = max(
            GRID,
            key=lambda s: goal([grid[s][i].means(collections[i].labels) for i in others]),
        )
        results["chosen"][f"without {of.name}"] = [[*best, 1]]
        left_out.append(grid[best][number])
    named["chosen on the other sets"] = left_out
    chosen_on_half = []
    for number, of in enumerate(collections):
        on_half, counts = on_halves(of, views[number], {s: grid[s][number] for s in GRID}, args)
        chosen_on_half.append(on_half)
        results["chosen"][f"on halves of {of.name}"] = [[*s, n] for s, n in counts.most_common(3)]
    named["chosen on the other half"] = chosen_on_half
    for name, figures in named.items():
        add(name, figures)
        if name not in (FIRST, "default"):
            continue
        for other, theirs in named.items():
            if name == "default" and other != name:
                results["against"][other] = {
                    c.name: intervals(f, t, c)
                    for c, f, t in zip(collections, figures, theirs, strict=True)
                }
    for setting, figures in grid.items():
        means = [f.means(c.labels) for f, c in zip(figures, collections, strict=True)]
        largest = max(f.max_in_degree for f in figures)
        results.setdefault("grid", []).append([*setting, means, largest])
    return results


def on_halves(
    of: Collection,
    views: Mapping[str, Float32Array],
    figures: Mapping[Setting, Figures],
    args: argparse.Namespace,
) -> tuple[Figures, Counter[Setting]]:
    """Score each clip by settings chosen on the other half of the artists: means over repeats."""
    n_clips, counts = len(of.labels), Counter[Setting]()
    genre, artist, largest = np.zeros(n_clips), np.zeros(n_clips), list[int]()
    for half in halves(of.labels, args.repeats):
        best = max(
            figures,
            key=lambda s: goal([measure(embed(views, s), of, HUBS, half).means(of.labels[half])]),
        )
        counts[best] += 1
        genre += np.where(half, 0.0, figures[best].genre) / args.repeats
        artist += np.where(half, 0.0, figures[best].artist) / args.repeats
        largest.append(figures[best].max_in_degree)
    return Figures(genre, artist, round(float(np.mean(largest)))), counts


def collection(home: str, labels: str, scored: str, least: str) -> Collection:
    """Read a labelled home."""
    with open_home(load_settings(Path(home))) as opened:
        names = opened.projection.extractors
        table = read_labels(Path(labels), opened.catalog)
        tracks = dict(read_features(opened.catalog, names, table.index.tolist()))
    table = table.loc[list(tracks)]
    return Collection(
        Path(labels).parent.name, list(tracks.values()), table, scored == "both", int(least)
    )


def print_tables(results: dict[str, Any]) -> None:
    """Print Markdown tables."""
    names = list(next(iter(results["systems"].values())))
    columns = [f"{n} {w}" for w in ("genre", "artist") for n in names]
    print(f"| system | {' | '.join(columns)} | largest in-degree |")
    print("|---|" + "---:|" * (len(columns) + 1))
    for name, sets in results["systems"].items():
        cells = [cell(sets[n], w, ".3f") for w in ("genre", "artist") for n in names]
        print(
            f"| {name} | {' | '.join(cells)} | {max(s['max_in_degree'] for s in sets.values())} |"
        )
    print(f"\n| default minus | {' | '.join(columns)} |\n|---|" + "---|" * len(columns))
    for name, sets in results["against"].items():
        cells = [cell(sets[n], w, "+.3f", True) for w in ("genre", "artist") for n in names]
        print(f"| {name} | {' | '.join(cells)} |")
    for name, chosen in results["chosen"].items():
        for *setting, times in chosen:
            print(f"\n{name}: {times} times {Setting(*setting)}", end="")
    print()


def cell(row: Mapping[str, Any], name: str, form: str, with_interval: bool = False) -> str:
    """Format a mean, and its interval."""
    if name not in row:
        return "–"
    mean, (low, high) = row[name]["mean"], row[name]["ci"]
    return f"{mean:{form}}" + (f" ({low:{form}} to {high:{form}})" if with_interval else "")


def add_sets(parser: argparse.ArgumentParser) -> None:
    """Add the argument of the labelled sets."""
    parser.add_argument(
        "--set",
        nargs=4,
        action="append",
        required=True,
        metavar=("HOME", "LABELS", "both|artist", "MIN_CLIPS"),
    )


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_sets(parser)
    parser.add_argument("--repeats", type=int, default=4)
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    args = parser.parse_args()
    results = run(args)
    print_tables(results)
    if args.json:
        args.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
