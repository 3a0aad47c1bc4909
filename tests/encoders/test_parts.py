"""A part of a file is read and sent as if the file were cut at both of its ends."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1] / "commands"))  # for sounds

from sounds import write
from test_transcoding import decoded

from encoders.audio import SegmentGrid, read_segments
from encoders.transcoding import RATE

GRID = SegmentGrid(16_000, hop_length=256, n_fft=512, n_frames=187)
SOURCE = 22_050  # Hz, of what `write` writes
BEGIN, END = 150, 1125  # frames of a CD


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    return (0.3 * np.random.default_rng(0).standard_normal(20 * SOURCE)).astype(np.float32)


@pytest.mark.parametrize("n_segments", [None, 2, 20])
def test_a_part_is_read_as_the_file_cut_out(
    tmp_path: Path, noise: np.ndarray, n_segments: int | None
) -> None:
    album = write(tmp_path / "album.flac", noise)
    begin, end = (frame * SOURCE // 75 for frame in (BEGIN, END))
    cut = write(tmp_path / "cut.flac", noise[begin:end])
    seconds = (END - BEGIN) / 75
    part = read_segments(album, seconds, GRID, n_segments, begin=BEGIN / 75)
    alone = read_segments(cut, seconds, GRID, n_segments)
    np.testing.assert_array_equal(part.starts, alone.starts)
    inner = part.waveforms[:, 400:-400], alone.waveforms[:, 400:-400]  # the resampler looks around
    np.testing.assert_allclose(*inner, atol=2e-3)


def test_a_short_part_holds_nothing_of_its_neighbours(tmp_path: Path, noise: np.ndarray) -> None:
    silence = np.zeros(2 * SOURCE, np.float32)
    album = write(tmp_path / "album.flac", np.concatenate([noise[:SOURCE], silence]))
    waveform = read_segments(album, 1.0, GRID, 1, begin=0.0).waveforms[0]
    assert np.abs(waveform[300:47800]).reshape(-1, 100).max(axis=1).min() > 0.05, "it is repeated"


@pytest.mark.parametrize("suffix", [".flac", ".mp3", ".m4a"])
def test_a_part_is_sent_to_the_sample(tmp_path: Path, noise: np.ndarray, suffix: str) -> None:
    begin, end = BEGIN / 75, END / 75
    sound = np.zeros_like(noise)
    inside = slice(int(begin * SOURCE), int(end * SOURCE))
    sound[inside] = noise[inside]
    path = write(tmp_path / f"album{suffix}", sound)
    part, before, rest = decoded(path, begin, end), decoded(path, 0.0, begin), decoded(path, end)
    slack = 2 * 1152 / RATE + 0.03  # of MP3, and of the encoder of the file
    assert len(part) / RATE == pytest.approx(end - begin, abs=slack)
    assert np.abs(part[int(slack * RATE) : -int(slack * RATE)]).reshape(-1)[::7].std() > 0.05
    for silent in (before[: -int(slack * RATE)], rest[int(slack * RATE) :]):
        assert np.abs(silent).max() < 0.02
    assert len(before) / RATE == pytest.approx(begin, abs=slack)
