"""The state of the running or last build: a small JSON file in the home.

The build replaces it, at most twice a second; pages, programs and other builds read it. It is
derived: deleting it only loses what is shown of the last build.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import psutil

from index.storage import replacing
from recsys.catalog import BuildRunning
from recsys.catalog.processes import find_process
from recsys.library.build import Progress

STATE_NAME = "build.json"
STAGES = {
    "start": "Starting",
    "demo": "Rendering the demo library",
    "scan": "Looking for files",
    "identify": "Identifying",
    "analyse": "Analysing",
    "compare": "Comparing copies",
    "fit": "Fitting the projection",
    "index": "Indexing",
    "describe": "Estimating tempo and key",
    "head": "Learning from artists and genres",
    "map": "Drawing the map",
    "learn": "Learning from listens",
}
MEASURED = ("identify", "analyse", "describe")  # stages with a rate and an estimate

INTERVAL = 0.5  # s between two writes
N_LINES = 20  # last sentences that are stored


@dataclass(frozen=True)
class BuildState:
    """A build that runs or has ended.

    state      "died": its process ended without writing a state
    process    its id; process_began, in Unix seconds like the next three, identifies it
    ended      None while it runs
    stage      one of STAGES, with how many of how many are done and how many failed
    rate       items an hour, in a stage of MEASURED; left: seconds until its end. None if unknown
    lines      its last messages, in sentences
    folders    of the library, over all builds
    options    of `earshot build`, to update the library
    result     figures of the last complete build, as --json prints them; None if there is none
    """

    state: Literal["running", "done", "stopped", "failed", "died"]
    process: int
    process_began: float
    began: float
    updated: float
    ended: float | None = None
    stage: str = "start"
    done: int = 0
    total: int = 0
    failed: int = 0
    rate: float | None = None
    left: float | None = None
    lines: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    options: Mapping[str, str | int] = field(default_factory=dict)
    result: Mapping[str, Any] | None = None

    @property
    def running(self) -> bool:
        """Whether the build runs."""
        return self.state == "running"

    @property
    def seconds(self) -> float:
        """How long it took, or has taken at its last write."""
        return (self.ended or self.updated) - self.began


def read_state(home: Path) -> BuildState | None:
    """Read the state of the last build, None where there is none."""
    try:
        values = json.loads((home / STATE_NAME).read_text(encoding="utf-8"))
        lines, folders = tuple(values.pop("lines")), tuple(values.pop("folders"))
        state = BuildState(**values, lines=lines, folders=folders)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):  # damaged
        return None
    if state.running and find_process(state.process, state.process_began) is None:
        return replace(state, state="died", ended=state.updated)
    return state


def stop(home: Path) -> bool:
    """Ask the running build to stop and keep its results; return whether there was one."""
    state = read_state(home)
    if state is None or not state.running:
        return False
    process = find_process(state.process, state.process_began)
    if process is None:
        return False
    try:
        process.terminate()  # SIGINT is ignored by processes started in the background
    except psutil.NoSuchProcess:
        return False
    return True


class BuildRecord:
    """Writes the state of a build while it runs, and how it ended.

    Errors of writing are ignored: the build itself reports a home that cannot be written to.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._written = self._stage_began = 0.0
        self._is_ours = True  # the file, not another build's

    def __enter__(self) -> Self:
        """Begin. Raises BuildRunning where another build runs."""
        last = read_state(self._home)
        # One of this process has ended: its last state could not be written.
        if last is not None and last.running and last.process != os.getpid():
            raise BuildRunning.on(self._home, last.process)
        now = time.time()
        began = psutil.Process().create_time()
        self.state = BuildState("running", os.getpid(), began, now, now)
        if last is not None:
            self.state = replace(
                self.state, folders=last.folders, options=last.options, result=last.result
            )
        self._stage_began = now
        self._write()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, BuildRunning):  # which may have written the file since
            last = read_state(self._home)
            self._is_ours = last is None or last.process == os.getpid()
        state = "stopped" if isinstance(error, KeyboardInterrupt) else "failed"
        self._set(state=state if error else "done", ended=time.time())
        self._write()

    def show(self, progress: Progress) -> BuildState:
        """Write the progress of a stage, and return the state."""
        now = time.time()
        begins = progress.stage != self.state.stage
        if begins:
            self._stage_began = now
        rate = left = None
        if progress.done and progress.stage in MEASURED:
            rate = progress.done / max(now - self._stage_began, 1e-9)
            left = (progress.total - progress.done) / rate
        self._set(**progress._asdict(), rate=rate and 3600 * rate, left=left)
        if begins or not 0 <= now - self._written < INTERVAL:
            self._write()
        return self.state

    def say(self, sentence: str) -> None:
        """Add a sentence to the last ones."""
        self._set(lines=(*self.state.lines, sentence)[-N_LINES:])
        if not self.state.running:  # why it ended
            self._write()

    def plan(self, folders: Sequence[Path], options: Mapping[str, str | int]) -> None:
        """Write the folders and options with which this home can be updated."""
        self._set(folders=tuple(map(str, folders)), options=options)
        self._write()

    def finish(self, result: Mapping[str, Any]) -> None:
        """Set the figures of a complete build."""
        self._set(result=result)

    def _set(self, **changes: Any) -> None:
        self.state = replace(self.state, updated=time.time(), **changes)

    def _write(self) -> None:
        if self._is_ours:
            self._written = time.time()
            with suppress(OSError), replacing(self._home / STATE_NAME) as file:
                file.write(json.dumps(asdict(self.state)).encode())
