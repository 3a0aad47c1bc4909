"""Resampled frames of a part of a file, cut to the sample at both of its ends."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction

import av
from av.audio.stream import AudioStream
from av.container import InputContainer

from encoders.audio import frames

PIECE = 1152  # samples of a frame that is given: of an MP3 frame


def trimmed(
    container: InputContainer,
    stream: AudioStream,
    samples: str,
    rate: int,
    *,
    start: float = 0.0,
    stop: float | None = None,
    piece: int = PIECE,
) -> Iterator[av.AudioFrame]:
    """Give a stream's sound from `start` seconds on, up to `stop`, in frames of `piece` samples.

    In stereo at `rate` Hz; `samples` is FFmpeg's name of their format. The last frame may be
    shorter. Broken packets are stepped over.
    """
    time_base = stream.time_base or Fraction(1, stream.codec_context.sample_rate)
    origin = (stream.start_time or 0) * time_base
    if start:
        container.seek(int((start + origin) / time_base), stream=stream, backward=True)
    resampler = av.AudioResampler(samples, "stereo", rate)
    fifo = av.AudioFifo()
    n_early: int | None = None  # samples before the start
    n_left = None if stop is None else max(round((stop - start) * rate), 0)
    ended: list[av.AudioFrame | None] = [None]
    for frame in itertools.chain(frames(container, stream), ended):
        if frame is not None and n_early is None:
            time = start if frame.pts is None else float(frame.pts * time_base - origin)
            if time + frame.samples / frame.sample_rate <= start:
                continue
            n_early = max(round((start - time) * rate), 0)
        if frame is not None:
            frame.pts = None  # gaps of time stamps are no sound
        for resampled in resampler.resample(frame):
            resampled.pts = None
            fifo.write(resampled)
        if n_early and fifo.samples >= n_early:
            fifo.read(n_early)
            n_early = 0
        if n_early:
            continue
        is_last = frame is None or (n_left is not None and fifo.samples >= n_left)
        while n_left is None or n_left > 0:
            n = piece if n_left is None else min(piece, n_left)
            given = fifo.read(n, partial=is_last)
            if given is None:
                break
            given.pts = None
            n_left = None if n_left is None else n_left - given.samples
            yield given
        if n_left == 0:
            return
