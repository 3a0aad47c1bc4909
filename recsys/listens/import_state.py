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
from recsys.catalog.processes import find_process

STATE_NAME = "import.json"
LOCK_NAME = "import.lock"
INTERVAL = 0.5  # s between two writes


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
    if state.running and find_process(state.process, state.process_began) is None:
        return replace(state, state="died")
    return state


def stop_import(home: Path) -> bool:
    """Ask the running import to stop and keep what it has read; return whether there was one."""
    state = read_import(home)
    if state is None or not state.running:
        return False
    process = find_process(state.process, state.process_began)
    if process is None:
        return False
    with suppress(psutil.NoSuchProcess):
        process.terminate()
    return True


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
