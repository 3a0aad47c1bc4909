"""How loud a file is over its length, against signals of known loudness."""

from __future__ import annotations

import struct
import wave
from pathlib import Path

import numpy as np
import pytest

from encoders.audio import inspect
from encoders.errors import AudioError
from encoders.features import AudioSpan
from encoders.levels import N_LEVELS, read_levels

RATE = 44_100


def levels_of(path: Path, signal: np.ndarray) -> np.ndarray:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(signal.ndim)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((32_767 * signal).astype("<i2").tobytes())
    return read_levels(AudioSpan(path, inspect(path).duration))


def test_levels_are_those_of_the_parts(tmp_path: Path) -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(6 * RATE) / RATE)
    tone *= np.repeat([0.1, 0.4, 0.0], 2 * RATE)
    both = np.stack([tone, -tone], axis=1)  # would cancel each other in mono
    for signal in (tone, both):
        levels = levels_of(tmp_path / "a.wav", signal)
        thirds = levels.reshape(3, N_LEVELS // 3)[:, 5:-5]
        assert levels.dtype == np.uint8
        np.testing.assert_allclose(thirds[0], 255 / 4, atol=3)
        np.testing.assert_allclose(thirds[1], 255, atol=8)
        assert thirds[2].max() <= 1


def test_silence_and_very_short_files_have_levels(tmp_path: Path) -> None:
    assert not levels_of(tmp_path / "silent.wav", np.zeros(RATE)).any()
    assert levels_of(tmp_path / "short.wav", np.ones(RATE // 5)).max() == 255


def test_what_a_damaged_file_decodes_to_hides_no_sound(tmp_path: Path) -> None:
    signal = 0.5 * np.sin(np.arange(3 * RATE) / 10).astype("<f4")
    signal[RATE : RATE + 4] = np.nan, np.inf, -np.inf, 1e38
    data = signal.tobytes()
    kind = struct.pack("<HHIIHH", 3, 1, RATE, 4 * RATE, 4, 32)  # floating point
    chunks = b"fmt " + struct.pack("<I", 16) + kind + b"data" + struct.pack("<I", len(data)) + data
    path = tmp_path / "a.wav"
    path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks)
    levels = read_levels(AudioSpan(path, 3.0))
    assert levels.max() == 255
    assert (levels[5:95] > 20).all()


def test_what_is_no_audio_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.mp3").write_bytes(b"not at all" * 99)
    with pytest.raises(AudioError):
        read_levels(AudioSpan(tmp_path / "a.mp3", 1.0))


def test_levels_of_a_part_are_those_of_its_sound(tmp_path: Path) -> None:
    loudness = np.repeat([0.1, 0.8, 0.4, 0.1], 2 * RATE)
    tone = np.sin(np.arange(len(loudness)) / 10)
    levels_of(tmp_path / "a.wav", loudness * tone)
    halves = read_levels(AudioSpan(tmp_path / "a.wav", 4.0, 2.0)).reshape(2, -1)
    assert halves[0].min() > 240
    assert 110 < halves[1, 5:].min() <= halves[1, 5:].max() < 145
