"""The running or last import that was begun on a page: a small JSON file in the home."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import psutil

from index.storage import replacing

STATE_NAME = "import.json"
LOCK_NAME = "import.lock"
INTERVAL = 0.5  # s between two writes
_SAME_TIME = 2.0  # s by which the reported start of one process may differ


@dataclass(frozen=True)
class ImportState:
    """An import that runs or has ended.

    state     "died": its process was killed
    process   its id, which process_began, in Unix seconds, identifies
    person    who began it: a listener's name
    file      the name of the file
    stage     "read", "match" or "learn"; `done` rows or recordings of it
    ended     Unix seconds, None while it runs
    lines     what became of the file, in sentences
    counts    figures of the file, as `earshot import --json` prints them
    """

    state: Literal["running", "done", "failed", "stopped", "died"]
    process: int
    process_began: float
    person: str
    file: str
    stage: str = "read"
    done: int = 0
    ended: float | None = None
    lines: tuple[str, ...] = ()
    counts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def running(self) -> bool:
        """Whether the import runs."""
        return self.state == "running"


def read_import(home: Path) -> ImportState | None:
    """Read the state of the last import, None where there is none."""
    try:
        values = json.loads((home / STATE_NAME).read_text(encoding="utf-8"))
        state = ImportState(**{**values, "lines": tuple(values["lines"])})
    except (OSError, ValueError, TypeError, KeyError):  # none, or damaged
        return None
    return replace(state, state="died") if state.running and not _process(state) else state


def stop_import(home: Path) -> bool:
    """Ask the running import to stop and keep what it has read; return whether there was one."""
    state = read_import(home)
    process = _process(state) if state is not None and state.running else None
    if process is None:
        return False
    with suppress(psutil.NoSuchProcess):
        process.terminate()
    return True


def _process(state: ImportState) -> psutil.Process | None:
    try:
        process = psutil.Process(state.process)
        same = abs(process.create_time() - state.process_began) < _SAME_TIME
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None


class ImportRecord:
    """Writes the state of this process's import."""

    def __init__(self, home: Path, person: str, file: str) -> None:
        self._home = home
        self._written = 0.0
        began = psutil.Process().create_time()
        self.state = ImportState("running", os.getpid(), began, person, file)
        self._write()

    def show(self, stage: str, done: int) -> None:
        """Say how far it has come."""
        self.state = replace(self.state, stage=stage, done=done)
        if time.monotonic() - self._written > INTERVAL:
            self._write()

    def say(self, *lines: str) -> None:
        """Add sentences."""
        self.state = replace(self.state, lines=(*self.state.lines, *lines))

    def end(
        self, state: Literal["done", "failed", "stopped"], counts: Mapping[str, Any] | None = None
    ) -> None:
        """Write how it ended. Raises OSError."""
        self.state = replace(self.state, state=state, ended=time.time(), counts=counts or {})
        self._write()

    def _write(self) -> None:
        self._written = time.monotonic()
        with replacing(self._home / STATE_NAME) as file:
            file.write(json.dumps(asdict(self.state)).encode())
