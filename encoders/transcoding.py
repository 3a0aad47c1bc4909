"""Transcoding of any audio to MP3 or Opus, for browsers and players.

python -m encoders.transcoding FILE --start 30 --to opus --bit-rate 96 > rest.opus
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

import av

from encoders.audio import opened
from encoders.errors import AudioError
from encoders.trimming import trimmed

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
    stop: float | None = None,
    bit_rate: int = BIT_RATE,
    to: str = "mp3",
) -> None:
    """Write a file's sound from `start` seconds on, up to `stop`, in stereo. Raises AudioError.

    `bit_rate` is in thousands of bits a second; MP3 takes the nearest that it has. Broken packets
    are stepped over.
    """
    target = TARGETS[to]
    with (
        opened(path) as (container, stream),
        av.open(sink, "w", target.container, target.options) as written,
    ):
        encoder = written.add_stream(target.encoder, rate=target.rate, layout="stereo")
        encoder.bit_rate = 1000 * bit_rate
        sound = trimmed(container, stream, target.samples, target.rate, start=start, stop=stop)
        for piece in sound:
            written.mux(encoder.encode(piece))
        written.mux(encoder.encode(None))


def main() -> int | str:
    """Write to standard output within limits; return 0, or a sentence for what is no audio."""
    parser = argparse.ArgumentParser(description="Write any audio as MP3.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--start", type=float, default=0.0, metavar="SECONDS")
    parser.add_argument("--stop", type=float, metavar="SECONDS")
    parser.add_argument("--bit-rate", type=int, default=BIT_RATE, metavar="KBIT")
    parser.add_argument("--to", choices=TARGETS, default="mp3")
    args = parser.parse_args()
    if sys.platform != "win32":
        import resource  # noqa: PLC0415 - where there is none

        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
        os.nice(5)
    try:
        ends = {"start": args.start, "stop": args.stop}
        transcode(args.file, sink=sys.stdout.buffer, bit_rate=args.bit_rate, to=args.to, **ends)
    except AudioError as error:
        return str(error)
    return 0


if __name__ == "__main__":
    sys.exit(main())
