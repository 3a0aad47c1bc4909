"""The progress of a build on the terminal."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

from earshot.terminal import printable, suggesting
from encoders.extract import Extractor
from recsys.library import build
from recsys.library.build_state import STAGES, BuildRecord, BuildState

if TYPE_CHECKING:
    from earshot.on_ray.extractor import RayExtractor

PLAIN_INTERVAL = 10.0  # s between lines where there is no terminal
SLOW = 5.0  # s after which a file is named


@dataclass
class BuildDisplay:
    """Progress on standard error: live on a terminal, a line now and then otherwise."""

    console: Console = field(default_factory=lambda: Console(stderr=True, highlight=False))
    extractor: Extractor | RayExtractor | None = None
    record: BuildRecord | None = None
    _stage: str = ""
    _last_line: float = 0.0

    def __enter__(self) -> BuildDisplay:
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[details]}"),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        self._task = self._bar.add_task("Starting", total=None, details="")
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop drawing."""
        self._bar.stop()

    def say(self, sentence: str) -> None:
        """Print a sentence beside the progress, and add it to the build record."""
        sentence = suggesting(sentence)
        self._print(sentence)
        if self.record:
            self.record.say(sentence)

    def show(self, progress: build.Progress) -> None:
        """Show how far a stage has come."""
        now = time.monotonic()
        name = STAGES[progress.stage]
        state = self.record.show(progress) if self.record else None
        if progress.stage != self._stage:
            self._stage, self._last_line = progress.stage, now
            if not self.console.is_terminal and progress.total:
                self._print(f"{name}: {progress.total}")
        details = self._details(progress, state)
        self._bar.update(
            self._task,
            description=name,
            completed=progress.done,
            total=progress.total or None,
            details=details.removeprefix(", "),
        )
        if not self.console.is_terminal and now - self._last_line > PLAIN_INTERVAL:
            self._last_line = now
            self._print(f"{name}: {progress.done} of {progress.total}{details}")

    def _print(self, line: str) -> None:
        self.console.print(printable(line), markup=False, soft_wrap=True)

    def _details(self, progress: build.Progress, state: BuildState | None) -> str:
        parts = []
        if progress.failed:
            parts.append(f"{progress.failed} failed")
        if state and state.rate and progress.stage == "analyse":
            parts.append(f"{state.rate:,.0f} songs/hour")
        if state and state.left is not None:
            parts.append(f"{int(state.left // 60)}:{int(state.left % 60):02} left")
        slowest = self.extractor.in_progress()[:1] if self.extractor else []
        parts += [
            f"{printable(path.name)} takes {took:.0f} s" for path, took in slowest if took > SLOW
        ]
        return "".join(f", {part}" for part in parts)
