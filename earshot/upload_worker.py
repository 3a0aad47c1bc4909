"""Analyse an uploaded file, in a process of its own with bounded time and memory.

Run by `earshot serve` for files that a person drops on the page; prints one line of JSON.

    python -m earshot.upload_worker --home ~/music-home FILE
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import numpy as np

from earshot.extras import how_to_install
from index.arrays import Float32Array
from recsys.home.files import PROJECTION_NAME, WEIGHTS_NAME
from webui.uploads import SoundRefused

_log = logging.getLogger(__name__)

SECONDS = 120  # of processor time; and twice of the clock's
MEMORY = 4 << 30  # bytes of data: the networks take about one
POLL = 0.2  # s between two looks whether the server is closing


class UploadAnalyser:
    """Analyses uploaded files with the taggers of one home, until the server is `closing`."""

    def __init__(
        self,
        home: Path,
        closing: threading.Event,
        *,
        seconds: int = SECONDS,
        memory: int = MEMORY,
    ) -> None:
        self._home = home
        self._closing = closing
        self._seconds = seconds
        self._memory = memory

    def __call__(self, path: Path) -> tuple[str, Float32Array]:
        """Return the projection's id and the embedding (dim,). Raises SoundRefused."""
        limits = ["--seconds", str(self._seconds), "--memory", str(self._memory)]
        command = [sys.executable, "-P", "-m", "earshot.upload_worker"]
        command += ["--home", str(self._home), *limits, str(path)]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        ) as process:
            try:
                out, errors = self._outcome(process)
            finally:
                _end(process)
        if process.returncode:
            _log.warning("analysis ended with %d: %s", process.returncode, errors[-500:])
            raise SoundRefused("Its analysis takes too much memory or time.")
        answer = json.loads(out)
        if "error" in answer:
            raise SoundRefused(answer["error"])
        return answer["projection"], np.array(answer["vector"], np.float32)

    def _outcome(self, process: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
        """Return what a process prints. Raises SoundRefused after too long, or at the end."""
        deadline = time.monotonic() + 2 * self._seconds
        while time.monotonic() < deadline:
            if self._closing.is_set():
                raise SoundRefused("The server is being stopped.")
            with suppress(subprocess.TimeoutExpired):
                return process.communicate(timeout=POLL)
        raise SoundRefused("Its analysis takes too long.")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process, and what it started."""
    if sys.platform == "win32":
        process.kill()
        return
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def main() -> int:
    """Analyse one file; exit status 0 also for a file that cannot be analysed."""
    parser = argparse.ArgumentParser(description="Analyse a file for a server.")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--seconds", type=int, default=SECONDS, help="of processor time")
    parser.add_argument("--memory", type=int, default=MEMORY, help="bytes")
    parser.add_argument("file", type=Path)
    args = parser.parse_args()
    _limit(args.seconds, args.memory)
    print(json.dumps(_analyse(args.file, args.home)))
    return 0


def _analyse(file: Path, home: Path) -> dict[str, object]:
    """Return the projection's id and the file's embedding, or the error."""
    # Only now, within the limits.
    from encoders.errors import AudioError, WeightsError  # noqa: PLC0415
    from encoders.projection import Projection, ProjectionError  # noqa: PLC0415

    try:
        from encoders.extract import load_known_extractor  # noqa: PLC0415

        projection = Projection.load(home / PROJECTION_NAME)
        extractor = load_known_extractor(projection.extractors, home / WEIGHTS_NAME)
        vector = projection.embed([extractor.features(file)])[0]
    except ModuleNotFoundError as error:
        sentence = how_to_install(error)
        if sentence is None:
            raise
        return {"error": f"This server does not analyse files: {sentence}"}
    except (AudioError, ProjectionError, WeightsError) as error:
        return {"error": str(error).replace(str(file), "It")}
    return {"projection": projection.id, "vector": vector.tolist()}


def _limit(seconds: int, memory: int) -> None:
    """Bound this process and what it starts, where the system can."""
    if sys.platform != "win32":
        import resource  # noqa: PLC0415 - where there is none

        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
        os.nice(10)


if __name__ == "__main__":
    sys.exit(main())
