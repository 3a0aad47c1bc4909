"""Parsing command lines: what the parsers of several commands share."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

STATUSES = "Exit status: 0 done; {nothing}; 2 usage; 130 stopped."
HOME_HELP = "the home: catalogue and index (default: EARSHOT_HOME, or the user's data folder)"


def new_parser(
    command: str,
    description: str,
    *,
    nothing: str = "1 nothing usable",
    statuses: str | None = None,
    epilog: str = "",
) -> argparse.ArgumentParser:
    """Return a parser whose help ends with the exit statuses, and which knows --home."""
    statuses = STATUSES.format(nothing=nothing) if statuses is None else statuses
    parser = argparse.ArgumentParser(
        prog=f"earshot {command}",
        description=description,
        epilog=f"{epilog} {statuses}".strip(),
    )
    parser.add_argument("--home", type=Path, metavar="FOLDER", help=HOME_HELP)
    return parser


def add_subcommands(
    parser: argparse.ArgumentParser, summaries: Mapping[str, str]
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Add subcommands with their summaries, and give each one's name and parser.

    Which is chosen is `subcommand`. Each takes --home, too.
    """
    commands = parser.add_subparsers(
        title="commands", dest="subcommand", metavar="COMMAND", required=True
    )
    for name, summary in summaries.items():
        command = commands.add_parser(
            name, help=summary, description=f"{summary[0].upper()}{summary[1:]}."
        )
        command.add_argument(
            "--home", type=Path, metavar="FOLDER", default=argparse.SUPPRESS, help=HOME_HELP
        )
        yield name, command


def add_json(parser: argparse._ActionsContainer) -> None:
    """Add --json."""
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def whole_number(minimum: int, maximum: int | None = None) -> Callable[[str], int]:
    """Return what parses a whole number from `minimum` to `maximum`."""
    wanted = f"of at least {minimum}" if maximum is None else f"from {minimum} to {maximum}"

    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = minimum - 1
        if number < minimum or (maximum is not None and number > maximum):
            raise argparse.ArgumentTypeError(f"takes a whole number {wanted}, not {text}")
        return number

    return parse


def output_file(*suffixes: str) -> Callable[[str], Path]:
    """Return what parses the path of a file to write, whose name ends in one of `suffixes`."""

    def parse(text: str) -> Path:
        path = Path(text)
        if path.suffix.lower() not in suffixes:
            wanted = " or ".join(suffixes)
            raise argparse.ArgumentTypeError(f"takes a file that ends in {wanted}, not {text}")
        if not path.absolute().parent.is_dir():
            raise argparse.ArgumentTypeError(f"there is no folder {path.absolute().parent}")
        return path

    return parse


def names(text: str) -> tuple[str, ...]:
    """Split names at commas.

    >>> names("rock, jazz,")
    ('rock', 'jazz')
    """
    return tuple(name.strip() for name in text.split(",") if name.strip())
