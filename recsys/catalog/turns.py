"""Threads of one process that write take turns, so that few of them wait for other programs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

SHORT = 0.25  # s: as long as a turn may take where nobody else holds the database


class NoTurn(Exception):
    """Others went on writing for longer than this thread may wait."""


class Turns:
    """Lets one thread write at a time, the others wait.

    At most `most_waiting` threads, None for any number, wait for up to `patience` seconds in which
    nobody's writing succeeds; more wait for SHORT: where another program holds the database, the
    other threads of a server go on reading.
    """

    def __init__(self, patience: float, most_waiting: int | None) -> None:
        self._turn = threading.Lock()
        self._count = threading.Lock()
        self._n_waiting = 0
        self._n_written = 0
        self._patience = patience
        self._most_waiting = most_waiting

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Hold the turn. Raises NoTurn."""
        if not self._turn.acquire(blocking=False):
            self._wait()
        try:
            yield
            self._n_written += 1
        finally:
            self._turn.release()

    def _wait(self) -> None:
        with self._count:
            may_wait = self._most_waiting is None or self._n_waiting < self._most_waiting
            self._n_waiting += may_wait
        try:
            patience = self._patience if may_wait else min(SHORT, self._patience)
            written = self._n_written
            while not self._turn.acquire(timeout=patience):
                if written == self._n_written:
                    raise NoTurn
                written = self._n_written
        finally:
            with self._count:
                self._n_waiting -= may_wait
