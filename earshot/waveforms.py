"""Read how loud a file is over its length, in a process of its own, for a server."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from encoders.decoding import DecoderProcess
from encoders.errors import AudioError, FileUnavailable

SECONDS = 60  # of processor time: those of two hundred songs


def levels_of(path: Path, duration: float) -> bytes | None:
    """Return a file's levels; empty for no audio, None where it cannot be read for the moment."""
    with closing(DecoderProcess(nice=10, seconds=SECONDS)) as decoder:
        decoder.request_levels(path, duration)
        try:
            return decoder.receive_levels(path).tobytes()
        except FileUnavailable:
            return None
        except AudioError:
            return b""
