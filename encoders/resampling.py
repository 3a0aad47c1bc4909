"""Resampling of mono waveforms: FFmpeg's filters, applied by matrix products.

FFmpeg computes an output sample as the product of a filter with the inputs around it. At p inputs
to q outputs the filters repeat after every q outputs, so a group of outputs is one matrix product
for all periods, which is faster. The filters are FFmpeg's own, read off its response to impulses.
Results differ from FFmpeg's by rounding.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

_TAPS = 34  # at least as many as FFmpeg's filters have, in samples of the lower rate
_GROUP = 32  # outputs of one product, about
_MAX_PERIOD = 1024  # samples; FFmpeg's filters do not repeat in longer ones


class _Filters(NamedTuple):
    """The filters of a period.

    n_in, n_out  samples of a period before and after resampling
    reach        inputs before and behind a period on which its outputs depend, at most
    groups       first output, first input and filters (n_inputs, n_outputs) of each group
    """

    n_in: int
    n_out: int
    reach: int
    groups: tuple[tuple[int, int, NDArray[np.float32]], ...]


def resample(waveform: NDArray[np.float32], rate: int, new_rate: int) -> NDArray[np.float32]:
    """Change the sample rate of a waveform (n,) of full scale 1; the first sample keeps its time.

    Returns (ceil(n * new_rate / rate),), within 1e-6 of FFmpeg's result, which may lack the last
    sample. Rates whose ratio is not one of numbers up to 1024 are resampled by FFmpeg.
    """
    if rate == new_rate:
        return waveform
    divisor = math.gcd(rate, new_rate)
    if max(rate, new_rate) > _MAX_PERIOD * divisor:
        return _ffmpeg(waveform, rate, new_rate)
    n_in, n_out, reach, groups = _filters(rate // divisor, new_rate // divisor)
    if waveform.size <= 2 * reach:
        return _ffmpeg(waveform, rate, new_rate)
    n = -(-waveform.size * n_out // n_in)
    resampled = np.empty((-(-n // n_out), n_out), np.float32)
    # Beyond its ends a waveform goes on as FFmpeg has it: mirrored, at its end in between samples.
    before, behind = waveform[reach:0:-1], waveform[: -reach - 1 : -1]
    extended = np.concatenate([before, waveform, behind, np.zeros(n_in + 1, np.float32)])
    for first_output, first_input, matrix in groups:
        inputs = extended[reach + first_input :]
        windows = np.lib.stride_tricks.sliding_window_view(inputs, len(matrix))[::n_in]
        period = np.ascontiguousarray(windows[: len(resampled)])
        resampled[:, first_output : first_output + matrix.shape[1]] = period @ matrix
    return resampled.ravel()[:n]


@lru_cache(maxsize=16)
def _filters(n_in: int, n_out: int) -> _Filters:
    """Read FFmpeg's filters for `n_in` inputs to `n_out` outputs off its response to impulses."""
    reach = math.ceil(_TAPS / 2 * max(1.0, n_in / n_out)) + 1
    n_repeats = -(-_GROUP // n_out)  # so that a period has outputs for a whole group
    n_in, n_out = n_in * n_repeats, n_out * n_repeats
    # One impulse at each position of a period, so far apart that no output depends on two.
    spacing = n_in * (-(-4 * reach // n_in) + 1) + 1
    first = n_in * -(-2 * reach // n_in)
    impulses = np.zeros(first + n_in * spacing + 2 * reach, np.float32)
    impulses[first : first + n_in * spacing : spacing] = 1.0
    responses = _ffmpeg(impulses, n_in, n_out)
    groups = []
    edges = np.linspace(0, n_out, round(n_out / _GROUP) + 1).round().astype(int)
    for begin, end in pairwise(edges):
        outputs = np.arange(begin, end)
        inputs = np.arange(begin * n_in // n_out - reach, (end - 1) * n_in // n_out + reach + 1)
        number = (inputs - first) % n_in  # of the impulse at the same position of a period
        period = (first + number * spacing - inputs) // n_in
        matrix = responses[outputs + (period * n_out)[:, None]]
        groups.append((int(begin), int(inputs[0]), np.ascontiguousarray(matrix)))
    return _Filters(n_in, n_out, reach, tuple(groups))


def _ffmpeg(waveform: NDArray[np.float32], rate: int, new_rate: int) -> NDArray[np.float32]:
    frame = av.AudioFrame.from_ndarray(waveform[None], format="fltp", layout="mono")
    frame.sample_rate = rate
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=new_rate)
    frames = [*resampler.resample(frame), *resampler.resample(None)]
    return np.concatenate([np.zeros(0, np.float32), *(f.to_ndarray()[0] for f in frames)])
