"""`evaluate.py tags`: are the taggers' tags right?"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.table import Table

from earshot.commands.evaluation.shared import Parents, keep, labels_of, opened
from earshot.terminal import table_console
from recsys.evaluation.labels import LabelsError
from recsys.home.home import Home


def add_to(commands: Any, parents: Parents) -> None:
    """Add the command to those of the script."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "tags", parents=parents[:1], help="are the taggers' tags right?"
    )
    parser.add_argument("--labels", type=Path, help="CSV with a column path (default: the tags)")
    parser.add_argument(
        "--by",
        metavar="COLUMN",
        help="column of tags such as rock|guitar (default: columns named as tags, of 0 and 1)",
    )
    parser.set_defaults(run=run, check=lambda args: check(parser, args))


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Check that there are labels to compare with."""
    if not (args.labels or args.by):
        parser.error("tags needs --labels, --by or both")


def run(args: argparse.Namespace) -> int:
    """Compare the taggers' tags with labels and print the result."""
    with opened(args) as home:
        return evaluate(args, home)


def evaluate(args: argparse.Namespace, home: Home) -> int:
    """Score each tag of each tagger that the labels know."""
    from recsys.evaluation import tag_scores  # noqa: PLC0415 - scikit-learn, which is slow to load

    projection = home.projection
    extractors, tags = projection.extractors, projection.tags
    labels = labels_of(args, home)
    if args.by in labels.columns:
        labels = labels[labels[args.by] != ""]
    ids, probabilities = tag_scores.tag_probabilities(
        home.catalog, extractors, labels.index.tolist()
    )
    labels = labels.loc[ids]
    truth = (
        tag_scores.truth_of_column(labels, args.by)
        if args.by
        else tag_scores.truth_of_columns(labels, tags)
    )
    figures: dict[str, Any] = {}
    begin = 0
    for extractor, columns in zip(extractors, probabilities, strict=True):
        names = tags[begin : begin + columns.shape[1]]
        begin += len(names)
        scores = tag_scores.score_tags(columns, names, truth)
        if scores:
            rows = [score._asdict() for score in scores]
            figures[extractor] = {**tag_scores.mean_scores(scores), "tags": rows}
    if not figures:
        raise LabelsError("No tag of the taggers has tracks with and without it in the labels.")
    keep(args, home, "tags", {"taggers": figures})
    if args.json:
        print(json.dumps({"taggers": figures}))
    else:
        print_tags(figures)
    return 0


def print_tags(taggers: Mapping[str, Mapping[str, Any]]) -> None:
    """Print the scores of tags for people."""
    console = table_console()
    for name, figures in taggers.items():
        head = ("tag", "ROC-AUC", "average precision", "chance", "tracks with it")
        table = Table(*head, title=name, box=None)
        for score in sorted(figures["tags"], key=lambda score: -score["roc_auc"]):
            share = score["n_positive"] / score["n"]
            values = score["roc_auc"], score["average_precision"], share
            table.add_row(score["tag"], *[f"{v:.3f}" for v in values], str(score["n_positive"]))
        table.add_section()
        means = figures["roc_auc"], figures["average_precision"], figures["chance_ap"]
        table.add_row(f"mean of {figures['n_tags']}", *[f"{mean:.3f}" for mean in means])
        console.print(table)
