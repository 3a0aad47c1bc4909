"""`evaluate.py content`: does what sounds alike share a label?"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from rich.table import Table

from earshot.commands.evaluation.shared import (
    Parents,
    bounds,
    chance,
    choose_systems,
    keep,
    labels_of,
    opened,
    say,
)
from earshot.terminal import table_console
from encoders.projection import Projection
from recsys.catalog import Catalog
from recsys.catalog.base import shown
from recsys.evaluation.embeddings import HOME
from recsys.evaluation.retrieval import Retrieval, evaluate_retrieval, hub_degrees, hub_report
from recsys.home.home import Home

OUT_SUFFIXES, PLOT_SUFFIXES = (".parquet", ".csv"), (".png", ".svg", ".pdf")


def add_to(commands: Any, parents: Parents) -> None:
    """Add the command to those of the script."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "content", parents=parents, help="does what sounds alike share a label?"
    )
    parser.add_argument("--labels", type=Path, help="CSV with a column path (default: the tags)")
    parser.add_argument("--by", required=True, metavar="COLUMN", help="what a hit must share")
    parser.add_argument("-k", default="10", metavar="K,K,…", help="list lengths (default: 10)")
    parser.add_argument(
        "--exclude-same",
        action="append",
        default=[],
        metavar="COLUMN",
        help="results must differ in this; may be given more than once",
    )
    parser.add_argument("--min-group", type=int, default=1, metavar="N", help="smallest label")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="write every query's figures, .parquet or .csv"
    )
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw them, .png, .svg or .pdf")
    parser.set_defaults(run=run, check=lambda args: check(parser, args))


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Check what argparse cannot, before anything is computed."""
    try:
        args.ks = sorted({int(k) for k in args.k.split(",")})
    except ValueError:
        args.ks = [0]
    if args.ks[0] < 1 or args.min_group < 1:
        parser.error("-k and --min-group take whole numbers of at least 1")
    check_output(parser, "--out", args.out, OUT_SUFFIXES)
    check_output(parser, "--plot", args.plot, PLOT_SUFFIXES)


def check_output(
    parser: argparse.ArgumentParser, option: str, path: Path | None, known: tuple[str, ...]
) -> None:
    """Check that a file can be written where it is asked for."""
    if path and path.suffix not in known:
        parser.error(f"{option} takes a file that ends in {' or '.join(known)}, got {path}")
    if path and not path.absolute().parent.is_dir():
        parser.error(f"{option}: there is no folder {path.absolute().parent}")


def run(args: argparse.Namespace) -> int:
    """Evaluate retrieval by content and print the result."""
    with opened(args) as home:
        return evaluate(args, home)


def evaluate(args: argparse.Namespace, home: Home) -> int:
    """Rank every labelled track for each other one, and print how well that is done."""
    labels = labels_of(args, home)
    if isinstance(home.read_projection, Projection) and home.read_projection.head:
        say(
            "The home's head was trained on this library's labels, so what it finds by them "
            "flatters it: head.json has its figures on artists it never saw."
        )
    systems, names, ids = choose_systems(args, home, labels.index.tolist())
    labels = labels.loc[ids]
    degrees, retrievals = {}, {}
    for name in names:
        vectors, correction = systems.vectors(name, ids), systems.correction(name, ids)
        degrees[name] = hub_degrees(vectors, correction)
        retrievals[name] = evaluate_retrieval(
            vectors,
            labels,
            args.by,
            args.ks,
            exclude_same=args.exclude_same,
            min_group=args.min_group,
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
    keep(args, home, "content", {**figures, "by": args.by, "exclude_same": args.exclude_same})
    if args.out:
        write_queries(args.out, retrievals, labels, home.catalog)
    if args.plot:
        from recsys.evaluation.retrieval_plots import plot  # noqa: PLC0415 - matplotlib, which is slow to load

        plot(args.plot, retrievals, degrees, labels, args.by)
    if args.json:
        print(json.dumps(figures))
    else:
        print_content(figures, args)
    return 0


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


def print_content(figures: Mapping[str, Any], args: argparse.Namespace) -> None:
    """Print the result for people."""
    title = f"Retrieval by {args.by}"
    if args.exclude_same:
        title += f", results of the same {' or '.join(args.exclude_same)} left out"
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
                row += [chance(against["p"])]
            table.add_row(metric if name == HOME else "", name, *row)
        if "ceiling" in home:
            macro, micro = (f"{home['ceiling'][mean]:.3f}" for mean in ("macro", "micro"))
            table.add_row("", "attainable", macro, "", micro)
        table.add_section()
    console = table_console()
    console.print(table)
    for system, hubs in figures["hubs"].items():
        console.print(
            f"{system}: largest in-degree {hubs['max_in_degree']}, "
            f"skewness {hubs['skewness']:.2f}, in nobody's ten {hubs['orphans']:.1%}",
            soft_wrap=True,
        )
