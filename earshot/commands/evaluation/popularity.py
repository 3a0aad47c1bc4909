"""`earshot evaluate popularity`: does sound tell what many people play?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from earshot.command import DONE, NotFound
from earshot.commands.evaluation.shared import (
    bounds,
    command_line,
    evaluation,
    evaluation_parser,
)
from earshot.commands.evaluation.table_options import add_tables, columns_of
from earshot.terminal import TableConsole, complain
from recsys.evaluation.recommenders.tables import Columns, read_tables
from recsys.home.home import open_home
from recsys.home.settings import load_settings
from recsys.popularity.data import of_listening
from recsys.popularity.learning import learn_popularity
from recsys.popularity.measure import PopularityReport, TooFewPlayedArtists, measure


@dataclass(frozen=True)
class PopularityOptions:
    """The arguments of `earshot evaluate popularity`."""

    home: Path | None
    json: bool
    interactions: Path | None
    items: Path | None
    columns: Columns
    command_line: str


def parse(arguments: Sequence[str]) -> PopularityOptions:
    """Parse the arguments."""
    parser = evaluation_parser("popularity", "Does sound tell what many people play?")
    add_tables(parser.add_argument_group("tables instead of a home, .parquet or .csv"))
    args = parser.parse_args(arguments)
    if bool(args.items) != bool(args.interactions):
        parser.error("--interactions and --items are given together")
    return PopularityOptions(
        args.home,
        args.json,
        args.interactions,
        args.items,
        columns_of(args),
        command_line("popularity", arguments),
    )


def run(options: PopularityOptions) -> int:
    """Measure, print, and store what a home's pages show."""
    try:
        if options.interactions:
            data = read_tables(options.interactions, options.items, options.columns)
            for note in data.notes:
                complain(note)
            played = of_listening(data)
            if n_without := len(data.items) - len(played.popularity):
                complain(f"{n_without:,} items without content are left out.")
            report = measure(played)
        else:
            with open_home(load_settings(options.home)) as home:
                report = learn_popularity(home, options.command_line)
    except TooFewPlayedArtists as error:
        raise NotFound(str(error)) from None
    if options.json:
        print(json.dumps(report.as_json()))
    else:
        print_report(report)
    if not report.is_told:
        complain(
            "Popularity cannot be told from chance here by both measures: nothing is shown by it."
        )
    return DONE


def print_report(report: PopularityReport) -> None:
    """Print the figures for people."""
    table = Table(
        title=f"{report.n_tracks:,} played tracks of {report.n_artists:,} artists, each by a model "
        "that knows no track of its artist",
        title_justify="left",
        box=None,
        header_style="bold",
    )
    for column in ("", "Spearman", "", f"nDCG@{report.k}", ""):
        table.add_column(column, justify="left" if column == "" else "right")
    chance = next(iter(report.ndcg.values())).chance
    table.add_row("chance", ".000", "", f"{chance:.3f}", "")
    for name, one in report.spearman.items():
        of = report.ndcg[name]
        table.add_row(name, *written(one), *written(of))
    TableConsole().print(table)
    gain = report.gain
    print(f"nDCG gained by the ranking loss: {gain.value:+.3f} ({bounds(gain[1:3], '+.3f')})")


def written(one: Any) -> tuple[str, str]:
    """Write a figure and its interval."""
    return f"{one.value:.3f}", bounds((one.low, one.high))


COMMAND = evaluation(parse, run)
