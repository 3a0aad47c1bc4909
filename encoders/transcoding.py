"""Transcoding of any audio to MP3, for browsers that cannot decode it.

python -m encoders.transcoding FILE --start 30 > rest.mp3
"""

from __future__ import annotations

import argparse
import os
import sys
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import av

from encoders.audio import frames, opened
from encoders.errors import AudioError

RATE = 44_100  # Hz
BIT_RATE = 192_000  # bits a second, constant
SECONDS = 600  # of processor time
MEMORY = 1 << 30  # bytes of data


def transcode(path: Path, start: float, sink: BinaryIO) -> None:
    """Write a file's sound from `start` seconds on as a stereo MP3. Raises AudioError.

    Broken packets are stepped over.
    """
    options = {"write_xing": "0", "id3v2_version": "0"}  # which would take a sink that can seek
    with opened(path) as (container, stream), av.open(sink, "w", "mp3", options) as written:
        encoder = written.add_stream("libmp3lame", rate=RATE, layout="stereo")
        encoder.bit_rate = BIT_RATE
        resampler = av.AudioResampler("s16p", "stereo", RATE, encoder.codec_context.frame_size)
        time_base = stream.time_base or Fraction(1, stream.codec_context.sample_rate)
        origin = (stream.start_time or 0) * time_base
        if start:
            container.seek(int((start + origin) / time_base), stream=stream, backward=True)
        for frame in frames(container, stream):
            if frame.pts is not None and float(frame.pts * time_base - origin) < start:
                continue
            frame.pts = None
            for piece in resampler.resample(frame):
                written.mux(encoder.encode(piece))
        for piece in resampler.resample(None):
            written.mux(encoder.encode(piece))
        written.mux(encoder.encode(None))


def main() -> int | str:
    """Write to standard output within limits; return 0, or a sentence for what is no audio."""
    parser = argparse.ArgumentParser(description="Write any audio as MP3.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--start", type=float, default=0.0, metavar="SECONDS")
    args = parser.parse_args()
    if sys.platform != "win32":
        import resource  # noqa: PLC0415 - where there is none

        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
        os.nice(5)
    try:
        transcode(args.file, args.start, sys.stdout.buffer)
    except AudioError as error:
        return str(error)
    return 0


if __name__ == "__main__":
    sys.exit(main())
