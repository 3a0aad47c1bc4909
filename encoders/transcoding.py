"""Transcoding of any audio to MP3 or Opus, for browsers and players.

python -m encoders.transcoding FILE --start 30 --to opus --bit-rate 96 > rest.opus
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
from collections.abc import Iterable, Iterator
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
_PIECE = 1152  # samples, of an MP3 frame


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
        time_base = stream.time_base or Fraction(1, stream.codec_context.sample_rate)
        origin = (stream.start_time or 0) * time_base
        if start:
            container.seek(int((start + origin) / time_base), stream=stream, backward=True)
        n_left = None if stop is None else max(round((stop - start) * target.rate), 0)
        for piece in _pieces(
            frames(container, stream), start, float(time_base), float(origin), target
        ):
            if n_left is not None and piece.samples >= n_left:
                written.mux(encoder.encode(_first(piece, n_left)))
                break
            n_left = None if n_left is None else n_left - piece.samples
            written.mux(encoder.encode(piece))
        written.mux(encoder.encode(None))


def _pieces(
    decoded: Iterable[av.AudioFrame], start: float, time_base: float, origin: float, target: Target
) -> Iterator[av.AudioFrame]:
    """Give a target's samples of frames from `start` seconds on, to the sample."""
    resampler = av.AudioResampler(target.samples, "stereo", target.rate)
    fifo = av.AudioFifo()
    n_early: int | None = None  # samples before the start
    ended: list[av.AudioFrame | None] = [None]
    for frame in itertools.chain(decoded, ended):
        if frame is not None and n_early is None:
            time = start if frame.pts is None else frame.pts * time_base - origin
            if time + frame.samples / frame.sample_rate <= start:
                continue
            n_early = max(round((start - time) * target.rate), 0)
        if frame is not None:
            frame.pts = None
        for piece in resampler.resample(frame):
            piece.pts = None
            fifo.write(piece)
        if n_early and fifo.samples >= n_early:
            fifo.read(n_early)
            n_early = 0
        if not n_early:
            while (full := fifo.read(_PIECE, partial=frame is None)) is not None:
                yield full


def _first(frame: av.AudioFrame, n_samples: int) -> av.AudioFrame | None:
    """Return the first samples of a frame, None for none."""
    fifo = av.AudioFifo()
    frame.pts = None
    fifo.write(frame)
    return fifo.read(n_samples) if n_samples else None


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
