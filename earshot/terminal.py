"""Printing on a terminal: text from files and tags without control characters, tables, errors."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import NoReturn

from rich.console import Console

from recsys.home.named_home import naming_home

WIDE = 500  # columns, where nothing limits them


_home: ContextVar[Path | None] = ContextVar("home", default=None)


class ReaderGone(Exception):
    """Nobody reads standard output any more."""


def printable(text: str) -> str:
    """Replace control characters and what cannot be encoded by question marks.

    >>> printable("a\\x1b[2Jb")
    'a?[2Jb'
    """
    text = text.encode("utf-8", "replace").decode()
    return "".join("?" if unicodedata.category(c) == "Cc" else c for c in text)


@contextmanager
def home_named(home: Path | None) -> Iterator[None]:
    """Let what is suggested meanwhile be for this home; None where --home was not given."""
    token = _home.set(home)
    try:
        yield
    finally:
        _home.reset(token)


def suggesting(sentence: str) -> str:
    """Return a sentence whose commands, between backticks, are for the home that --home named."""
    return naming_home(sentence, _home.get())


def complain(error: Exception | str) -> None:
    """Print an error or a remark on standard error."""
    print(printable(suggesting(str(error))), file=sys.stderr, flush=True)


class TableConsole(Console):
    """Standard output for tables, which are printed whole where it is no terminal."""

    def __init__(self) -> None:
        super().__init__(markup=False, highlight=False, emoji=False)
        if not self.is_terminal:
            self.width = max(self.width, WIDE)

    def on_broken_pipe(self) -> NoReturn:
        """Raise ReaderGone, where rich would end the process with exit status 1."""
        self.quiet = True
        raise ReaderGone
