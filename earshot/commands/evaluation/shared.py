"""What the evaluations share: parsers, the labels and systems of a home, reports, formats."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.progress import Progress

from earshot.arguments import add_json, names, new_parser
from earshot.command import Command, Options
from earshot.terminal import complain
from encoders.errors import AudioError
from encoders.head import Head, HeadError
from encoders.projection import Projection
from recsys.evaluation.embeddings import MFCC, Systems, UnknownSystem, extract_missing
from recsys.evaluation.labels import LabelsError, catalogue_labels, read_labels
from recsys.evaluation.recommenders.data import NoListens, TablesError
from recsys.evaluation.recommenders.splits import NothingHeldOut
from recsys.home.evaluation_reports import Kind, save_report
from recsys.home.files import HEAD_NAME
from recsys.home.home import Home
from recsys.threads import n_cores


def evaluation(
    parse: Callable[[Sequence[str]], Options], run: Callable[[Options], int]
) -> Command[Options]:
    """Return an evaluation as a command."""
    return Command(
        parse,
        run,
        errors=(NoListens, NothingHeldOut),
        usage_errors=(LabelsError, TablesError, UnknownSystem),
        stopped="Stopped.",
    )


def evaluation_parser(name: str, description: str) -> argparse.ArgumentParser:
    """Return the parser of an evaluation."""
    parser = new_parser(f"evaluate {name}", description, nothing="1 nothing to evaluate")
    add_json(parser)
    return parser


def add_labels(parser: argparse.ArgumentParser, *, required: bool = False) -> None:
    """Add --labels."""
    default = "" if required else " (default: the files' tags)"
    parser.add_argument(
        "--labels",
        type=Path,
        required=required,
        metavar="FILE",
        help=f"CSV with a column path{default}",
    )


def add_mfcc(parser: argparse.ArgumentParser) -> None:
    """Add --mfcc."""
    parser.add_argument(
        "--mfcc", action="store_true", help="compute and store the MFCCs that tracks lack"
    )


def add_systems(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose the systems to compare."""
    parser.add_argument(
        "--systems",
        default=(),
        type=names,
        metavar="NAME,…",
        help="what to compare the home with: random, mfcc, logits, penultimate, projection, head, "
        "tagger (each one alone), hubs (other corrections for hubs); default: all whose features "
        "the home has, without the last two",
    )
    add_mfcc(parser)


def command_line(name: str, arguments: Sequence[str]) -> str:
    """Return an evaluation as it is typed."""
    return shlex.join(["earshot", "evaluate", name, *arguments])


def keep(home: Home, kind: Kind, command: str, figures: Mapping[str, Any]) -> None:
    """Store figures in the home that they are of, for its evaluation page."""
    save_report(home.settings.home, kind, command, home.index, figures)


def labels_of(home: Home, path: Path | None) -> pd.DataFrame:
    """Return the labels of the indexed tracks, of a CSV or the files' tags. Raises LabelsError."""
    catalog = home.catalog
    labels = read_labels(path, catalog) if path else catalogue_labels(catalog)
    return labels[labels.index.isin(home.index.ids)]


def choose_systems(
    home: Home, ids: Sequence[int], wanted: Sequence[str], *, mfcc: bool
) -> tuple[Systems, list[str], list[int]]:
    """Return the systems, the names of those to compare, and the tracks that all of them know."""
    if mfcc:
        compute_mfccs(home, ids)
    projection = home.read_projection
    systems = Systems(
        home.catalog,
        home.index,
        projection if isinstance(projection, Projection) else None,
        trained_head(home),
        home.settings.hubs,
    )
    chosen = systems.choose(wanted, ids)
    if mfcc:
        if not systems.complete([MFCC], ids):
            raise AudioError("None of the tracks could be analysed for its MFCCs.")
        chosen = list(dict.fromkeys(chosen + systems.choose([MFCC], ids)))
    complete = systems.complete(chosen, ids)
    if len(complete) < len(ids):
        complain(f"{len(ids) - len(complete)} tracks lack features of a system and are left out.")
    return systems, chosen, complete


def trained_head(home: Home) -> Head | None:
    """Return the head trained last, None without one; print why its files cannot be used."""
    path = home.settings.home / HEAD_NAME
    if not path.exists():
        return None
    try:
        return Head.load(path)[0]
    except HeadError as error:
        complain(error)
        return None


def compute_mfccs(home: Home, ids: Sequence[int]) -> None:
    """Compute the MFCCs that tracks lack, from the same segments as the taggers."""
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
        complain(error)


def bounds(ci: Sequence[float], form: str = ".3f") -> str:
    """Write an interval."""
    return f"{ci[0]:{form}} … {ci[1]:{form}}"


def p_value(p: float) -> str:
    """Write a p-value."""
    return "<.001" if p < 0.001 else f"{p:.3f}"
