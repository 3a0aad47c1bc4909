"""Transcoding of any audio to MP3 or Opus, for browsers and players.

python -m encoders.transcoding FILE --start 30 --seconds 30 --to opus --bit-rate 96 > part.opus
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

import av

from encoders.audio import frames, opened
from encoders.errors import AudioError

RATE = 44_100  # Hz, of MP3
BIT_RATE = 192  # thousands of bits a second
SECONDS = 600  # of processor time
MEMORY = 1 << 30  # bytes of data


class Target(NamedTuple):
    """A format: its container with options, encoder, samples' format and rate in Hz."""

    container: str
    options: dict[str, str]
    encoder: Literal["libmp3lame", "libopus"]
    samples: str
    rate: int


TARGETS = {
    # Without what would take a sink that can seek; the bit rate is constant.
    "mp3": Target("mp3", {"write_xing": "0", "id3v2_version": "0"}, "libmp3lame", "s16p", RATE),
    "opus": Target("ogg", {}, "libopus", "s16", 48_000),
}


def transcode(
    path: Path,
    start: float,
    sink: BinaryIO,
    *,
    seconds: float = math.inf,
    bit_rate: int = BIT_RATE,
    to: str = "mp3",
) -> None:
    """Write a file's sound from `start` seconds on, so many `seconds`, in stereo.

    `bit_rate` is in thousands of bits a second; MP3 takes the nearest that it has. Broken packets
    are stepped over. Raises AudioError.
    """
    target = TARGETS[to]
    with (
        opened(path) as (container, stream),
        av.open(sink, "w", target.container, target.options) as written,
    ):
        encoder = written.add_stream(target.encoder, rate=target.rate, layout="stereo")
        encoder.bit_rate = 1000 * bit_rate
        frame_size = encoder.codec_context.frame_size
        resampler = av.AudioResampler(target.samples, "stereo", target.rate, frame_size)
        time_base = stream.time_base or Fraction(1, stream.codec_context.sample_rate)
        origin = (stream.start_time or 0) * time_base
        if start:
            container.seek(int((start + origin) / time_base), stream=stream, backward=True)
        for frame in frames(container, stream):
            time = None if frame.pts is None else float(frame.pts * time_base - origin)
            if time is not None and time < start:
                continue
            if time is not None and time >= start + seconds:
                break
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
    parser.add_argument("--seconds", type=float, default=math.inf)
    parser.add_argument("--bit-rate", type=int, default=BIT_RATE, metavar="KBIT")
    parser.add_argument("--to", choices=TARGETS, default="mp3")
    args = parser.parse_args()
    if sys.platform != "win32":
        import resource  # noqa: PLC0415 - where there is none

        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
        os.nice(5)
    try:
        transcode(
            args.file,
            args.start,
            sys.stdout.buffer,
            seconds=args.seconds,
            bit_rate=args.bit_rate,
            to=args.to,
        )
    except AudioError as error:
        return str(error)
    return 0


if __name__ == "__main__":
    sys.exit(main())
