"""Test whether two waveforms are copies of one recording, by their coherence after alignment.

Codecs, sample rates, gains and cuts hardly change a waveform below 2 kHz. Two takes of a piece
differ: notes that come half a millisecond earlier or later lower the coherence, and so does another
singer over the same tape, in the octaves that differ. Audio fingerprints (Haitsma and Kalker, A
Highly Robust Audio Fingerprinting System, ISMIR 2002) are robust to such differences by design; a
correlation coefficient is not.
"""

from __future__ import annotations

import numpy as np
from scipy import fft

from index.arrays import Float32Array

RATE = 4000  # Hz
MAX_CUT = 10.0  # s that one copy may lack at its ends
MIN_OVERLAP = 0.7  # of the longer copy
MIN_COHERENCE = 0.7  # of every octave that is not quiet, in every block
_OCTAVES = (60, 125, 250, 500, 1000, 1900)  # Hz; ends before resamplers' filters do
_BLOCK = 2 * RATE  # samples
_MIN_BLOCKS = 2
_QUIET_BLOCK = 1e-4  # of the loudest block's energy (-40 dB): quieter blocks are noise
_QUIET_OCTAVE = 3e-3  # of the energy of its block's loudest octave (-25 dB)
_PIECE = RATE // 4  # samples: a word that is muted or bleeped is as long
MIN_CORRELATION = 0.6  # of every such piece; the poorest copies measured leave 0.70
_QUIET_PIECE = 0.2, 0.02  # of the median and mean energy of pieces: quieter ones do not count
_SINC = 32  # samples on each side of a peak by which it is interpolated
_STEPS = 32  # per sample, to which two waveforms are aligned


def same_recording(one: Float32Array, other: Float32Array) -> bool:
    """Whether two waveforms (n_samples,), mono at RATE, are copies of one recording.

    Copies may differ in codec, gain and polarity, and one may lack up to MAX_CUT seconds of the
    other at its ends. Any other difference makes another recording: a take, a mix, an edit, a
    speed. False, too, for waveforms that are too short or too quiet.
    """
    shorter, longer = sorted((len(one), len(other)))
    if longer - shorter > MAX_CUT * RATE or shorter < _MIN_BLOCKS * _BLOCK:
        return False
    a, b = align(one, other)
    n_blocks = len(a) // _BLOCK
    if n_blocks < _MIN_BLOCKS or len(a) < MIN_OVERLAP * longer:
        return False
    coherence = octave_coherence(a, b)
    audible = np.isfinite(coherence).any(axis=1)
    if audible.sum() < max(_MIN_BLOCKS, n_blocks / 2):
        return False
    if np.nanmin(coherence) < MIN_COHERENCE:
        return False
    return bool(np.nanmin(piece_correlation(a, b)) >= MIN_CORRELATION)


def align(one: Float32Array, other: Float32Array) -> tuple[Float32Array, Float32Array]:
    """Return the overlap of two waveforms, the second shifted to maximise the cross-correlation.

    Both (n_samples,) are differenced (6 dB an octave), so that bass does not dominate. Lags of up
    to MAX_CUT seconds are searched, in steps of 1/32 sample.
    """
    a, b = (np.diff(waveform.astype(np.float32)) for waveform in (one, other))
    n = fft.next_fast_len(len(a) + len(b), real=True)
    spectrum = fft.rfft(b, n)
    agreement = fft.irfft(np.conj(fft.rfft(a, n)) * spectrum, n)
    furthest = max(0, min(round(MAX_CUT * RATE), len(a), len(b)) - 1)
    lags = np.arange(-furthest, furthest + 1)
    best = int(lags[np.argmax(np.abs(agreement[lags]))])
    near = np.arange(-_SINC, _SINC + 1)
    fractions = np.arange(-_STEPS, _STEPS + 1) / _STEPS
    between = np.sinc(fractions[:, None] - near) @ agreement[(best + near) % n]
    lag = best + float(fractions[np.argmax(np.abs(between))])
    turn = np.exp(2j * np.pi * lag / n * np.arange(len(spectrum))).astype(np.complex64)
    shifted = fft.irfft(spectrum * turn, n)
    begin, end = max(0, round(-lag)), min(len(a), round(len(b) - lag))
    return a[begin:end], shifted[begin:end]


def piece_correlation(one: Float32Array, other: Float32Array) -> Float32Array:
    """Return the correlation of each quarter of a second of aligned waveforms: (n_pieces,), 0 to 1.

    NaN where both are quieter than their other pieces. It shows an edit that is too short for the
    coherence of a block, and what lies between two blocks or behind the last.
    """
    n_pieces = len(one) // _PIECE
    a, b = (wave[: n_pieces * _PIECE].reshape(n_pieces, _PIECE) for wave in (one, other))
    mine, theirs = np.square(a).sum(axis=1), np.square(b).sum(axis=1)
    tiny = np.float32(1e-30)
    products = np.abs((a * b).sum(axis=1))
    correlation: Float32Array = (products / np.sqrt(mine * theirs + tiny)).astype(np.float32)
    of_median, of_mean = _QUIET_PIECE
    quiet = [e <= max(of_median * np.median(e), of_mean * np.mean(e)) for e in (mine, theirs)]
    correlation[quiet[0] & quiet[1]] = np.nan
    return correlation


def octave_coherence(one: Float32Array, other: Float32Array) -> Float32Array:
    """Return the coherence of aligned waveforms (n_samples,): (n_blocks, n_octaves), 0 to 1.

    NaN where both are too quiet.
    """
    n_blocks = len(one) // _BLOCK
    window = np.hanning(_BLOCK).astype(np.float32)
    a, b = (
        fft.rfft(waveform[: n_blocks * _BLOCK].reshape(n_blocks, _BLOCK) * window)
        for waveform in (one, other)
    )
    edges = np.array(_OCTAVES) * _BLOCK // RATE
    products, mine, theirs = (
        np.add.reduceat(values, edges, axis=1)[:, :-1]
        for values in ((a * np.conj(b)).real, np.abs(a) ** 2, np.abs(b) ** 2)
    )
    tiny = np.float32(1e-30)
    coherence = (np.abs(products) / np.sqrt(mine * theirs + tiny)).astype(np.float32)
    energy = np.maximum(mine / (mine.sum() + tiny), theirs / (theirs.sum() + tiny))
    blocks = energy.sum(axis=1, keepdims=True)
    audible = (energy > _QUIET_OCTAVE * energy.max(axis=1, keepdims=True)) & (
        blocks > _QUIET_BLOCK * blocks.max(initial=0.0)
    )
    coherence[~audible] = np.nan
    return coherence
