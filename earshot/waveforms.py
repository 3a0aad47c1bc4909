"""Read how loud a file is over its length, in a process of its own, for a server."""

from __future__ import annotations

from contextlib import closing

from encoders.decoding import DecoderProcess
from encoders.errors import AudioError, FileUnavailable
from recsys.catalog import Track

SECONDS = 60  # of processor time: those of two hundred songs


def levels_of(track: Track) -> bytes | None:
    """Return a track's levels; empty for no audio, None where it cannot be read for the moment."""
    with closing(DecoderProcess(nice=10, seconds=SECONDS)) as decoder:
        decoder.request_levels(track.span)
        try:
            return decoder.receive_levels(track.path).tobytes()
        except FileUnavailable:
            return None
        except AudioError:
            return b""
