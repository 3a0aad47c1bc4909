"""Audio effects of parts and of the mix: echo, chorus, reverberation, limiting."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from recsys.demo.recipes import Echo
from recsys.demo.synth import SAMPLE_RATE, Signal, band_noise, samples, timeline

_PEAK = 10 ** (-1.5 / 20)  # what the limiter lets through: lossy formats overshoot it
_GRIT = 0.06  # the noise of strings and amplifier, as a share of the sound
_TIGHTNESS = 0.9
_LOUDSPEAKER = (75.0, 4500.0)  # Hz
_FILTER_TAPS = 1024
_LIMITER_BLOCK = 64  # samples
_BLOCK = 1 << 16  # samples that are computed at once
_LIMITER_REACH = 8  # blocks ahead and behind


def decibels(level: float) -> float:
    """The factor of a level in dB."""
    return float(10 ** (level / 20))


def convolve(signal: Signal, kernels: Signal) -> Signal:
    """Convolve one signal `(n,)` with kernels `(m, taps)`; `(m, n)`, cut at the end."""
    n, taps = signal.size, kernels.shape[1]
    size = 1 << max(13, (2 * taps).bit_length())
    hop = size - taps + 1
    spectra = np.fft.rfft(kernels, size)
    convolved = np.zeros((len(kernels), n + size), dtype=np.float32)
    for start in range(0, n, hop):
        block = np.fft.rfft(signal[start : start + hop], size)
        convolved[:, start : start + size] += np.fft.irfft(spectra * block, size)
    return convolved[:, :n]


def band(signal: Signal, low: float, high: float) -> Signal:
    """What lies between two frequencies, rolled off by 12 dB an octave below and 24 dB above."""
    hz = np.fft.rfftfreq(_FILTER_TAPS, 1 / SAMPLE_RATE) + 1.0
    shape = 1 / np.sqrt((1 + (low / hz) ** 4) * (1 + (hz / high) ** 8))
    kernel = np.roll(np.fft.irfft(shape), _FILTER_TAPS // 2) * np.hanning(_FILTER_TAPS)
    padded = np.pad(signal, (0, _FILTER_TAPS // 2))
    return convolve(padded, kernel.astype(np.float32)[None])[0, _FILTER_TAPS // 2 :]


def distort(signal: Signal, drive: float) -> Signal:
    """Overdrive by `drive` dB into a guitar's loudspeaker."""
    grit = np.random.default_rng(1).standard_normal(signal.size, dtype=np.float32)
    reach = samples(0.03)
    rising = np.cumsum(np.abs(signal), dtype=np.float64)
    rising[reach:] -= rising[:-reach].copy()
    pickup = signal + grit * (_GRIT / reach * rising).astype(np.float32)
    # Less bass before the valve keeps a chord clear; a bias makes even harmonics as well.
    pickup[1:] -= np.float32(_TIGHTNESS) * pickup[:-1]
    level = decibels(drive - 10) / np.sqrt(np.mean(pickup**2))
    pushed = np.tanh(np.float32(level) * pickup + np.float32(0.1)) - np.float32(np.tanh(0.1))
    return band(pushed, *_LOUDSPEAKER)


def echoes(signal: Signal, echo: Echo, beat: float) -> Signal:
    """The repeats of a signal alone, each quieter than the one before it."""
    repeats = np.zeros_like(signal)
    level = echo.level
    shift = samples(echo.beats * beat)
    place = shift
    while level > 0.02 and place < signal.size:
        repeats[place:] += np.float32(level) * signal[: signal.size - place]
        level *= echo.feedback
        place += shift
    return repeats


def chorus(signal: Signal, width: float) -> tuple[Signal, Signal]:
    """A left and a right copy, each mixed with a slowly wandering delay of its own."""
    n = signal.size
    reach = samples(0.016)
    late = np.concatenate((np.zeros(reach + 1, dtype=np.float32), signal))
    sides = np.empty((2, n), np.float32)
    for side, phase in zip(sides, (0.0, 0.5), strict=True):
        for start in range(0, n, _BLOCK):
            stop = min(start + _BLOCK, n)
            turns = np.float32(0.6 / SAMPLE_RATE) * np.arange(start, stop, dtype=np.float32)
            wander = np.sin(2 * np.pi * (turns + np.float32(phase)))
            delay = np.float32(samples(0.013)) + np.float32(samples(0.003) - 1) * wander
            whole = delay.astype(np.int32)
            place = np.arange(start + reach + 1, stop + reach + 1) - whole
            delayed = late[place]
            delayed += (delay - whole) * (late[place - 1] - delayed)
            both = signal[start:stop] + np.float32(width) * delayed
            side[start:stop] = both * np.float32(1 / (1 + 0.5 * width))
    return sides[0], sides[1]


