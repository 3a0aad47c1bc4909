"""A command with subcommands, each in a module that is imported when it is run."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from typing import NamedTuple, Protocol, cast

from earshot.extras import how_to_install

NOTHING = 1


class Runnable(Protocol):
    """A command, or a group of them."""

    def main(self, arguments: Sequence[str]) -> int:
        """Run with these arguments and return the exit status."""


class Subcommand(NamedTuple):
    """The module of `earshot.commands` whose COMMAND is run, and what it does."""

    module: str
    summary: str


@dataclass(frozen=True)
class Group:
    """A command that only runs one of its subcommands."""

    name: str
    description: str
    subcommands: Mapping[str, Subcommand]
    version: str | None = None

    def main(self, arguments: Sequence[str]) -> int:
        """Run the subcommand that the arguments begin with and return its exit status."""
        parser = self._parser()
        if arguments and not arguments[0].startswith("-"):
            self._check(parser, arguments[0])
        name = parser.parse_args(arguments[:1]).subcommand
        try:
            command = self.load(name)
        except ModuleNotFoundError as error:
            sentence = how_to_install(error)
            if sentence is None:
                raise
            print(f"{self.name} {name}: {sentence}", file=sys.stderr)
            return NOTHING
        return command.main(arguments[1:])

    def load(self, name: str) -> Runnable:
        """Import a subcommand."""
        module = import_module(f"earshot.commands.{self.subcommands[name].module}")
        return cast(Runnable, module.COMMAND)

    def _parser(self) -> argparse.ArgumentParser:
        width = max(map(len, self.subcommands))
        lines = [f"  {name:{width}}  {sub.summary}" for name, sub in self.subcommands.items()]
        parser = argparse.ArgumentParser(
            prog=self.name,
            description=self.description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            epilog="\n".join(
                ["commands:", *lines, "", f"Options of a command: {self.name} COMMAND --help"]
            ),
        )
        if self.version is not None:
            parser.add_argument(
                "--version", action="version", version=self.version, help="show the version"
            )
        parser.add_argument("subcommand", metavar="COMMAND ...", help=argparse.SUPPRESS)
        return parser

    def _check(self, parser: argparse.ArgumentParser, name: str) -> None:
        """End with exit status 2 and the nearest name where there is no such subcommand."""
        if name in self.subcommands:
            return
        near = get_close_matches(name, self.subcommands, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"There are {', '.join(self.subcommands)}."
        parser.error(f"there is no command {name}. {hint}")
