"""`earshot evaluate triplets`: which of three is the odd one out?"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from earshot.command import DONE
from earshot.commands.evaluation.shared import (
    add_systems,
    bounds,
    choose_systems,
    command_line,
    evaluation,
    evaluation_parser,
    keep,
    p_value,
)
from earshot.terminal import TableConsole
from recsys.evaluation.embeddings import HOME
from recsys.evaluation.triplets import Triplets, odd_ones, read_triplets, summarise
from recsys.home.home import Home, open_home
from recsys.home.settings import load_settings


@dataclass(frozen=True)
class TripletsOptions:
    """The arguments of `earshot evaluate triplets`."""

    home: Path | None
    json: bool
    systems: tuple[str, ...]
    mfcc: bool
    file: Path
    command_line: str


def parse(arguments: Sequence[str]) -> TripletsOptions:
    """Parse the arguments."""
    parser = evaluation_parser("triplets", "Which of three is the odd one out?")
    add_systems(parser)
    parser.add_argument("file", type=Path, help="CSV of a,b,c,votes_a,votes_b,votes_c")
    args = parser.parse_args(arguments)
    return TripletsOptions(**vars(args), command_line=command_line("triplets", arguments))


def run(options: TripletsOptions) -> int:
    """Compare odd ones out with people's and print the result."""
    with open_home(load_settings(options.home)) as home:
        return evaluate(options, home)


def evaluate(options: TripletsOptions, home: Home) -> int:
    """Let each system choose the odd one of every triplet."""
    triplets = read_triplets(options.file, home.catalog, home.index.ids)
    ids = np.unique(triplets.ids).tolist()
    systems, names, complete = choose_systems(home, ids, options.systems, mfcc=options.mfcc)
    triplets = triplets.among(complete)
    row = {track_id: number for number, track_id in enumerate(complete)}
    odd = {
        name: odd_ones(
            triplets, row, systems.vectors(name, complete), systems.correction(name, complete)
        )
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
    keep(home, "triplets", options.command_line, figures)
    if options.json:
        print(json.dumps(figures))
    else:
        print_triplets(figures, triplets)
    return DONE


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
                row += [p_value(against["p"])]
            table.add_row(measure if name == HOME else "", name, *row)
        table.add_row("", "chance", f"{home['chance']:.3f}")
        table.add_row("", "attainable", f"{home['ceiling']:.3f}")
        table.add_section()
    console = TableConsole()
    console.print(table)
    console.print(f"{len(triplets.ids)} triplets used, {triplets.n_left_out} left out.")


COMMAND = evaluation(parse, run)
