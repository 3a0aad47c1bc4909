"""The child processes of a test, without those that other tests of its worker have left running."""

from __future__ import annotations

import psutil

_earlier: set[psutil.Process] = set()


def begin() -> None:
    """Note which processes were there before a test."""
    _earlier.clear()
    _earlier.update(psutil.Process().children())


def own_children() -> list[psutil.Process]:
    """Return the processes that were started since, and have not been waited for."""
    return [child for child in psutil.Process().children() if child not in _earlier]