def pumped(n: int, kicks: Sequence[float], depth: float) -> Signal:
    """The gain of a part that ducks under every kick and comes back within a quarter second."""
    dip = 1 - depth * np.exp(-timeline(samples(0.4)) / 0.1)
    gain = np.ones(n, dtype=np.float32)
    for kick in kicks:
        start = samples(kick) - 1
        stop = min(n, start + dip.size)
        if start < stop:
            gain[start:stop] = np.minimum(gain[start:stop], dip[: stop - start])
    return gain


@lru_cache(maxsize=16)
def _room(seconds: float, damping: float) -> Signal:
    """The impulse responses of a room, left and right, whose treble dies before its bass."""
    rng = np.random.default_rng(7)
    t = timeline(samples(seconds))
    sides = np.zeros((2, t.size), dtype=np.float32)
    for side in range(2):
        for octave, (low, high) in enumerate(((90, 600), (600, 2500), (2500, 9000))):
            fall = 6.9 / (seconds * (1 - 0.35 * damping * octave))
            sides[side] += 0.7**octave * band_noise(t.size, low, high, rng) * np.exp(-fall * t)
    sides[:, : samples(0.012)] = 0
    sides /= np.sqrt(np.sum(sides**2, axis=1, keepdims=True))
    return sides


def reverberation(send: Signal, seconds: float, damping: float) -> Signal:
    """The sound of a room alone, left and right; `(2, n)`."""
    return convolve(send, _room(seconds, damping))


def wow(sides: Signal, cents: float) -> Signal:
    """The slow waver of a worn tape; `(2, n)`."""
    n = sides.shape[1]
    depth = (2 ** (cents / 1200) - 1) * SAMPLE_RATE
    warped = np.empty((2, n), np.float32)
    for start in range(0, n, _BLOCK):
        number = np.arange(start, min(start + _BLOCK, n))
        t = number / SAMPLE_RATE
        place = number + sum(
            depth / (2 * np.pi * rate) * np.sin(2 * np.pi * rate * t) for rate in (0.55, 1.9)
        )
        floor = np.clip(place.astype(np.int64), 0, n - 2)
        part = (place - floor).astype(np.float32)
        left = sides[:, floor]
        warped[:, number] = left + part * (sides[:, floor + 1] - left)
    return warped


def limited(sides: Signal, loudness: float, warmth: float) -> Signal:
    """The mix at an RMS of `loudness` dBFS, its peaks held below full scale; `(2, n)`."""
    rms = float(np.sqrt(np.mean(sides**2))) + 1e-9
    mix = sides * np.float32(decibels(loudness) / rms)
    if warmth:
        push = np.float32(decibels(warmth))
        mix = np.tanh(push * mix) / np.float32(np.sqrt(push))
    n = mix.shape[1]
    blocks = -(-n // _LIMITER_BLOCK)
    padded = np.zeros((2, blocks * _LIMITER_BLOCK), dtype=np.float32)
    padded[:, :n] = np.abs(mix)
    peaks = padded.reshape(2, blocks, _LIMITER_BLOCK).max(axis=(0, 2))
    gain = np.minimum(1, _PEAK / np.maximum(peaks, 1e-9))
    # The least gain of a neighbourhood, averaged over the same neighbourhood, never overshoots.
    reach = 2 * _LIMITER_REACH + 1
    spread = np.pad(gain, 2 * _LIMITER_REACH, mode="edge")
    least = np.lib.stride_tricks.sliding_window_view(spread, reach).min(axis=1)
    smooth = np.convolve(least, np.ones(reach) / reach, mode="valid")
    middles = (np.arange(blocks) + 0.5) * _LIMITER_BLOCK
    held: Signal = mix * np.interp(np.arange(n), middles, smooth).astype(np.float32)
    return np.clip(held, -_PEAK, _PEAK)
