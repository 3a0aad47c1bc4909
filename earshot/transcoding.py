"""Transcode for browsers and players, in a process for each stream."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

from webui.api.media import BIT_RATE, StreamKind

_PIECE = 1 << 16  # bytes


def transcoded(
    path: Path,
    start: float,
    *,
    stop: float | None = None,
    bit_rate: int = BIT_RATE,
    kind: StreamKind = "mp3",
) -> Generator[bytes, None, None]:
    """Yield a file's audio from `start` to `stop` seconds, in pieces; nothing for no audio.

    `bit_rate` is in thousands of bits a second.

    Closing the generator ends the process.
    """
    command = [sys.executable, "-P", "-m", "encoders.transcoding", str(path)]
    command += ["--start", str(start), "--bit-rate", str(bit_rate), "--to", kind]
    command += [] if stop is None else ["--stop", str(stop)]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for the server to handle
    ) as process:
        try:
            while process.stdout and (piece := process.stdout.read(_PIECE)):
                yield piece
        finally:
            process.kill()
