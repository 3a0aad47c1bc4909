"""`earshot evaluate content`: do tracks that sound alike share a label?"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from rich.table import Table

from earshot.arguments import names, output_file, whole_number
from earshot.command import DONE
from earshot.commands.evaluation.shared import (
    add_labels,
    add_systems,
    bounds,
    choose_systems,
    command_line,
    evaluation,
    evaluation_parser,
    keep,
    labels_of,
    p_value,
)
from earshot.terminal import TableConsole, complain
from encoders.projection import Projection
from recsys.catalog import Catalog
from recsys.catalog.base import shown
from recsys.evaluation.embeddings import HOME
from recsys.evaluation.retrieval import Retrieval, evaluate_retrieval, hub_degrees, hub_report
from recsys.home.home import Home, open_home
from recsys.home.settings import load_settings


@dataclass(frozen=True)
class ContentOptions:
    """The arguments of `earshot evaluate content`; `k` has the lists' lengths."""

    home: Path | None
    json: bool
    systems: tuple[str, ...]
    mfcc: bool
    labels: Path | None
    by: str
    k: tuple[int, ...]
    exclude_same: tuple[str, ...]
    min_group: int
    out: Path | None
    plot: Path | None
    command_line: str


def parse(arguments: Sequence[str]) -> ContentOptions:
    """Parse the arguments."""
    parser = evaluation_parser("content", "Do tracks that sound alike share a label?")
    add_systems(parser)
    add_labels(parser)
    parser.add_argument("--by", required=True, metavar="COLUMN", help="the label to share")
    parser.add_argument(
        "-k", type=lengths, default=(10,), metavar="K,K,…", help="list lengths (default: 10)"
    )
    parser.add_argument(
        "--exclude-same",
        action="append",
        default=[],
        metavar="COLUMN",
        help="leave out results that share this label; may be repeated",
    )
    parser.add_argument(
        "--min-group",
        type=whole_number(1),
        default=1,
        metavar="N",
        help="leave out labels of fewer tracks (default: 1)",
    )
    parser.add_argument(
        "--out",
        type=output_file(".parquet", ".csv"),
        metavar="FILE",
        help="write every query's figures, .parquet or .csv",
    )
    parser.add_argument(
        "--plot",
        type=output_file(".png", ".svg", ".pdf"),
        metavar="FILE",
        help="draw them, .png, .svg or .pdf",
    )
    args = vars(parser.parse_args(arguments))
    return ContentOptions(
        **{**args, "exclude_same": tuple(args["exclude_same"])},
        command_line=command_line("content", arguments),
    )


def lengths(text: str) -> tuple[int, ...]:
    """Parse the lengths of lists.

    >>> lengths("10,1,5")
    (1, 5, 10)
    """
    return tuple(sorted({whole_number(1)(number) for number in names(text) or ["none"]}))


def run(options: ContentOptions) -> int:
    """Evaluate similarity by sound and print the result."""
    with open_home(load_settings(options.home)) as home:
        return evaluate(options, home)


def evaluate(options: ContentOptions, home: Home) -> int:
    """Rank every labelled track for each other one, and print how well that is done."""
    labels = labels_of(home, options.labels)
    if isinstance(home.read_projection, Projection) and home.read_projection.head:
        complain(
            "The home's head was trained on this library's labels, so the figures by them flatter "
            "it: head.json has its figures on artists that it was not trained on."
        )
    systems, names, ids = choose_systems(
        home, labels.index.tolist(), options.systems, mfcc=options.mfcc
    )
    labels = labels.loc[ids]
    degrees, retrievals = {}, {}
    for name in names:
        vectors, correction = systems.vectors(name, ids), systems.correction(name, ids)
        degrees[name] = hub_degrees(vectors, correction)
        retrievals[name] = evaluate_retrieval(
            vectors,
            labels,
            options.by,
            options.k,
            exclude_same=options.exclude_same,
            min_group=options.min_group,
            correction=correction,
        )
    figures: dict[str, Any] = {"systems": {}, "paired": {}, "hubs": {}}
    for name, retrieval in retrievals.items():
        intervals = retrieval.intervals()
        summary = retrieval.summary()
        figures["systems"][name] = {m: {**summary[m], **intervals[m]} for m in summary}
        figures["hubs"][name] = hub_report(degrees[name])
        if name != HOME:
            figures["paired"][name] = retrieval.compare(retrievals[HOME])
    keep(
        home,
        "content",
        options.command_line,
        {**figures, "by": options.by, "exclude_same": options.exclude_same},
    )
    if options.out:
        write_queries(options.out, retrievals, labels, home.catalog)
    if options.plot:
        from recsys.evaluation.retrieval_plots import plot  # noqa: PLC0415 - matplotlib, which is slow to load

        plot(options.plot, retrievals, degrees, labels, options.by)
    if options.json:
        print(json.dumps(figures))
    else:
        print_content(figures, options)
    return DONE


def write_queries(
    path: Path, retrievals: Mapping[str, Retrieval], labels: pd.DataFrame, catalog: Catalog
) -> None:
    """Write a row for each system and query: the track, its labels, its metrics, its results."""
    paths = {track.id: shown(track.path) for track in catalog.tracks(labels.index)}
    ids = labels.index.to_numpy()
    tables = []
    for name, retrieval in retrievals.items():
        queries = labels.iloc[retrieval.rows]
        best = [ids[row[row >= 0]] for row in retrieval.neighbours]
        table = pd.DataFrame(
            {
                "system": name,
                "track_id": queries.index,
                "path": [paths[track_id] for track_id in queries.index],
                **{column: queries[column].to_numpy() for column in ("artist", "album")},
                "n_relevant": retrieval.n_relevant,
                **retrieval.per_query,
                "neighbours": ["|".join(map(str, row.tolist())) for row in best],
            }
        )
        tables.append(table)
    joined = pd.concat(tables, ignore_index=True)
    if path.suffix == ".csv":
        joined.to_csv(path, index=False)
    else:
        joined.to_parquet(path, index=False)


def print_content(figures: Mapping[str, Any], options: ContentOptions) -> None:
    """Print the result for people."""
    title = f"Retrieval by {options.by}"
    if options.exclude_same:
        title += f", results of the same {' or '.join(options.exclude_same)} left out"
    systems, paired = figures["systems"], figures["paired"]
    columns = ["", "system", "macro", "95 %", "micro", "95 %", "queries"]
    columns += ["micro - home", "95 %", "p"] if paired else []
    table = Table(*columns, title=title, box=None, padding=(0, 1, 0, 0))
    for metric, home in systems[HOME].items():
        for name, metrics in systems.items():
            value = metrics[metric]
            row = [f"{value['macro']:.3f}", bounds(value["ci_macro"])]
            row += [f"{value['micro']:.3f}", bounds(value["ci"]), str(value["n"])]
            if name in paired:
                against = paired[name][metric]["micro"]
                row += [f"{against['diff']:+.3f}", bounds(against["ci"], "+.3f")]
                row += [p_value(against["p"])]
            table.add_row(metric if name == HOME else "", name, *row)
        if "ceiling" in home:
            macro, micro = (f"{home['ceiling'][mean]:.3f}" for mean in ("macro", "micro"))
            table.add_row("", "attainable", macro, "", micro)
        table.add_section()
    console = TableConsole()
    console.print(table)
    for system, hubs in figures["hubs"].items():
        console.print(
            f"{system}: largest in-degree {hubs['max_in_degree']}, "
            f"skewness {hubs['skewness']:.2f}, in nobody's ten {hubs['orphans']:.1%}",
            soft_wrap=True,
        )


COMMAND = evaluation(parse, run)
