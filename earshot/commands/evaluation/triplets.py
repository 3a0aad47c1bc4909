"""`evaluate.py triplets`: which of three is the odd one out?"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from earshot.commands.evaluation.shared import Parents, bounds, chance, choose_systems, keep, opened
from earshot.terminal import table_console
from recsys.evaluation.embeddings import HOME
from recsys.evaluation.triplets import Triplets, odd_ones, read_triplets, summarise
from recsys.home.home import Home


def add_to(commands: Any, parents: Parents) -> None:
    """Add the command to those of the script."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "triplets", parents=parents, help="which of three is the odd one out?"
    )
    parser.add_argument("file", type=Path, help="CSV of a,b,c,votes_a,votes_b,votes_c")
    parser.set_defaults(run=run, check=lambda _: None)


def run(args: argparse.Namespace) -> int:
    """Compare odd ones out with people's and print the result."""
    with opened(args) as home:
        return evaluate(args, home)


def evaluate(args: argparse.Namespace, home: Home) -> int:
    """Let each system choose the odd one of every triplet."""
    triplets = read_triplets(args.file, home.catalog, home.index.ids)
    ids = np.unique(triplets.ids).tolist()
    systems, names, known = choose_systems(args, home, ids)
    triplets = triplets.among(known)
    row = {track_id: number for number, track_id in enumerate(known)}
    odd = {
        name: odd_ones(triplets, row, systems.vectors(name, known), systems.correction(name, known))
        for name in names
    }
    figures = {
        "systems": {name: summarise(triplets, chosen) for name, chosen in odd.items()},
        "paired": {
            name: summarise(triplets, chosen, odd[HOME])
            for name, chosen in odd.items()
            if name != HOME
        },
        "triplets": {"used": len(triplets.ids), "left_out": triplets.n_left_out},
    }
    keep(args, home, "triplets", figures)
    if args.json:
        print(json.dumps(figures))
    else:
        print_triplets(figures, triplets)
    return 0


def print_triplets(figures: Mapping[str, Any], triplets: Triplets) -> None:
    """Print the agreement for people."""
    columns = ["", "system", "agreement", "95 %", "triplets", "- home", "95 %", "p"]
    table = Table(*columns, title="Odd one out of three, as people say", box=None)
    for measure, home in figures["systems"][HOME].items():
        for name, measures in figures["systems"].items():
            value = measures[measure]
            row = [f"{value['mean']:.3f}", bounds(value["ci"]), str(value["n"])]
            if name != HOME:
                against = figures["paired"][name][measure]
                row += [f"{against['diff']:+.3f}", bounds(against["ci"], "+.3f")]
                row += [chance(against["p"])]
            table.add_row(measure if name == HOME else "", name, *row)
        table.add_row("", "chance", f"{home['chance']:.3f}")
        table.add_row("", "attainable", f"{home['ceiling']:.3f}")
        table.add_section()
    console = table_console()
    console.print(table)
    console.print(f"{len(triplets.ids)} triplets used, {triplets.n_left_out} left out.")
