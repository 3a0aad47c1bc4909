"""What an average of channels, or of segments, would hide: opposite phase, dead channels, silence.

Nothing here changes a file whose channels all sound, and whose segments all do.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from encoders.errors import AudioError

SILENCE = 1e-4  # peak amplitude, full scale being 1: -80 dB
_QUIET = 0.05  # peak of an average below which channels may have cancelled each other
_CANCELLED = 0.01  # of one channel's energy: less of it is left in the average
_FAINT = 10 ** (-50 / 20)  # of the loudest segment's root mean square: -50 dB


class Channels:
    """The channels of one file, as it is decoded: which of them sound, and how they become one.

    `alone` is the number of the one channel that is heard, None for the average of all.
    """

    def __init__(self, alone: int | None = None) -> None:
        self.alone = alone
        self._sounds: NDArray[np.bool_] | None = None
        self._all_sound = False

    def look(self, samples: NDArray[np.generic]) -> None:
        """Look at (n_channels, n_samples) of any type, until each channel has sounded."""
        if self._all_sound or not samples.size:
            return
        if self._sounds is None:
            self._sounds = np.zeros(len(samples), np.bool_)
        if len(self._sounds) != len(samples):  # the layout changes on the way
            self._all_sound = True
            return
        scale = 2.0 ** (8 * samples.itemsize - 1) if samples.dtype.kind in "iu" else 1.0
        for channel in np.flatnonzero(~self._sounds).tolist():
            # Of damaged files' samples that are no numbers the others count.
            low = float(np.fmin.reduce(samples[channel]))
            high = float(np.fmax.reduce(samples[channel]))
            # Half of what lies between, as a constant offset is no sound.
            self._sounds[channel] = (high - low) / 2 >= SILENCE * scale
        self._all_sound = bool(self._sounds.all())

    @property
    def first(self) -> int | None:
        """The number of the first channel that sounds, None where it stands for all."""
        if self._sounds is None or len(self._sounds) < 2 or not self._sounds.any():
            return None
        return int(np.argmax(self._sounds))

    @property
    def gain(self) -> float:
        """What makes an average of all channels one of those that sound."""
        if self._all_sound or self._sounds is None or not self._sounds.any():
            return 1.0
        return len(self._sounds) / int(self._sounds.sum())


def may_have_cancelled(waveforms: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Say of which averages of channels so little is left that they may be in opposite phase.

    Segments (n_segments, n_samples) give bool (n_segments,): all where all are quiet, else those
    without signal.
    """
    if np.abs(waveforms).max(initial=0.0) < _QUIET:
        return np.ones(len(waveforms), np.bool_)
    return ~with_signal(waveforms)


def have_cancelled(average: NDArray[np.float32], alone: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Say of which segments hardly anything of one channel is left in the average of all.

    Both are (n_segments, n_samples); bool (n_segments,).
    """
    left, whole = (np.square(w, dtype=np.float64).mean(axis=1) for w in (average, alone))
    cancelled: NDArray[np.bool_] = left < _CANCELLED * whole
    return cancelled


def with_signal(waveforms: NDArray[np.float32], padding: int = 0) -> NDArray[np.bool_]:
    """Say which segments (n_segments, n_samples) hold signal: bool (n_segments,).

    Silence does not, nor a constant offset, nor what is 50 dB below the loudest segment, such as
    the noise before a record's first note. Up to `padding` samples at both ends may be filled up.
    """
    inner = waveforms[:, padding : waveforms.shape[1] - padding]
    levels = inner.std(axis=1)
    signal: NDArray[np.bool_] = sounds(inner) & (levels >= _FAINT * levels.max(initial=0.0))
    return signal


def sounds(waveforms: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Say which segments (n_segments, n_samples) are more than silence: bool (n_segments,)."""
    loud: NDArray[np.bool_] = np.ptp(waveforms, axis=1) / 2 >= SILENCE
    return loud


def silent(path: object) -> AudioError:
    """Return what is said of a file without signal."""
    return AudioError(f"{path} is silent: there is nothing to compare.")
