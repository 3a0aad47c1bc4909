"""Learn similarity from the library's own labels, and use it where that measurably helps.

    earshot train-head
    earshot train-head --labels labels.csv --loss multi-similarity --json
    earshot train-head --remove

A head is trained on tracks that share labels, and compared with the default projection, and with
whitening without labels, on tracks that it was not shown. It is adopted only if artist P@5 rises
over both beyond its paired interval and genre P@10 does not fall beyond its own; the library is
then indexed anew from its stored features, without decoding.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress

from earshot.arguments import add_json, new_parser, whole_number
from earshot.command import DONE, Command
from earshot.commands.evaluation.shared import add_labels, bounds, labels_of
from earshot.head_learning import (
    HeadTraining,
    index_by,
    mark_removed,
    take_over,
    train_head,
    training_data,
)
from encoders.head import Head
from encoders.head_training import (
    DEFAULT_WEIGHTS,
    LOSSES,
)
from recsys.evaluation.labels import LabelsError, catalogue_labels
from recsys.home.files import HEAD_NAME, LAYOUT_NAME
from recsys.home.home import Home, open_home
from recsys.home.settings import load_settings
from recsys.threads import n_cores
from recsys.track_map.layout import refresh_layout
from recsys.training.head_data import FROM_TAGS
from recsys.training.head_validation import (
    ARTIST_K,
    GENRE_K,
    MIN_ARTISTS,
    TooFewArtists,
    Verdict,
)
from recsys.training.listening_model import refit


@dataclass(frozen=True)
class HeadOptions:
    """The arguments of `earshot train-head`; `alike` has the weight of each relation."""

    home: Path | None
    json: bool
    labels: Path | None
    loss: str
    alike: Mapping[str, float]
    splits: int
    seed: int
    epochs: int
    remove: bool


def parse(arguments: Sequence[str]) -> HeadOptions:
    """Parse the arguments."""
    parser = new_parser(
        "train-head",
        "Learn similarity from the library's own labels, and use it where that helps.",
        statuses="Exit status: 0 done, adopted or not; 1 nothing to learn from; 2 usage; "
        "130 stopped.",
    )
    add_json(parser)
    add_labels(parser)
    parser.add_argument(
        "--loss", choices=LOSSES, default=LOSSES[0], help="to minimise (default: %(default)s)"
    )
    parser.add_argument(
        "--alike",
        type=weights,
        default=dict(DEFAULT_WEIGHTS),
        metavar="WHAT=WEIGHT,…",
        help="what makes tracks alike, and how much: label columns, segments (of one track), "
        "listeners (default: " + ",".join(f"{k}={v:g}" for k, v in DEFAULT_WEIGHTS.items()) + ")",
    )
    parser.add_argument(
        "--splits",
        type=whole_number(2, MIN_ARTISTS),
        metavar="N",
        default=3,
        help=f"folds of tracks, 2 to {MIN_ARTISTS} (default: %(default)s)",
    )
    parser.add_argument(
        "--seed",
        type=whole_number(0),
        default=0,
        metavar="N",
        help="of folds and training (default: %(default)s)",
    )
    parser.add_argument(
        "--epochs",
        type=whole_number(0),
        default=20,
        metavar="N",
        help="of training at most, 0 for none (default: %(default)s)",
    )
    parser.add_argument("--remove", action="store_true", help="return to the default projection")
    return HeadOptions(**vars(parser.parse_args(arguments)))


def weights(text: str) -> dict[str, float]:
    """Parse weights by name."""
    chosen = {}
    for part in text.split(","):
        name, _, number = part.partition("=")
        try:
            chosen[name.strip()] = float(number) if number else 1.0
        except ValueError:
            chosen[name.strip()] = -1.0
    if not all(name and 0 < weight < np.inf for name, weight in chosen.items()):
        raise argparse.ArgumentTypeError(f"takes names with weights above 0, not {text}")
    return chosen


def run(options: HeadOptions) -> int:
    """Train a head, or remove it."""
    with open_home(load_settings(options.home)) as home:
        if options.remove:
            remove(options, home)
        else:
            train(options, home)
    return DONE


def train(options: HeadOptions, home: Home) -> None:
    """Train and compare a head, adopt it or not, and print the figures."""
    begin = time.monotonic()
    training = HeadTraining(
        alike=options.alike,
        loss=options.loss,
        splits=options.splits,
        seed=options.seed,
        epochs=options.epochs,
        source=str(options.labels) if options.labels else FROM_TAGS,
    )
    with Progress(console=Console(stderr=True), transient=True) as bar:
        labels = labels_of(home, options.labels)
        if "genre" not in labels.columns:
            labels = labels.join(catalogue_labels(home.catalog)["genre"])
        labels, data = training_data(home, labels, options.alike, shown_by(bar, "Reading features"))
        trained = train_head(
            home, labels, data, training, shown_by(bar, "Training on folds of tracks")
        )
        take_over(home, trained, shown_by(bar, "Indexing"))
    verdict, head = trained.verdict, trained.head
    names = ("adopted", "artist_p5", "genre_p10", "over_whitening", "loss", "splits")
    figures = {name: trained.card[name] for name in names}
    figures["seconds"] = round(time.monotonic() - begin, 2)
    if options.json:
        print(json.dumps(figures))
    else:
        print_verdict(verdict, home, head)
    if verdict.adopted:
        refresh(home)


def refresh(home: Home) -> None:
    """Redraw the map, and fit the listening model anew, after the home was indexed anew."""
    path = home.settings.home / LAYOUT_NAME
    with open_home(home.settings) as renewed:
        if path.exists():
            with Progress(console=Console(stderr=True), transient=True) as bar:
                show = shown_by(bar, "Drawing the map")
                refresh_layout(renewed.index, path, workers=n_cores(), progress=show)
        refit(renewed)


def remove(options: HeadOptions, home: Home) -> None:
    """Return to the default projection."""
    projection = home.projection
    if projection.head:
        with Progress(console=Console(stderr=True), transient=True) as bar:
            index_by(home, None, shown_by(bar, "Indexing"))
    mark_removed(home.settings.home)
    if options.json:
        print(json.dumps({"removed": projection.head is not None}))
    elif projection.head:
        print("The head is removed: the home uses the default projection again.")
    else:
        print("The home has no head: it uses the default projection.")
    if projection.head:
        refresh(home)


def shown_by(bar: Progress, name: str) -> Callable[[int, int], None]:
    """Return a function that shows the progress of a task."""
    task = bar.add_task(name, total=None)
    return lambda done, total: bar.update(task, completed=done, total=total)


def print_verdict(verdict: Verdict, home: Home, head: Head) -> None:
    """Print the outcome for people."""
    default, whitening = verdict.default, verdict.whitening
    for name, change, beside in (
        (f"artist P@{ARTIST_K}", default.artist, whitening.artist),
        (f"genre P@{GENRE_K}", default.genre, whitening.genre),
    ):
        if change and beside:
            print(
                f"{name}: default {change.baseline:.3f}, with the head {change.head:.3f} "
                f"({change.diff:+.3f}, 95 % {bounds(change.ci, '+.3f')}); "
                f"whitening without labels {beside.baseline:.3f} "
                f"(the head {beside.diff:+.3f}, 95 % {bounds(beside.ci, '+.3f')})"
            )
        else:
            print(f"{name}: not measured, as too few tracks have a genre.")
    print(
        f"Of tracks whose labels the head was not shown, among all tracks; {verdict.splits} folds."
    )
    if verdict.adopted:
        print(f"Adopted: the library is indexed anew, the head weighing {head.weight:.0%}.")
        return
    path = home.settings.home / HEAD_NAME
    before = "The head adopted before stays. " if home.projection.head else ""
    print(f"Not adopted, as {reason(verdict)}. {before}The home is unchanged.")
    print(f"The head and its card are stored all the same: {path.with_suffix('.json')}")


def reason(verdict: Verdict) -> str:
    """Return why a head is not adopted."""
    for gains, over in ((verdict.default, "the default"), (verdict.whitening, "whitening")):
        if not gains.artist_rises:
            return f"artist P@5 does not rise over {over} beyond its interval"
        if not gains.genre_kept:
            return f"genre P@10 falls below that of {over} beyond its interval"
    raise ValueError("the head was adopted")


COMMAND = Command(
    parse,
    run,
    errors=(TooFewArtists,),
    usage_errors=(LabelsError,),
    refused="cannot be written",
    stopped="Stopped. The home is as it was, unless something else is said above.",
)
