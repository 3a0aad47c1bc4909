"""Evaluate what a home finds against labels.

    python scripts/evaluate.py content --by genre --exclude-same artist -k 10
    python scripts/evaluate.py content --labels labels.csv --by artist -k 5 --min-group 2 --json

Exit status: 0 done, 1 nothing to evaluate, 2 usage.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from index.vector_index import DamagedIndex, StaleIndex, VectorIndex
from recsys.build import INDEX_NAME
from recsys.catalog import Catalog, CatalogError
from recsys.evaluate import (
    LabelsError,
    catalogue_labels,
    evaluate_retrieval,
    hub_report,
    read_labels,
)
from recsys.settings import SettingsError, load_settings

SYSTEM = "home"  # the home's own projection
NOTHING, USAGE = 1, 2


def parse_args(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description="Evaluate what a home finds.")
    commands = parser.add_subparsers(dest="command", required=True)
    content = commands.add_parser("content", help="does what sounds alike share a label?")
    content.add_argument("--home", type=Path, help="where catalogue and index are kept")
    content.add_argument("--labels", type=Path, help="CSV with a column path (default: the tags)")
    content.add_argument("--by", required=True, metavar="COLUMN", help="what a hit must share")
    content.add_argument("-k", default="10", metavar="K,K,…", help="list lengths (default: 10)")
    content.add_argument("--exclude-same", metavar="COLUMN", help="results must differ in this")
    content.add_argument("--min-group", type=int, default=1, metavar="N", help="smallest label")
    content.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args(arguments)
    try:
        args.ks = sorted({int(k) for k in args.k.split(",")})
    except ValueError:
        args.ks = [0]
    if args.ks[0] < 1 or args.min_group < 1:
        parser.error("-k and --min-group take whole numbers of at least 1")
    return args


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    args = parse_args(arguments)
    try:
        return evaluate_content(args)
    except (LabelsError, SettingsError) as error:
        print(error, file=sys.stderr)
        return USAGE
    except (CatalogError, DamagedIndex, StaleIndex) as error:
        print(error, file=sys.stderr)
        return NOTHING


def evaluate_content(args: argparse.Namespace) -> int:
    """Evaluate retrieval by content and print the result."""
    settings = load_settings(args.home)
    index = VectorIndex.load(settings.home / INDEX_NAME, model=None, projection=None, dim=None)
    with Catalog(settings.home, settings.database) as catalog:
        labels = read_labels(args.labels, catalog) if args.labels else catalogue_labels(catalog)
    labels = labels[labels.index.isin(index.ids)]
    vectors = index.vectors(labels.index.to_numpy())
    retrieval = evaluate_retrieval(
        vectors,
        labels,
        args.by,
        args.ks,
        exclude_same=args.exclude_same,
        min_group=args.min_group,
    )
    systems, hubs = {SYSTEM: retrieval.summary()}, {SYSTEM: hub_report(vectors)}
    if args.json:
        print(json.dumps({"systems": systems, "hubs": hubs}))
    else:
        print_tables(systems, hubs, args)
    return 0


def print_tables(
    systems: Mapping[str, Mapping[str, Mapping[str, float]]],
    hubs: Mapping[str, Mapping[str, float]],
    args: argparse.Namespace,
) -> None:
    """Print the result for people."""
    title = f"Retrieval by {args.by}"
    title += f", results of the same {args.exclude_same} left out" if args.exclude_same else ""
    table = Table("system", "metric", "macro", "micro", "queries", title=title, box=None)
    for system, metrics in systems.items():
        for metric, value in metrics.items():
            means = [f"{value['macro']:.3f}", f"{value['micro']:.3f}"]
            table.add_row(system, metric, *means, str(value["n"]))
    console = Console(markup=False, highlight=False)
    console.print(table)
    for system, figures in hubs.items():
        console.print(
            f"{system}: largest in-degree {figures['max_in_degree']}, "
            f"skewness {figures['skewness']:.2f}, in nobody's ten {figures['orphans']:.1%}"
        )


if __name__ == "__main__":
    sys.exit(main())
