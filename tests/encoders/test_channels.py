"""What averages over channels or segments would hide is heard, and silence does not count."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from encoders.audio import SegmentGrid, Segments, inspect, read_segments
from encoders.errors import AudioError

RATE = 16_000
GRID = SegmentGrid(RATE, 256, 512, 187)


def noise(seconds: float, seed: int = 0, level: float = 0.3) -> NDArray[np.float32]:
    """Music enough: noise whose loudness changes."""
    rng = np.random.default_rng(seed)
    n = round(seconds * RATE)
    return (level * rng.uniform(-1, 1, n) * (0.6 + 0.4 * np.sin(np.arange(n) / 9000))).astype("f4")


def write(path: Path, *channels: NDArray[np.float32], encoder: str = "") -> Path:
    """Write channels of one length; the suffix says the format."""
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[len(channels)]
    name, encoder = {
        ".wav": ("wav", encoder or "pcm_s16le"),
        ".flac": ("flac", "flac"),
        ".mp3": ("mp3", "libmp3lame"),
        ".opus": ("ogg", "libopus"),
    }[path.suffix]
    content = io.BytesIO()
    with av.open(content, "w", format=name) as container:
        rate = 48000 if path.suffix == ".opus" else RATE
        stream = container.add_stream(encoder, rate=rate, layout=layout)
        frame = av.AudioFrame.from_ndarray(np.stack(channels).astype("f4"), "fltp", layout)
        frame.sample_rate = RATE
        size = stream.codec_context.frame_size
        resampler = av.AudioResampler(stream.codec_context.format.name, layout, rate, size)
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    path.write_bytes(content.getvalue())
    return path


def read(path: Path, n_segments: int | None = 20) -> Segments:
    return read_segments(path, inspect(path).duration, GRID, n_segments)


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".mp3", ".opus"])
def test_opposite_phase_is_no_silence(tmp_path: Path, suffix: str) -> None:
    music = noise(10)
    turned = read(write(tmp_path / f"turned{suffix}", music, -music)).waveforms
    plain = read(write(tmp_path / f"plain{suffix}", music, music)).waveforms
    assert turned.shape == plain.shape
    closeness = np.corrcoef(turned.ravel(), plain.ravel())[0, 1]
    assert closeness == pytest.approx(1, abs=0.1 if suffix in (".mp3", ".opus") else 1e-6)


def test_opposite_phase_with_a_little_left_is_heard(tmp_path: Path) -> None:
    music, rest = noise(10), noise(10, seed=1, level=0.003)
    waveforms = read(write(tmp_path / "x.wav", music + rest, rest - music)).waveforms
    assert np.abs(waveforms).max() > 0.2


def test_quiet_and_wide_music_is_averaged_as_before(tmp_path: Path) -> None:
    left, right = noise(10, level=0.02), noise(10, seed=1, level=0.02)
    heard = read(write(tmp_path / "x.wav", left, right)).waveforms
    mono = read(write(tmp_path / "m.wav", (left + right) / 2)).waveforms
    assert np.abs(heard - mono).max() < 1e-4


@pytest.mark.parametrize("encoder", ["pcm_s16le", "pcm_u8", "pcm_f32le", "pcm_s24le"])
@pytest.mark.parametrize("dead", [0, 1])
def test_a_dead_channel_is_left_out(tmp_path: Path, encoder: str, dead: int) -> None:
    music, nothing = noise(10), np.zeros(10 * RATE, np.float32)
    channels = (nothing, music) if dead == 0 else (music, nothing)
    half = read(write(tmp_path / "half.wav", *channels, encoder=encoder)).waveforms
    mono = read(write(tmp_path / "mono.wav", music, encoder=encoder)).waveforms
    assert np.abs(half - mono).max() < (0.01 if encoder == "pcm_u8" else 1e-6)


def test_channels_that_sound_late_are_not_dead(tmp_path: Path) -> None:
    late = noise(10, seed=1)
    late[: 8 * RATE] = 0
    heard = read(write(tmp_path / "x.wav", noise(10), late)).waveforms
    mono = read(write(tmp_path / "m.wav", (noise(10) + late) / 2)).waveforms
    assert np.abs(heard - mono).max() < 1e-4


def test_silence_before_a_hidden_track_does_not_count(tmp_path: Path) -> None:
    music = np.concatenate([noise(60), np.zeros(600 * RATE, "f4"), noise(45, seed=1)])
    segments = read(write(tmp_path / "x.flac", music))
    assert np.abs(segments.waveforms).max(axis=1).min() > 0.1
    assert ((segments.starts < 60) | (segments.starts > 655)).all()
    assert len(segments.starts) == 20  # as many as of any track
    assert {bool(start < 60) for start in segments.starts.tolist()} == {True, False}


def test_lead_ins_and_fades_do_not_count(tmp_path: Path) -> None:
    hiss = noise(30, seed=2, level=0.0005)  # 55 dB below the music
    fade = noise(30, seed=3) * np.geomspace(1, 1e-4, 30 * RATE).astype("f4")
    starts = read(write(tmp_path / "x.flac", np.concatenate([hiss, noise(60), fade]))).starts
    assert starts.min() >= 27
    assert 90 < starts.max() < 112


def test_a_minute_of_music_in_half_an_hour_of_silence_is_found(tmp_path: Path) -> None:
    music = np.concatenate([np.zeros(900 * RATE, "f4"), noise(60), np.zeros(700 * RATE, "f4")])
    starts = read(write(tmp_path / "x.flac", music)).starts
    assert len(starts) >= 3
    assert ((starts > 896) & (starts < 960)).all()


def test_all_segments_are_read_where_all_are_asked_for(tmp_path: Path) -> None:
    music = np.concatenate([noise(10), np.zeros(20 * RATE, "f4"), noise(10)])
    path = write(tmp_path / "x.flac", music)
    assert len(read(path, None).starts) == GRID.count(40.0)


@pytest.mark.parametrize("n_segments", [20, None])
def test_silence_throughout_is_named(tmp_path: Path, n_segments: int | None) -> None:
    nothing = np.zeros(90 * RATE, np.float32)
    path = write(tmp_path / "x.flac", nothing, nothing)
    with pytest.raises(AudioError, match=r"x\.flac is silent: there is nothing to compare"):
        read(path, n_segments)


def test_a_passage_in_opposite_phase_is_heard(tmp_path: Path) -> None:
    music = noise(60)
    turned = music.copy()
    turned[20 * RATE : 50 * RATE] *= -1
    heard = read(write(tmp_path / "x.wav", music, turned))
    mono = read(write(tmp_path / "m.wav", music))
    assert heard.starts.tolist() == mono.starts.tolist()
    ends = (heard.starts < 16) | (heard.starts > 51)
    inner = (heard.starts > 21) & (heard.starts < 46)
    for place in (ends, inner):
        assert np.abs(heard.waveforms[place] - mono.waveforms[place]).max() < 1e-4


@pytest.mark.parametrize("offset", [0.02, 0.3])
def test_a_constant_offset_is_no_signal(tmp_path: Path, offset: float) -> None:
    silence = np.zeros(300 * RATE, "f4")
    music = np.concatenate([noise(30, level=0.2), silence, noise(30, seed=1, level=0.2)])
    starts = read(write(tmp_path / "x.wav", music + np.float32(offset))).starts
    assert ((starts < 30) | (starts > 326)).all()
    alone = write(tmp_path / "y.wav", silence + np.float32(offset), silence)
    with pytest.raises(AudioError, match="is silent"):
        read(alone)


def test_a_dead_channel_with_an_offset_is_dead(tmp_path: Path) -> None:
    music = noise(10)
    half = read(write(tmp_path / "x.wav", music, np.full(10 * RATE, 0.1, "f4"))).waveforms
    mono = read(write(tmp_path / "m.wav", music)).waveforms
    assert half[1:].std() == pytest.approx(mono[1:].std(), rel=1e-3)


@pytest.mark.parametrize("begin", [0, 1333, 1496])
def test_some_seconds_of_sound_in_half_an_hour_of_silence_are_found(
    tmp_path: Path, begin: int
) -> None:
    music = np.zeros(1500 * RATE, "f4")
    music[begin * RATE : (begin + 4) * RATE] = noise(4)
    starts = read(write(tmp_path / "x.wav", music)).starts
    assert len(starts)
    assert ((starts > begin - 3) & (starts < begin + 4)).all()
