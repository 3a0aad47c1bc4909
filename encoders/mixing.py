"""Mixing of decoded audio frames down to one mono waveform."""

from __future__ import annotations

import av
import numpy as np
from numpy.typing import NDArray

from encoders.channels import Channels

_MIXED_AT_ONCE = 1 << 17  # samples of a channel, so that long files are held in mono alone
_MAX_PLANES = 7  # PyAV 18 reads beyond the end of a frame's list of more planes, and crashes
_MAX_AMPLITUDE = 8.0  # float files may exceed full scale; beyond this they are damaged


class MonoMixer:
    """Mixes decoded frames down to one mono waveform, many frames at once."""

    def __init__(self, channels: Channels) -> None:
        """`channels` is told which of them sound, and tells which of them alone is used, if any."""
        self._channels = channels
        self._waiting = av.AudioFifo()
        self._form: tuple[str, int] | None = None  # of the waiting frames
        self._mixed: list[NDArray[np.float32]] = []
        self.is_empty = True

    def add(self, frame: av.AudioFrame) -> None:
        """Append a frame, whose time stamp is lost."""
        if not frame.samples:
            return
        form = frame.format.name, frame.layout.nb_channels
        if form != self._form:  # PyAV 18 crashes where the channels in a queue change
            self._mix()
            self._waiting, self._form = av.AudioFifo(), form
        frame.pts = None  # stamps of damaged files have gaps, which the queue would refuse
        self._waiting.write(frame)
        self.is_empty = False
        if self._waiting.samples >= _MIXED_AT_ONCE:
            self._mix()

    def waveform(self) -> NDArray[np.float32]:
        """Return all samples, of one frame at least: float32 (n,), full scale 1."""
        self._mix()
        return _repair(np.concatenate(self._mixed))

    def _mix(self) -> None:
        if frame := self._waiting.read():
            self._mixed.append(_mono(frame, self._channels))


def _mono(frame: av.AudioFrame, channels: Channels) -> NDArray[np.float32]:
    """Average a frame's channels: float32 (samples,), full scale 1."""
    n_channels = frame.layout.nb_channels
    if frame.format.is_planar and n_channels > _MAX_PLANES:
        packer = av.AudioResampler(format=frame.format.packed, layout=frame.layout)
        frame = packer.resample(frame)[0]
    samples = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, n_channels).T
    channels.look(samples)
    if channels.alone is not None and channels.alone < len(samples):
        samples = samples[channels.alone : channels.alone + 1]
    with np.errstate(over="ignore", invalid="ignore"):  # `_repair` deals with what is no number
        mono: NDArray[np.float32] = samples.mean(axis=0, dtype=np.float32)
    if samples.dtype == np.uint8:
        mono = (mono - np.float32(128.0)) / np.float32(128.0)
    elif samples.dtype.kind == "i":
        mono /= np.float32(2.0 ** (8 * samples.itemsize - 1))
    return mono


def _repair(waveform: NDArray[np.float32]) -> NDArray[np.float32]:
    """Replace samples that are not numbers by silence, and bound the others."""
    if waveform.max() <= _MAX_AMPLITUDE and waveform.min() >= -_MAX_AMPLITUDE:  # false for NaN
        return waveform
    finite = np.where(np.isfinite(waveform), waveform, np.float32(0.0))
    return np.clip(finite, -_MAX_AMPLITUDE, _MAX_AMPLITUDE)
