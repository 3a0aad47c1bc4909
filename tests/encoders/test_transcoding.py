"""Any audio as MP3."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import av
import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1] / "commands"))  # for sounds

from sounds import cut, write

from encoders.errors import AudioError
from encoders.transcoding import RATE, transcode


def chirp(seconds: float) -> np.ndarray:
    """A tone whose pitch says what time it is: 300 Hz more each second, from 300 Hz."""
    times = np.arange(int(22_050 * seconds)) / 22_050
    return (0.5 * np.sin(2 * np.pi * (300 * times + 150 * times**2))).astype(np.float32)


def decoded(path: Path, start: float, stop: float | None = None) -> np.ndarray:
    """What a player hears: the left channel."""
    sink = io.BytesIO()
    transcode(path, start, sink, stop=stop)
    sink.seek(0)
    with av.open(sink) as container:
        assert container.streams.audio[0].rate == RATE
        return np.concatenate([f.to_ndarray()[0] for f in container.decode(audio=0)])


def time_at(sound: np.ndarray, seconds: float) -> float:
    """Return which time of the chirp is played at some time of a sound."""
    piece = sound[int(seconds * RATE) :][: RATE // 10] * np.hanning(RATE // 10)
    pitch = np.abs(np.fft.rfft(piece, 1 << 16)).argmax() * RATE / (1 << 16)
    return (pitch - 300) / 300 - 0.05


@pytest.mark.parametrize("suffix", [".wma", ".flac", ".ogg", ".m4a", ".mkv"])
def test_every_format_is_heard_from_where_it_is_asked_for(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"chirp{suffix}", chirp(6), "stereo")
    whole, rest = decoded(path, 0.0), decoded(path, 4.0)
    assert len(whole) / RATE == pytest.approx(6, abs=0.25)
    assert len(rest) / RATE == pytest.approx(2, abs=0.3)
    assert time_at(whole, 3.0) == pytest.approx(3.0, abs=0.15)
    assert time_at(rest, 1.0) == pytest.approx(5.0, abs=0.3)  # a frame of WMA is long


def test_a_part_is_heard_for_as_long_as_it_is_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path / "chirp.flac", chirp(6), "stereo")
    part = decoded(path, 2.0, stop=3.5)
    assert len(part) / RATE == pytest.approx(1.5, abs=0.25)
    assert time_at(part, 1.0) == pytest.approx(3.0, abs=0.15)


def test_what_is_whole_of_a_damaged_file_is_heard(tmp_path: Path) -> None:
    path = cut(write(tmp_path / "chirp.flac", chirp(6)), 0.5)
    assert 1 < len(decoded(path, 0.0)) / RATE < 5
    (tmp_path / "words.mp3").write_text("words " * 100)
    with pytest.raises(AudioError, match="not readable as audio"):
        decoded(tmp_path / "words.mp3", 0.0)
