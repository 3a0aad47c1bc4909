"""Text from files and tags, made fit for a terminal, and where tables are printed."""

from __future__ import annotations

import unicodedata

from rich.console import Console

WIDE = 500  # columns, where nothing limits them


def printable(text: str) -> str:
    """Replace what a terminal cannot show, or would obey.

    >>> printable("a\\x1b[2Jb")
    'a?[2Jb'
    """
    text = text.encode("utf-8", "replace").decode()
    return "".join("?" if unicodedata.category(c) == "Cc" else c for c in text)


def table_console() -> Console:
    """Return standard output for tables, which are whole where it is no terminal."""
    console = Console(markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = max(console.width, WIDE)
    return console
