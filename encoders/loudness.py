"""Loudness by ITU-R BS.1770-5, from the spectra of segments.

The standard's filters are applied as their frequency response, which costs one inverse transform of
spectra that are there for the key: less than FFmpeg's ebur128 (docs/results/descriptors.md), which
it is tested against.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

# Of the standard's tables 1 and 2, at 48 kHz: numerator and denominator of each filter.
_SHELF = (
    (1.53512485958697, -2.69169618940638, 1.19839281085285),
    (1.0, -1.69065929318241, 0.73248077421585),
)
_HIGH_PASS = (1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621)
_FILTERS_RATE = 48_000  # Hz
_OFFSET = -0.691  # LU
_TWO_SPEAKERS = 10 * np.log10(2.0)  # LU: the mono mix is heard from both
_STEPS = 4  # of 100 ms in a block
_ABSOLUTE, _RELATIVE = -70.0, -10.0  # LUFS and LU: the gates


def integrated_loudness(spectra: Tensor, n_samples: int, sample_rate: int) -> float | None:
    """Return the gated loudness in LUFS of segments' spectra by rfft (n_segments, n_bins).

    They are those of a mono mix of `n_samples` each, as heard from two speakers. None where all of
    it is below the absolute gate, or the segments are shorter than a block.
    """
    weights = _weights(n_samples, sample_rate).to(spectra.device)
    weighted = torch.fft.irfft(spectra * weights, n=n_samples)
    step = sample_rate // 10
    n_steps = n_samples // step
    if n_steps < _STEPS:
        return None
    powers = weighted[:, : n_steps * step].reshape(len(spectra), n_steps, step).square().mean(dim=2)
    blocks = powers.unfold(1, _STEPS, 1).mean(dim=2).flatten().double().cpu().numpy()
    levels = _level(np.maximum(blocks, 1e-12))
    heard = blocks[levels > _ABSOLUTE]
    if not heard.size:
        return None
    gate = max(_ABSOLUTE, float(_level(heard.mean())) + _RELATIVE)
    return float(_level(blocks[levels > gate].mean()))


def _level(powers: ArrayLike) -> NDArray[np.float64]:
    """Return the levels in LUFS of mean squares."""
    levels: NDArray[np.float64] = _OFFSET + _TWO_SPEAKERS + 10 * np.log10(powers)
    return levels


@lru_cache(maxsize=4)
def _weights(n_samples: int, sample_rate: int) -> Tensor:
    """Return the amplitudes of both filters at the frequencies of an rfft."""
    turn = np.exp(-2j * np.pi * np.fft.rfftfreq(n_samples, 1 / sample_rate) / _FILTERS_RATE)
    response = np.ones(len(turn))
    for numerator, denominator in (_SHELF, _HIGH_PASS):
        response *= np.abs(np.polyval(numerator[::-1], turn) / np.polyval(denominator[::-1], turn))
    return torch.from_numpy(response.astype(np.float32))
