"""Write docs/commands.md: the help of every command and subcommand.

uv run python -m docs.write_commands
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path

from earshot.cli import EARSHOT
from earshot.commands import account, playlists
from earshot.group import Group

SUBCOMMANDS = {"account": account.SUBCOMMANDS, "playlists": playlists.SUBCOMMANDS}
PATH = Path(__file__).with_name("commands.md")
WIDTH = "100"  # columns
HEAD = """# Commands

`earshot COMMAND --help`, as it is printed: written by `uv run python -m docs.write_commands`, and
compared by a test. In a checkout every command is also a script: `python scripts/build_index.py` is
`earshot build`.
"""


def commands(group: Group, *names: str) -> Iterator[tuple[str, ...]]:
    """Yield the names of a group, its subcommands and theirs."""
    yield names
    for name in group.subcommands:
        subcommand = group.load(name)
        if isinstance(subcommand, Group):
            yield from commands(subcommand, *names, name)
        else:
            yield (*names, name)
        yield from ((name, subcommand) for subcommand in SUBCOMMANDS.get(name, ()))


def help_of(names: tuple[str, ...]) -> str:
    """Return what --help prints."""
    printed = io.StringIO()
    try:
        with redirect_stdout(printed):
            EARSHOT.main([*names, "--help"])
    except SystemExit:
        return printed.getvalue()
    raise RuntimeError(f"{names} has no help")


def document() -> str:
    """Return docs/commands.md."""
    parts = [HEAD]
    for names in commands(EARSHOT):
        level = "#" * min(len(names) + 1, 3) if names else "##"
        parts.append(f"\n{level} earshot {' '.join(names)}".rstrip())
        parts.append(f"\n\n```text\n{help_of(names).rstrip()}\n```\n")
    return "".join(parts)


if __name__ == "__main__":
    os.environ["COLUMNS"] = WIDTH
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else PATH
    path.write_text(document(), encoding="utf-8")
