"""`earshot evaluate tags`: do the taggers' tags agree with labels?"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from earshot.command import DONE
from earshot.commands.evaluation.shared import (
    add_labels,
    command_line,
    evaluation,
    evaluation_parser,
    keep,
    labels_of,
)
from earshot.terminal import TableConsole
from recsys.evaluation import tag_scores
from recsys.evaluation.labels import LabelsError
from recsys.home.home import Home, open_home
from recsys.home.settings import load_settings


@dataclass(frozen=True)
class TagsOptions:
    """The arguments of `earshot evaluate tags`."""

    home: Path | None
    json: bool
    labels: Path | None
    by: str | None
    command_line: str


def parse(arguments: Sequence[str]) -> TagsOptions:
    """Parse the arguments."""
    parser = evaluation_parser("tags", "Do the taggers' tags agree with labels?")
    add_labels(parser)
    parser.add_argument(
        "--by",
        metavar="COLUMN",
        help="column of tags such as rock|guitar (default: columns named as tags, of 0 and 1)",
    )
    args = parser.parse_args(arguments)
    if not (args.labels or args.by):
        parser.error("tags needs --labels, --by or both")
    return TagsOptions(**vars(args), command_line=command_line("tags", arguments))


def run(options: TagsOptions) -> int:
    """Compare the taggers' tags with labels and print the result."""
    with open_home(load_settings(options.home)) as home:
        return evaluate(options, home)


def evaluate(options: TagsOptions, home: Home) -> int:
    """Score each tag of each tagger that the labels have."""
    projection = home.projection
    extractors, tags = projection.extractors, projection.tags
    labels = labels_of(home, options.labels)
    if options.by in labels.columns:
        labels = labels[labels[options.by] != ""]
    ids, probabilities = tag_scores.tag_probabilities(
        home.catalog, extractors, labels.index.tolist()
    )
    labels = labels.loc[ids]
    truth = (
        tag_scores.truth_of_column(labels, options.by)
        if options.by
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
    keep(home, "tags", options.command_line, {"taggers": figures})
    if options.json:
        print(json.dumps({"taggers": figures}))
    else:
        print_tags(figures)
    return DONE


def print_tags(taggers: Mapping[str, Mapping[str, Any]]) -> None:
    """Print the scores of tags for people."""
    console = TableConsole()
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


COMMAND = evaluation(parse, run)
