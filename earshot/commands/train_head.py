"""Teach the home's embedding from the library's own labels, if that measurably helps.

    python scripts/train_head.py
    python scripts/train_head.py --labels labels.csv --loss multi-similarity --json
    python scripts/train_head.py --remove

A head is trained on what is labelled alike and compared with the default projection on artists it
never saw. It is adopted only if artist P@5 rises beyond its paired interval and genre P@10 does not
fall beyond its own; the library is then indexed anew from what is stored, without decoding.

Exit status: 0 done, adopted or not; 1 nothing to learn from, 2 usage, 130 stopped.
"""

from __future__ import annotations

import argparse
import json
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from rich.console import Console
from rich.progress import Progress

from earshot.commands.evaluation.shared import (
    NOTHING,
    STOPPED,
    USAGE,
    bounds,
    labels_of,
    opened,
    parents,
    say,
)
from encoders.head_training import (
    DEFAULT_WEIGHTS,
    LISTENERS,
    LOSSES,
    SEGMENTS,
    Learner,
    Relation,
    TrainingData,
    segment_relation,
)
from encoders.projection import Head, Projection, ProjectionError
from index.vector_index import DamagedIndex, StaleIndex
from recsys.catalog import CatalogError
from recsys.evaluation.labels import LabelsError, catalogue_labels
from recsys.home.files import HEAD_NAME, LAYOUT_NAME
from recsys.home.home import Home, NotIndexed, open_home
from recsys.home.settings import SettingsError
from recsys.library.build import reproject
from recsys.threads import n_cores
from recsys.track_map.layout import refresh_layout
from recsys.training.head_data import embed_library
from recsys.training.head_validation import (
    ARTIST_K,
    GENRE_K,
    MIN_ARTISTS,
    GateLabels,
    TooFewArtists,
    Verdict,
    cross_fit,
    fit,
)
from recsys.training.listening_model import refit
from recsys.training.positives import artist_numbers, label_members, listener_members


def parse_args(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        parents=[parents().every],
        description="Teach the home's embedding from the library's labels, if that helps.",
        epilog="Exit status: 0 done, adopted or not; 1 nothing to learn from, 2 usage.",
    )
    parser.add_argument("--labels", type=Path, help="CSV with a column path (default: the tags)")
    parser.add_argument("--loss", choices=LOSSES, default=LOSSES[0], help="(default: %(default)s)")
    parser.add_argument(
        "--alike",
        type=weights,
        default=dict(DEFAULT_WEIGHTS),
        metavar="WHAT=WEIGHT,…",
        help="what counts as alike, and how much: label columns, segments (of one track), "
        "listeners (default: " + ",".join(f"{k}={v:g}" for k, v in DEFAULT_WEIGHTS.items()) + ")",
    )
    parser.add_argument("--splits", type=int, default=5, help="folds of artists (default: 5)")
    parser.add_argument("--seed", type=int, default=0, help="of folds and training (default: 0)")
    parser.add_argument(
        "--epochs", type=int, default=20, help="most epochs of training, 0 for none (default: 20)"
    )
    parser.add_argument("--remove", action="store_true", help="go back to the default projection")
    args = parser.parse_args(arguments)
    if not 2 <= args.splits <= MIN_ARTISTS or min(args.seed, args.epochs) < 0:
        parser.error(f"--splits takes 2 to {MIN_ARTISTS}, --seed and --epochs at least 0")
    return args


def weights(text: str) -> dict[str, float]:
    """Read what counts as alike, and how much."""
    chosen = {}
    for part in text.split(","):
        name, _, number = part.partition("=")
        try:
            chosen[name.strip()] = float(number) if number else 1.0
        except ValueError:
            chosen[name.strip()] = -1.0
    if not all(name and 0 < weight < np.inf for name, weight in chosen.items()):
        raise argparse.ArgumentTypeError(f"wanted names with weights above 0, got {text}")
    return chosen


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    args = parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with opened(args) as home:
            return remove(args, home) if args.remove else run(args, home)
    except (LabelsError, SettingsError) as error:
        say(str(error))
        return USAGE
    except (
        *(CatalogError, DamagedIndex, NotIndexed),
        *(ProjectionError, StaleIndex, TooFewArtists),
    ) as error:
        say(str(error))
    except OSError as error:
        say(f"{error.filename or 'The home'} cannot be written: {error.strerror}.")
    except KeyboardInterrupt:
        say("Stopped. The home is as it was, unless something else is said above.")
        return STOPPED
    return NOTHING


