"""Resampling beside FFmpeg's own resampler and beside known sounds."""

from __future__ import annotations

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from encoders.resampling import resample

RATE = 16_000
REPEATING = [44_100, 48_000, 8_000, 11_025, 12_000, 22_050, 24_000, 32_000, 37_800, 96_000, 192_000]


def ffmpeg(waveform: NDArray[np.float32], rate: int, new_rate: int) -> NDArray[np.float32]:
    frame = av.AudioFrame.from_ndarray(waveform[None], format="fltp", layout="mono")
    frame.sample_rate = rate
    resampler = av.AudioResampler("fltp", "mono", new_rate)
    frames = [*resampler.resample(frame), *resampler.resample(None)]
    return np.concatenate([f.to_ndarray()[0] for f in frames])


@pytest.mark.parametrize("rate", REPEATING)
@pytest.mark.parametrize("n", [1_000, 4_410, 4_411, 30_001])
def test_it_is_ffmpegs_to_both_ends(rate: int, n: int) -> None:
    waveform = np.random.default_rng(n).uniform(-1, 1, n).astype(np.float32)
    resampled, expected = resample(waveform, rate, RATE), ffmpeg(waveform, rate, RATE)
    assert resampled.dtype == np.float32
    assert 0 <= len(resampled) - len(expected) <= 1  # FFmpeg may leave out the last sample
    assert len(resampled) == -(-n * RATE // rate) or len(resampled) == len(expected)
    np.testing.assert_allclose(resampled[: len(expected)], expected, atol=1e-6)


@pytest.mark.parametrize("rate", [44_056, 16_001, 250_000 // 3])
def test_ratios_of_large_numbers_are_left_to_ffmpeg(rate: int) -> None:
    waveform = np.random.default_rng(0).uniform(-1, 1, 9_000).astype(np.float32)
    np.testing.assert_array_equal(resample(waveform, rate, RATE), ffmpeg(waveform, rate, RATE))


@pytest.mark.parametrize("new_rate", [8_000, 12_000, 22_050])
def test_other_models_rates(new_rate: int) -> None:
    waveform = np.random.default_rng(0).uniform(-1, 1, 9_000).astype(np.float32)
    expected = ffmpeg(waveform, 44_100, new_rate)
    resampled = resample(waveform, 44_100, new_rate)
    np.testing.assert_allclose(resampled[: len(expected)], expected, atol=1e-6)


@pytest.mark.parametrize("rate", REPEATING)
def test_a_tone_keeps_its_time_and_level_and_what_cannot_be_represented_goes(rate: int) -> None:
    time, new_time = np.arange(rate // 2) / rate, np.arange(RATE // 2) / RATE
    tone = np.sin(2 * np.pi * 997 * time).astype(np.float32)
    error = np.abs(resample(tone, rate, RATE) - np.sin(2 * np.pi * 997 * new_time))
    assert error[200:-200].max() < 2e-3
    if rate > 2 * 10_000:
        high = np.sin(2 * np.pi * 9_500 * time).astype(np.float32)
        assert np.abs(resample(high, rate, RATE)[200:-200]).max() < 1e-2


@pytest.mark.parametrize("n", [1, 20, 90])
def test_a_waveform_shorter_than_a_filter_is_left_to_ffmpeg(n: int) -> None:
    waveform = np.ones(n, np.float32)
    assert len(resample(waveform, 44_100, RATE)) <= -(-n * RATE // 44_100)


def test_the_same_rate_changes_nothing() -> None:
    waveform = np.ones(9, np.float32)
    assert resample(waveform, RATE, RATE) is waveform
