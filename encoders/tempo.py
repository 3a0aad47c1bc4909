"""Tempo of a track from short segments spread over it: autocorrelation of their onset strength.

Onset strength is the rise of the logarithmic spectrum from frame to frame, summed over frequencies
(Klapuri, "Sound onset detection by applying psychoacoustic knowledge", ICASSP 1999). Its
autocorrelations are averaged over the segments. A tempo scores by the autocorrelation at one to
four beats, weighed by how usual it is (Ellis, "Beat tracking by dynamic programming", JNMR 2007).
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

SLOWEST, FASTEST = 50.0, 210.0  # beats a minute
USUAL = 120.0  # beats a minute
_SPREAD = 0.9  # octaves: standard deviation of how usual a tempo is
_HOP = 0.01  # s
_WINDOW = 0.032  # s
_N_BANDS = 32
_COMPRESSION = 1000.0  # of magnitudes, full scale being 1, before their logarithm
_BEATS = (1, 2, 3, 4)  # at which the autocorrelation is looked up
_LONGEST = 0.8  # share of a segment: longer lags have few products
_MEAN = 0.5  # s: of the moving average that is taken off
_LEAST = 0.1  # autocorrelation at a pulse's beats, below which there is none


def estimate_tempo(waveforms: Tensor, sample_rate: int) -> float | None:
    """Return beats a minute of a track's segments (n_segments, n_samples), None without a pulse."""
    hop = round(_HOP * sample_rate)
    correlation = autocorrelation(onset_strength(waveforms, sample_rate, hop))
    rate = sample_rate / hop
    tempos = np.exp(np.linspace(np.log(SLOWEST), np.log(FASTEST), 600))
    scores = _scores(correlation, 60 * rate / tempos)
    usual = np.exp(-0.5 * np.square(np.log2(tempos / USUAL) / _SPREAD))
    best = int(np.argmax(scores * usual))
    if scores[best] < _LEAST:
        return None
    return float(tempos[best])


def onset_strength(waveforms: Tensor, sample_rate: int, hop: int) -> Tensor:
    """Return the onset strength of segments (n_segments, n_samples): (n_segments, n_frames)."""
    n_fft = round(_WINDOW * sample_rate)
    window = torch.hann_window(n_fft, device=waveforms.device)
    bands = _bands(n_fft // 2 + 1, sample_rate).to(waveforms.device)
    rises = []
    for waveform in waveforms:  # one by one: what fits into the cache is several times as fast
        spectrum = torch.fft.rfft(waveform.unfold(0, n_fft, hop) * window)
        power = spectrum.real.square() + spectrum.imag.square()  # abs of complex numbers is slow
        level = torch.log1p(_COMPRESSION / n_fft * (power @ bands).sqrt())
        rises.append((level[1:] - level[:-1]).clamp(min=0).sum(dim=1))
    rise = torch.stack(rises)
    width = 2 * round(_MEAN * sample_rate / hop / 2) + 1
    mean = torch.nn.functional.avg_pool1d(
        rise[:, None], width, stride=1, padding=width // 2, count_include_pad=False
    )[:, 0]
    return rise - mean


def autocorrelation(strength: Tensor) -> NDArray[np.float64]:
    """Return the segments' mean autocorrelation by lag in frames, 1 at lag 0: (n_frames,)."""
    n = strength.shape[1]
    spectra = torch.fft.rfft(strength.double(), n=2 * n)
    power = torch.fft.irfft(spectra.abs().square(), n=2 * n)[:, :n].sum(dim=0).cpu().numpy()
    power /= np.arange(n, 0, -1)  # of ever fewer products
    normal: NDArray[np.float64] = power / max(float(power[0]), 1e-12)
    return normal


def _scores(correlation: NDArray[np.float64], lags: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean autocorrelation at those multiples of lags that segments can tell."""
    multiples = np.outer(_BEATS, lags)
    known = multiples <= _LONGEST * len(correlation)
    values = np.interp(multiples, np.arange(len(correlation)), correlation)
    scores: NDArray[np.float64] = (known * values).sum(axis=0) / known.sum(axis=0).clip(1)
    return scores


def _bands(n_bins: int, sample_rate: int) -> Tensor:
    """Return the sums of spectrum bins into bands of equal width in mel: (n_bins, n_bands)."""
    mel = 2595 * np.log10(1 + np.linspace(0, sample_rate / 2, n_bins) / 700)
    band = np.minimum((mel / mel[-1] * _N_BANDS).astype(int), _N_BANDS - 1)
    return torch.from_numpy((band[:, None] == np.arange(_N_BANDS)).astype(np.float32))
