"""The options that describe tables of interactions and of items."""

from __future__ import annotations

import argparse
from pathlib import Path

from earshot.arguments import names
from recsys.evaluation.recommenders.tables import Columns


def add_tables(group: argparse._ArgumentGroup) -> None:
    """Add the options that describe tables."""
    group.add_argument("--interactions", type=Path, metavar="FILE", help="who played what")
    group.add_argument("--items", type=Path, metavar="FILE", help="what the items are")
    for option, default in (("user", "user"), ("item", "item")):
        group.add_argument(
            f"--{option}-column", default=default, metavar="NAME", help=f"(default: {default})"
        )
    group.add_argument("--count-column", metavar="NAME", help='(default: "count", or 1 each)')
    group.add_argument("--time-column", metavar="NAME", help="Unix seconds or ISO dates")
    group.add_argument("--artist-column", metavar="NAME", help='(default: "artist" if there)')
    group.add_argument("--album-column", metavar="NAME", help='(default: "album" if there)')
    group.add_argument(
        "--content-columns",
        type=names,
        metavar="NAME,…",
        help="numbers (default, if no texts are named: all numeric ones but ids and counts)",
    )
    group.add_argument(
        "--text-columns",
        type=names,
        metavar="NAME,…",
        help="lists such as rock|live:3 (default, if no numbers are named: genres)",
    )


def columns_of(args: argparse.Namespace) -> Columns:
    """Return the names of the columns that were given."""
    return Columns(
        args.user_column,
        args.item_column,
        args.count_column,
        args.time_column,
        args.artist_column,
        args.content_columns,
        args.text_columns,
        args.album_column,
    )
