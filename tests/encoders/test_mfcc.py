"""MFCCs of real files against librosa's."""

from __future__ import annotations

from pathlib import Path

import librosa
import numpy as np
import pytest
from synthesis import FLAC, WAV, write_sound

from encoders.audio import inspect, read_segments
from encoders.errors import AudioError
from encoders.features import AudioSpan
from encoders.mfcc import N_MFCC, MfccExtractor


def expected(path: Path, extractor: MfccExtractor) -> np.ndarray:
    """Coefficients (n_segments, N_MFCC, n_frames), from librosa."""
    duration = inspect(path).duration
    segments = read_segments(path, duration, extractor.grid, extractor.n_segments)
    mel = librosa.feature.melspectrogram(
        y=segments.waveforms,
        sr=16_000,
        n_fft=512,
        hop_length=256,
        n_mels=40,
        center=False,
        htk=True,
        norm=None,
    )
    return librosa.feature.mfcc(S=librosa.power_to_db(mel), n_mfcc=N_MFCC, norm="ortho")


def test_mfccs_are_librosas(tmp_path: Path) -> None:
    paths = [write_sound(tmp_path / f.name, f, 8.0) for f in (WAV, FLAC)]
    extractor = MfccExtractor(n_segments=2)
    assert extractor.names == ("mfcc20-float32-2",)
    spans = [AudioSpan(path, 8.0) for path in paths]
    results = {track.path: result for track, result in extractor.extract(spans)}
    for path in paths:
        (features,) = results[path]
        coefficients = expected(path, extractor)
        assert features.tags.shape == (2, 0)
        assert features.penultimate.dtype == features.pooled.dtype == np.float16
        flat = coefficients.transpose(1, 0, 2).reshape(N_MFCC, -1)
        pooled = np.concatenate([flat.mean(axis=1), flat.std(axis=1, ddof=1)])
        assert features.pooled.astype(float) == pytest.approx(pooled, rel=5e-3, abs=0.2)
        means = coefficients.mean(axis=2)
        assert features.penultimate.astype(float) == pytest.approx(means, rel=5e-3, abs=0.2)


def test_a_file_that_cannot_be_read_is_an_error_value(tmp_path: Path) -> None:
    good = write_sound(tmp_path / "good.wav", WAV, 3.5)
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"no music")
    spans = [AudioSpan(bad, 3.0), AudioSpan(good, 3.5)]
    extractor = MfccExtractor(n_segments=None, workers=2)
    results = {track.path: result for track, result in extractor.extract(spans)}
    assert isinstance(results[bad], AudioError)
    assert not isinstance(results[good], AudioError)