def run(args: argparse.Namespace, home: Home) -> int:
    """Train, compare, adopt or not, and say so."""
    begin = time.monotonic()
    projection = home.projection.default
    with Progress(console=Console(stderr=True), transient=True) as bar:
        labels, data = prepare(args, home, projection, bar)
        judged = GateLabels(labels)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        learner = Learner(data, args.loss, device)
        show = shown_by(bar, "Training on folds of artists")
        verdict = cross_fit(
            *(data.vectors, judged, learner),
            splits=args.splits,
            seed=args.seed,
            max_epochs=args.epochs,
            progress=show,
        )
        show(args.splits, args.splits + 1)
        rows = np.arange(len(labels))
        head, choice = fit(data.vectors, judged, learner, rows, args.seed, args.epochs)
        figures = {
            "adopted": verdict.adopted,
            "loss": args.loss,
            "splits": verdict.splits,
            "artist_p5": verdict.artist._asdict(),
            "genre_p10": verdict.genre and verdict.genre._asdict(),
        }
        card = {
            **figures,
            "seed": args.seed,
            **choice._asdict(),
            "folds": [fold._asdict() for fold in verdict.choices],
            "data": {
                "tracks": len(labels),
                "artists": len(np.unique(judged.artists)),
                "segments": len(data.segments[0]),
                "labels": str(args.labels) if args.labels else "tags",
                "alike": {relation.name: relation.weight for relation in data.relations},
                "extractors": projection.extractors,
            },
        }
        if verdict.adopted:
            serve(home, replace(projection, head=head), bar)
        head.save(home.settings.home / HEAD_NAME, card)
    figures["seconds"] = round(time.monotonic() - begin, 2)
    if args.json:
        print(json.dumps(figures))
    else:
        print_verdict(verdict, home, head)
    if verdict.adopted:
        follow(home)
    return 0


def prepare(
    args: argparse.Namespace, home: Home, projection: Projection, bar: Progress
) -> tuple[pd.DataFrame, TrainingData]:
    """Return the labels of the indexed tracks, and what is learned from, a row for each."""
    labels = labels_of(args, home)
    if "genre" not in labels.columns:
        labels = labels.join(catalogue_labels(home.catalog)["genre"])
    GateLabels(labels)  # raises before anything long is begun
    ids, vectors, segments, owners = embed_library(
        home.catalog, projection, labels.index.tolist(), shown_by(bar, "Reading features")
    )
    labels = labels.loc[ids]
    relations = []
    for name, weight in args.alike.items():
        if name == SEGMENTS:
            relations.append(segment_relation(len(ids), weight))
            continue
        if name == LISTENERS:
            members = listener_members(home.catalog.interactions(), np.array(ids, np.int64))
        elif name in labels.columns or name not in DEFAULT_WEIGHTS:
            members = label_members(labels, name)
        else:
            continue  # a CSV need not have every column that is a default
        if members.nnz:
            relations.append(Relation(name, members, weight))
    data = TrainingData(
        projection.id, vectors, (segments, owners), tuple(relations), artist_numbers(labels)
    )
    return labels, data


def serve(home: Home, projection: Projection, bar: Progress) -> None:
    """Index the home by a projection."""
    show = shown_by(bar, "Indexing")
    recipe = home.index.manifest.recipe if home.index.manifest else "Flat"
    reproject(home.catalog, projection, recipe, lambda p: show(p.done, p.total))


def follow(home: Home) -> None:
    """Redraw the map that there is, and learn from listens anew: the home is indexed otherwise."""
    path = home.settings.home / LAYOUT_NAME
    with open_home(home.settings) as renewed:
        if path.exists():
            with Progress(console=Console(stderr=True), transient=True) as bar:
                show = shown_by(bar, "Drawing the map")
                refresh_layout(renewed.index, path, workers=n_cores(), progress=show)
        refit(renewed)


def remove(args: argparse.Namespace, home: Home) -> int:
    """Serve the default projection again."""
    projection = home.projection
    if projection.head:
        with Progress(console=Console(stderr=True), transient=True) as bar:
            serve(home, projection.default, bar)
    if args.json:
        print(json.dumps({"removed": projection.head is not None}))
    elif projection.head:
        print("The head is removed: the default projection serves again.")
    else:
        print("The home has no head: the default projection serves.")
    if projection.head:
        follow(home)
    return 0


def shown_by(bar: Progress, name: str) -> Callable[[int, int], None]:
    """Return what shows how far a task has come."""
    task = bar.add_task(name, total=None)
    return lambda done, total: bar.update(task, completed=done, total=total)


def print_verdict(verdict: Verdict, home: Home, head: Head) -> None:
    """Print the outcome for people."""
    for name, change in (
        (f"artist P@{ARTIST_K}", verdict.artist),
        (f"genre P@{GENRE_K}", verdict.genre),
    ):
        if change:
            print(
                f"{name}: default {change.baseline:.3f}, with the head {change.head:.3f} "
                f"({change.diff:+.3f}, 95 % {bounds(change.ci, '+.3f')})"
            )
        else:
            print(f"{name}: not measured, as too few tracks have a genre.")
    print(f"Each on artists the head never saw, {verdict.splits} folds.")
    if verdict.adopted:
        print(f"Adopted: the index is made anew, the head counting {head.weight:.0%}.")
        return
    kept = home.settings.home / HEAD_NAME
    before = "The head adopted before stays. " if home.projection.head else ""
    print(f"Not adopted, as {reason(verdict)}. {before}The home is unchanged.")
    print(f"The head and its card are kept beside it: {kept.with_suffix('.json')}")


def reason(verdict: Verdict) -> str:
    """Say what kept a head from being adopted."""
    if verdict.artist.ci[0] <= 0:
        return "artist P@5 does not rise beyond its interval"
    return "genre P@10 falls beyond its interval"
