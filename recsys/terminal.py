"""Text from files and tags, made fit for a terminal."""

from __future__ import annotations

import unicodedata


def printable(text: str) -> str:
    """Replace what a terminal cannot show, or would obey.

    >>> printable("a\\x1b[2Jb")
    'a?[2Jb'
    """
    text = text.encode("utf-8", "replace").decode()
    return "".join("?" if unicodedata.category(c) == "Cc" else c for c in text)
