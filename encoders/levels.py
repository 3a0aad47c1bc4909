"""How loud a track is over its length: a few hundred numbers, for the picture in a player."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from encoders.audio import opened
from encoders.features import AudioSpan
from encoders.trimming import trimmed

N_LEVELS = 300  # of a track: a bar every third pixel of a wide player
_RATE = 16_000  # Hz: above what a picture shows, and quicker than the file's own
_LOUDEST = 4.0  # of full scale 1; what a damaged file decodes to beyond it is no sound
_PIECE = 1 << 16  # samples averaged at once


def read_levels(track: AudioSpan) -> NDArray[np.uint8]:
    """Return the levels of a track: (N_LEVELS,), 255 where it is loudest.

    A level is the root mean square of both channels over a part of the track, relative to that of
    its loudest part; parts behind the end, and all of a silent track, are 0. All of it is
    decoded, piece by piece. Raises AudioError.
    """
    power, count = np.zeros(N_LEVELS), np.zeros(N_LEVELS)
    n_samples = max(track.duration * _RATE, 1.0)
    first = 0
    start = track.begin or 0.0
    stop = None if track.begin is None else start + track.duration
    with opened(track.path) as (container, stream):
        for piece in trimmed(
            container, stream, "fltp", _RATE, start=start, stop=stop, piece=_PIECE
        ):
            samples = np.nan_to_num(piece.to_ndarray(), nan=0.0, posinf=0.0, neginf=0.0)
            samples = samples.clip(-_LOUDEST, _LOUDEST)
            parts = np.arange(first, first + samples.shape[1]) * (N_LEVELS / n_samples)
            parts = np.minimum(parts.astype(np.int64), N_LEVELS - 1)
            power += np.bincount(parts, np.square(samples).mean(axis=0), N_LEVELS)
            count += np.bincount(parts, minlength=N_LEVELS)
            first += samples.shape[1]
    levels = np.sqrt(power / np.maximum(count, 1))
    scaled: NDArray[np.uint8] = np.rint(255 * levels / max(levels.max(), 1e-9)).astype(np.uint8)
    return scaled
