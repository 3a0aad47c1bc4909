"""What the commands share: their common arguments, the home, its labels and systems, figures."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from rich.console import Console
from rich.progress import Progress

from encoders.errors import AudioError
from encoders.projection import Head, HeadError, Projection
from recsys.evaluation.embeddings import MFCC, Systems, extract_missing
from recsys.evaluation.labels import catalogue_labels, read_labels
from recsys.home.evaluation_reports import Kind, save_report
from recsys.home.files import HEAD_NAME
from recsys.home.home import Home, open_home
from recsys.home.settings import load_settings
from recsys.threads import n_cores

NOTHING, USAGE, STOPPED = 1, 2, 130


class Parents(NamedTuple):
    """Arguments that several commands take: all of them, and those that compare systems."""

    every: argparse.ArgumentParser
    choice: argparse.ArgumentParser


def parents() -> Parents:
    """Return the shared arguments."""
    every = argparse.ArgumentParser(add_help=False)
    every.add_argument("--home", type=Path, help="where catalogue and index are kept")
    every.add_argument("--json", action="store_true", help="print one JSON object")
    choice = argparse.ArgumentParser(add_help=False)
    choice.add_argument(
        "--systems",
        default=[],
        type=names,
        metavar="NAME,…",
        help="what to compare the home with: random, mfcc, logits, penultimate, projection, head, "
        "tagger (each one alone), hubs (other scores against hubs); default: all whose features "
        "the home keeps, without the last two",
    )
    choice.add_argument(
        "--mfcc", action="store_true", help="compute the MFCCs that tracks lack, and keep them"
    )
    return Parents(every, choice)


def names(text: str) -> list[str]:
    """Split a list of names."""
    return [name.strip() for name in text.split(",") if name.strip()]


def opened(args: argparse.Namespace) -> AbstractContextManager[Home]:
    """Open the home that the arguments name."""
    return open_home(load_settings(args.home))


def keep(args: argparse.Namespace, home: Home, kind: Kind, figures: Mapping[str, Any]) -> None:
    """Keep figures in the home that they are of, for its evaluation page."""
    save_report(home.settings.home, kind, args.command_line, home.index, figures)


def say(sentence: str) -> None:
    """Print a sentence on standard error."""
    print(sentence.encode("utf-8", "replace").decode(), file=sys.stderr)


def labels_of(args: argparse.Namespace, home: Home) -> pd.DataFrame:
    """Return the labels of the indexed tracks."""
    catalog = home.catalog
    labels = read_labels(args.labels, catalog) if args.labels else catalogue_labels(catalog)
    return labels[labels.index.isin(home.index.ids)]


def choose_systems(
    args: argparse.Namespace, home: Home, ids: Sequence[int]
) -> tuple[Systems, list[str], list[int]]:
    """Return the systems, the names of those to compare, and the tracks that all of them know."""
    if args.mfcc:
        compute_mfccs(home, ids)
    projection = home.read_projection
    systems = Systems(
        home.catalog,
        home.index,
        projection if isinstance(projection, Projection) else None,
        trained_head(home),
        home.settings.hubs,
    )
    names = systems.choose(args.systems, ids)
    if args.mfcc:
        if not systems.complete([MFCC], ids):
            raise AudioError("Not one of the tracks could be analysed for its MFCCs.")
        names = list(dict.fromkeys(names + systems.choose([MFCC], ids)))
    known = systems.complete(names, ids)
    if len(known) < len(ids):
        say(f"{len(ids) - len(known)} tracks lack features of a system and are left out of all.")
    return systems, names, known


def trained_head(home: Home) -> Head | None:
    """Return the head trained last, saying so where its files cannot be used."""
    path = home.settings.home / HEAD_NAME
    if not path.exists():
        return None
    try:
        return Head.load(path)[0]
    except HeadError as error:
        say(str(error))
        return None


def compute_mfccs(home: Home, ids: Sequence[int]) -> None:
    """Compute the MFCCs that tracks lack, from as much of a track as the taggers heard."""
    from encoders.mfcc import MfccExtractor  # noqa: PLC0415 - torch, which nothing else here needs

    budget = str(home.index.manifest.model if home.index.manifest else "").rsplit("-", 1)[-1]
    n_segments = int(budget) if budget.isdecimal() else None
    extractor = MfccExtractor(n_segments=n_segments, workers=n_cores())
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("MFCCs", total=None)
        errors = extract_missing(
            home.catalog,
            extractor,
            ids,
            lambda done, total: bar.update(task, completed=done, total=total),
        )
    for error in errors:
        say(str(error))


def bounds(ci: Sequence[float], form: str = ".3f") -> str:
    """Write an interval."""
    return f"{ci[0]:{form}} … {ci[1]:{form}}"


def chance(p: float) -> str:
    """Write a p-value."""
    return "<.001" if p < 0.001 else f"{p:.3f}"
