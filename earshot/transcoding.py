"""Transcoding for browsers, in a process of its own for each listener."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

_ROOT = Path(__file__).parents[1]
_PIECE = 1 << 16  # bytes


def transcoded(path: Path, start: float) -> Generator[bytes, None, None]:
    """Give a file's sound from `start` seconds on as MP3, piece by piece; nothing for no audio.

    Closing the generator ends the process.
    """
    command = [sys.executable, "-m", "encoders.transcoding", str(path), "--start", str(start)]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=_ROOT,
        start_new_session=True,  # Ctrl-C is for the server to handle
    ) as process:
        try:
            while process.stdout and (piece := process.stdout.read(_PIECE)):
                yield piece
        finally:
            process.kill()
