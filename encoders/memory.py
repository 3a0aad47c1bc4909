"""Peak memory of a job, over all its processes."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

import psutil

_GROWTH = 1.01
_MOST_SKIPPED = 20  # samples


class PeakMemory:
    """Samples, while its block runs, the summed memory of this process and its children.

    Memory is the proportional set size where the system tells it (Linux), so that shared pages
    count once, and the unique set size elsewhere. They take 20 ms of a core to read for a gigabyte,
    so they are read only where the resident set size is the largest so far: at once if it has grown
    by 1 %, and else not in each sample. `peak` is in bytes.
    """

    def __init__(self, interval: float = 0.5) -> None:
        self.peak = 0
        self._interval = interval
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _sample(self) -> None:
        this, largest, n_skipped = psutil.Process(), 0, 0
        while True:
            family = [this, *this.children(recursive=True)]
            resident = sum(_resident(process) for process in family)
            n_skipped += 1
            if resident > (_GROWTH if n_skipped < _MOST_SKIPPED else 1.0) * largest:
                largest, n_skipped = resident, 0
                self.peak = max(self.peak, sum(_footprint(process) for process in family))
            if self._stop.wait(self._interval):
                return


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:  # it ended meanwhile
        return 0


def _footprint(process: psutil.Process) -> int:
    try:
        memory = process.memory_full_info()
    except psutil.Error:  # it ended meanwhile
        return 0
    return int(memory.pss if psutil.LINUX else memory.uss)
