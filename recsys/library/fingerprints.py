"""Compact fingerprints of recordings: which of many pairs are worth comparing by waveform.

After Haitsma and Kalker, A Highly Robust Audio Fingerprinting System (ISMIR 2002): 32 bits for
each 64 ms, whether the energy difference of two neighbouring bands rises or falls. They are of the
middle of a track alone, which is decoded by seeking, so that 10,000 songs take minutes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import save as save_tensors
from scipy import fft

from encoders.features import AudioSpan
from encoders.tensor_file import read_tensors, with_digest
from index.arrays import Float32Array
from index.storage import replacing
from recsys.catalog import Track
from recsys.library.coherence import RATE

NAME = "fingerprints.safetensors"  # in the home; derived, may be deleted
SECONDS = 16.0  # of the middle of a track
MOST_UNLIKE = 0.36  # share of different bits, up to which two tracks may be one recording
_WINDOW = 2048  # samples at RATE
_HOP = 256
_FURTHEST = round(8.0 * RATE / _HOP)  # frames that the middles of two copies may be apart
_LEAST = round(6.0 * RATE / _HOP)  # frames in common
_EDGES = np.geomspace(200, 1900, 34) * _WINDOW / RATE  # bands
_QUIET = 1e-4  # amplitude, below which a middle says nothing

Bits = NDArray[np.uint32]  # (n_frames,)
NOTHING: Bits = np.zeros(0, np.uint32)  # of what is silent or short


def middle(track: Track) -> AudioSpan:
    """Return the part of a track that its fingerprint is made of."""
    seconds = track.duration or 0.0
    begin = track.begin + max(seconds - SECONDS, 0.0) / 2
    return AudioSpan(track.path, min(SECONDS, seconds), begin)


def fingerprint(waveform: Float32Array) -> Bits:
    """Return the bits of a waveform (n_samples,), mono at RATE; none of a quiet or short one."""
    n_frames = 1 + (len(waveform) - _WINDOW) // _HOP
    if n_frames < _LEAST or np.sqrt(np.mean(waveform**2)) < _QUIET:
        return NOTHING
    frames = np.lib.stride_tricks.sliding_window_view(waveform, _WINDOW)[::_HOP]
    power = np.abs(fft.rfft(frames * np.hanning(_WINDOW).astype(np.float32))) ** 2
    energy = np.add.reduceat(power, _EDGES.astype(np.intp), axis=1)[:, :-1]
    rises = np.diff(np.diff(np.log(energy + 1e-12), axis=1), axis=0) > 0  # (n_frames - 1, 32)
    bits: Bits = np.packbits(rises, axis=1).view(np.uint32).ravel()
    return bits


def unlikeness(one: Bits, others: NDArray[np.uint32]) -> Float32Array:
    """Return the share of bits in which a fingerprint and others (n, n_frames) differ, 0 to 1.

    Each at the offset where it is the least. All have as many frames.
    """
    least = np.full(len(others), 32 * len(one), np.float32)
    for offset in range(-_FURTHEST, _FURTHEST + 1):
        n_common = len(one) - abs(offset)
        if n_common < _LEAST:  # of a short track
            continue
        mine = one[max(offset, 0) :][:n_common]
        theirs = others[:, max(-offset, 0) :][:, :n_common]
        differing = np.bitwise_count(mine ^ theirs).sum(axis=1, dtype=np.int32)
        np.minimum(least, differing / np.float32(len(mine)), out=least)
    return (least / 32).astype(np.float32)


def load(home: Path) -> dict[str, Bits]:
    """Return the fingerprints of a home, by audio hash; none where they are lost or damaged."""
    with suppress(OSError, SafetensorError):
        return read_tensors(home / NAME)[0]
    return {}


def save(home: Path, known: Mapping[str, Bits], present: Iterable[str]) -> None:
    """Write the fingerprints of the audios that are there. Raises OSError."""
    kept = {audio: known[audio] for audio in sorted(present) if audio in known}
    with replacing(home / NAME) as file:
        file.write(save_tensors(kept, with_digest(kept, {})))
