"""Analyse uploaded files, one after another, in a process with bounded time and memory.

`earshot serve` runs it for the files that people drop on the page; see `earshot.upload_analyser`.
It reads requests as JSON lines from standard input, and answers each with a JSON line. What reads a
file's bytes is a process of each file's own (`encoders.decoding`), so that a file can harm its own
analysis alone.

    python -m earshot.upload_worker --home ~/music-home --seconds 120 --memory 4294967296
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from earshot.extras import how_to_install
from earshot.limits import limit_memory
from recsys.home.files import PROJECTION_NAME, WEIGHTS_NAME

if TYPE_CHECKING:
    from encoders.extract import Extractor


class Analysis:
    """The analysis of files by the taggers of one home, which stay loaded."""

    def __init__(self, home: Path, seconds: int) -> None:
        """`seconds` of processor time may be taken by the decoding of a file."""
        self._home = home
        self._seconds = seconds
        self._names: tuple[str, ...] = ()  # of the features that the extractor makes
        self._extractor: Extractor | None = None

    def answer(self, file: Path) -> dict[str, object]:
        """Return the projection's id and the file's embedding, or the error."""
        # Only now, within the limits.
        from encoders.errors import AudioError, WeightsError  # noqa: PLC0415
        from encoders.projection import Projection, ProjectionError  # noqa: PLC0415

        try:
            projection = Projection.load(self._home / PROJECTION_NAME)
            features = self._load(projection.extractors).features(file, seconds=self._seconds)
            vector = projection.embed([features])[0]
        except ModuleNotFoundError as error:
            sentence = how_to_install(error)
            if sentence is None:
                raise
            return {"error": f"This server does not analyse files: {sentence}"}
        except (AudioError, ProjectionError, WeightsError) as error:
            return {"error": str(error).replace(str(file), "It")}
        return {"projection": projection.id, "vector": vector.tolist()}

    def _load(self, names: tuple[str, ...]) -> Extractor:
        """Return the extractor of these features. Raises WeightsError."""
        from encoders.extract import load_known_extractor  # noqa: PLC0415

        if self._extractor is None or self._names != names:
            self._extractor = None  # whose memory the next one needs
            self._extractor = load_known_extractor(names, self._home / WEIGHTS_NAME)
            self._names = names
        return self._extractor


def main() -> int:
    """Answer requests until standard input ends, and with it the server."""
    parser = argparse.ArgumentParser(description="Analyse files for a server.")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--seconds", type=int, required=True, help="of processor time, for a file")
    parser.add_argument("--memory", type=int, required=True, help="bytes of data")
    args = parser.parse_args()
    limit_memory(args.memory)
    answers = _own_output()
    requests: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(sys.stdin.buffer, requests), daemon=True).start()
    analysis = Analysis(args.home, args.seconds)
    while True:
        file = Path(json.loads(requests.get())["file"])
        _limit_time(args.seconds)
        answers.write(json.dumps(analysis.answer(file)).encode() + b"\n")
        answers.flush()


def _receive(pipe: BinaryIO, requests: queue.SimpleQueue[bytes]) -> None:
    """Queue requests; end the process when the server ends, also in the middle of a file."""
    for line in pipe:
        requests.put(line)
    os._exit(0)


def _own_output() -> BinaryIO:
    """Return standard output, where from now on nobody else writes."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return answers


def _limit_time(seconds: int) -> None:
    """Bound the processor time from now on; the decoder of a file has a limit of its own."""
    if sys.platform != "win32":
        import resource  # noqa: PLC0415 - where there is none

        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        soft = int(time.process_time()) + seconds
        if hard != resource.RLIM_INFINITY:
            soft = min(soft, hard)
        resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


if __name__ == "__main__":
    sys.exit(main())
