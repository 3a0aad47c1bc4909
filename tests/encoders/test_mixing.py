"""Mixing of many frames at once beside each frame's mean."""

from __future__ import annotations

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from encoders import mixing
from encoders.channels import Channels
from encoders.mixing import MonoMixer

SCALES = {"u8": 128.0, "s16": 2.0**15, "s16p": 2.0**15, "s32": 2.0**31, "flt": 1.0, "fltp": 1.0}
TYPES = {"u8": "u1", "s16": "i2", "s16p": "i2", "s32": "i4", "flt": "f4", "fltp": "f4"}
LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}


def frame(
    samples: NDArray[np.float32], form: str, pts: int | None = None
) -> tuple[av.AudioFrame, NDArray[np.float32]]:
    """A frame of samples (n_channels, n), and its mean as the frame's format has it."""
    scaled = samples * SCALES[form] + (128.0 if form == "u8" else 0.0)
    values = scaled.astype(TYPES[form])
    packed, layout = np.ascontiguousarray(values.T.reshape(1, -1)), LAYOUTS[len(samples)]
    made = av.AudioFrame.from_ndarray(packed, format=form.removesuffix("p"), layout=layout)
    made.sample_rate = 44_100
    if form.endswith("p"):  # PyAV cannot fill frames of more than 7 planes itself
        made = av.AudioResampler(form, layout, 44_100).resample(made)[0]
    made.pts = pts
    mean = values.astype(np.float64).mean(axis=0)
    return made, ((mean - (128.0 if form == "u8" else 0.0)) / SCALES[form]).astype(np.float32)


@pytest.mark.parametrize("n_channels", [1, 2, 6, 8])
@pytest.mark.parametrize("form", SCALES)
def test_frames_of_one_format(form: str, n_channels: int) -> None:
    rng, mixer, means = np.random.default_rng(0), MonoMixer(Channels()), []
    assert mixer.is_empty
    for n, pts in ((1_152, 0), (1_152, 90_000), (7, None), (1_152, 5)):  # stamps with gaps
        made, mean = frame(rng.uniform(-0.9, 0.9, (n_channels, n)).astype("f4"), form, pts)
        mixer.add(made)
        means.append(mean)
    assert not mixer.is_empty
    np.testing.assert_allclose(mixer.waveform(), np.concatenate(means), atol=1e-6)


def test_formats_and_channels_that_change_midway() -> None:
    rng, mixer, means = np.random.default_rng(0), MonoMixer(Channels()), []
    for form, n_channels in (("fltp", 2), ("fltp", 1), ("s16", 2), ("s16", 6), ("fltp", 2)):
        for _ in range(2):
            made, mean = frame(rng.uniform(-0.9, 0.9, (n_channels, 500)).astype("f4"), form)
            mixer.add(made)
            means.append(mean)
    np.testing.assert_allclose(mixer.waveform(), np.concatenate(means), atol=1e-6)


def test_stereo_is_the_mean_of_each_frame_to_the_last_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many frames are mixed at once."""
    monkeypatch.setattr(mixing, "_MIXED_AT_ONCE", 3_000)
    rng, mixer = np.random.default_rng(0), MonoMixer(Channels())
    frames = [rng.uniform(-1, 1, (2, 1_152)).astype("f4") for _ in range(9)]
    for samples in frames:
        mixer.add(frame(samples, "fltp")[0])
    expected = np.concatenate([samples.mean(axis=0, dtype=np.float32) for samples in frames])
    np.testing.assert_array_equal(mixer.waveform(), expected)


def test_what_is_no_number_is_silence_and_what_is_too_loud_is_bounded() -> None:
    mixer = MonoMixer(Channels())
    mixer.add(frame(np.array([[0.5, np.nan, np.inf, -np.inf, 1e9, -1e9]], "f4"), "fltp")[0])
    np.testing.assert_array_equal(mixer.waveform(), np.array([0.5, 0, 0, 0, 8, -8], "f4"))
