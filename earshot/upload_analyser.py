"""The process that analyses uploaded files for a server: started, kept, and ended.

One process analyses all files, one at a time, so that torch and the taggers are loaded once. It is
started by the first file, ended after some idle minutes, with the server, and by a file that
crashes it or exceeds its limits: that file alone is refused, and the next one has a new process.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import numpy as np

from index.arrays import Float32Array
from webui.uploads import SoundRefused

_log = logging.getLogger(__name__)

SECONDS = 120  # of processor time that a file may take; and twice of the clock's
MEMORY = 4 << 30  # bytes of data: the networks take about one
IDLE = 300.0  # s without a file after which the process is ended
_POLL = 0.2  # s between two looks whether the server is closing
_SAID = 500  # bytes of what a crashed process said that are logged


class UploadAnalyser:
    """Analyses uploaded files with the taggers of one home, until the server is `closing`."""

    def __init__(
        self,
        home: Path,
        closing: threading.Event,
        *,
        seconds: int = SECONDS,
        memory: int = MEMORY,
        idle: float = IDLE,
    ) -> None:
        limits = ["--seconds", str(seconds), "--memory", str(memory)]
        self._command = [sys.executable, "-P", "-m", "earshot.upload_worker"]
        self._command += ["--home", str(home), *limits]
        self._closing = closing
        self._patience = 2 * seconds
        self._idle = idle
        self._lock = threading.Lock()  # held while a file is analysed
        self._worker: _Worker | None = None
        self._n_files = 0

    def __call__(self, path: Path) -> tuple[str, Float32Array]:
        """Return the projection's id and the embedding (dim,). Raises SoundRefused."""
        with self._lock:
            self._n_files += 1
            if self._worker is None or not self._worker.is_running():
                self._end()
                self._worker = _Worker(self._command)
            try:
                self._worker.request(path)
                answer = self._answer(self._worker)
            except BaseException:
                self._end()
                raise
            ending = threading.Timer(self._idle, self._end_idle, [self._n_files])
            ending.daemon = True
            ending.start()
        if "error" in answer:
            raise SoundRefused(answer["error"])
        return answer["projection"], np.array(answer["vector"], np.float32)

    @property
    def process_id(self) -> int | None:
        """The process that is kept, None where there is none."""
        worker = self._worker
        return None if worker is None else worker.process.pid

    def close(self) -> None:
        """End the process, and whatever it is doing; no file is analysed any more."""
        self._closing.set()
        with self._lock:
            self._end()

    def _answer(self, worker: _Worker) -> dict[str, Any]:
        """Wait for an answer. Raises SoundRefused after too long, and when the server ends."""
        deadline = time.monotonic() + self._patience
        while time.monotonic() < deadline:
            if self._closing.is_set():
                raise SoundRefused("The server is being stopped.")
            with suppress(queue.Empty):
                return worker.receive(_POLL)
        raise SoundRefused("Its analysis takes too long.")

    def _end_idle(self, n_files: int) -> None:
        """End the process where no file came after the one with this number."""
        with self._lock:
            if self._n_files == n_files:
                self._end()

    def _end(self) -> None:
        if self._worker is not None:
            self._worker.end()
            self._worker = None


class _Worker:
    """One process of `earshot.upload_worker`."""

    def __init__(self, command: list[str]) -> None:
        self._said: IO[bytes] = tempfile.TemporaryFile("a+b")  # noqa: SIM115 - closed by `end`
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            start_new_session=True,
        )
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def is_running(self) -> bool:
        """Say whether the process has not ended."""
        return self.process.poll() is None

    def request(self, path: Path) -> None:
        """Ask for the analysis of a file."""
        self._said.truncate(0)
        assert self.process.stdin
        with suppress(OSError):  # it died just now; the answer that never comes will say so
            self.process.stdin.write(json.dumps({"file": str(path)}).encode() + b"\n")
            self.process.stdin.flush()

    def receive(self, timeout: float) -> dict[str, Any]:
        """Return the answer. Raises queue.Empty, and SoundRefused where the process ended."""
        line = self._lines.get(timeout=timeout)
        if line.endswith(b"\n"):
            answer: dict[str, Any] = json.loads(line)
            return answer
        status = self.process.wait()
        self._said.seek(0)
        _log.warning("analysis ended with %d: %s", status, self._said.read()[-_SAID:])
        raise SoundRefused("Its analysis crashed, or took too much memory or time.")

    def end(self) -> None:
        """End the process, and what it started."""
        if sys.platform == "win32":
            self.process.kill()
        else:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._reader.join()
        for pipe in (self.process.stdin, self.process.stdout, self._said):
            with suppress(OSError):  # of a request that it did not live to read
                if pipe is not None:
                    pipe.close()

    def _read(self) -> None:
        """Queue the lines of answers, and an empty one at the end."""
        assert self.process.stdout
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(b"")
