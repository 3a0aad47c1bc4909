"""The constant-Q transform of segments: magnitudes at semitones, by octaves of ever lower rates.

Of each octave the signal is resampled, by cutting its spectrum, to a rate that just holds it; there
the octave's twelve windows (Brown, "Calculation of a constant Q spectral transform", JASA 1991) are
as long in samples as in every other octave, so one small matrix product gives them all. A segment
is taken for a period: what a window lacks at an end it finds at the other.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

LOWEST = 27.5  # Hz: the piano's lowest A
N_OCTAVES = 7
N_BINS = 12 * N_OCTAVES
N_FRAMES = 128  # of a segment
_Q = 1 / (2 ** (1 / 12) - 1)  # a semitone apart
_REFERENCE_RATE = 22_050  # Hz, at which windows' lengths weigh the bins


class ConstantQ:
    """The transform of segments of `n_samples` at `sample_rate` Hz.

    Raises ValueError where the rate is too low for the highest octave.
    """

    def __init__(self, n_samples: int, sample_rate: int, device: torch.device) -> None:
        self.n_samples = n_samples
        seconds = n_samples / sample_rate
        self._octaves: list[tuple[int, Tensor, Tensor]] = []  # length, indices, windows; top first
        for octave in reversed(range(N_OCTAVES)):
            frequencies = [LOWEST * 2 ** (octave + tone / 12) for tone in range(12)]
            hop = math.ceil(2.4 * frequencies[-1] * seconds / N_FRAMES)
            length = hop * N_FRAMES
            if length > n_samples:
                raise ValueError(f"sample_rate: {sample_rate} Hz hold no {frequencies[-1]:.0f} Hz")
            windows = _windows(frequencies, length / seconds)
            half = windows.shape[0] // 2
            centres = hop * torch.arange(N_FRAMES) + hop // 2
            indices = (centres[:, None] + torch.arange(-half, half + 1)) % length
            self._octaves.append((length, indices.to(device), windows.to(device)))

    def __call__(self, spectra: Tensor) -> Tensor:
        """Return magnitudes (n_segments, N_BINS, N_FRAMES) of the segments' spectra by rfft."""
        octaves = []
        for length, indices, windows in self._octaves:
            lower = torch.fft.irfft(spectra[:, : length // 2 + 1], n=length)
            lower *= length / self.n_samples
            parts = lower[:, indices] @ windows  # (n, N_FRAMES, 24)
            octaves.append(torch.hypot(parts[..., :12], parts[..., 12:]))
        return torch.cat(octaves[::-1], dim=2).transpose(1, 2)


def _windows(frequencies: list[float], rate: float) -> Tensor:
    """Return Hann windows times cosines and sines, (n_taps, 24), of sum 1 and weighed by length."""
    longest = math.ceil(_Q * rate / frequencies[0])
    time = torch.arange(-(longest // 2), longest // 2 + 1, dtype=torch.float64) / rate
    columns = []
    for wave in (torch.cos, torch.sin):
        for frequency in frequencies:
            share = (time * frequency / _Q).clamp(-0.5, 0.5)
            window = torch.cos(math.pi * share) ** 2
            weight = math.sqrt(_Q * _REFERENCE_RATE / frequency) / window.sum()
            columns.append(weight * window * wave(2 * math.pi * frequency * time))
    return torch.stack(columns, dim=1).float()
