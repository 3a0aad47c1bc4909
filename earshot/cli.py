"""The command `earshot`: it names its subcommands and runs one."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

COMMANDS = {  # name: module of `earshot.commands`, what it does
    "build": ("build", "index music folders"),
    "similar": ("similar", "find what sounds like a track or a file"),
    "recommend": ("recommend", "make a mix"),
    "import": ("import_listens", "read listening histories"),
    "serve": ("serve", "start the web pages and the API"),
    "evaluate": ("evaluate", "measure retrieval and recommendation"),
    "train-head": ("train_head", "learn similarity from the library's own labels"),
    "train-tagger": ("train_tagger", "train a tagger on labelled music"),
    "teach": ("teach", "make a tag of your own from examples"),
    "account": ("account", "manage the accounts of a server"),
    "weights": ("weights", "list and fetch published taggers"),
    "plot": ("plot", "draw what a tagger's first layer responds to"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="earshot",
        description="Find music that sounds alike, and make mixes of it.",
        epilog="earshot COMMAND --help tells more of one.",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (_, summary) in COMMANDS.items():
        commands.add_parser(name, help=summary, add_help=False)
    given = list(sys.argv[1:] if arguments is None else arguments)
    args, rest = parser.parse_known_args(given[:1])
    del rest
    module = importlib.import_module(f"earshot.commands.{COMMANDS[args.command][0]}")
    status: int = module.main(given[1:])
    return status
