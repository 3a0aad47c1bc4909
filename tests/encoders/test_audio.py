"""The decoder, on real files of every common format, against a sound known at every instant."""

from __future__ import annotations

import struct
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import av
import librosa
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from synthesis import (
    AAC,
    FLAC,
    FORMATS,
    MATROSKA,
    MP3,
    MP3_NO_XING,
    OPUS,
    VORBIS,
    WAV,
    WAV_16K,
    Format,
    sound,
    write,
    write_sound,
)

from encoders.audio import SegmentGrid, choose_segments, inspect, read_segments
from encoders.errors import AudioError

GRID = SegmentGrid(sample_rate=16_000, hop_length=256, n_fft=512, n_frames=187)
HALF = GRID.n_fft // 2
SECONDS = 16.0  # five segments
JAMENDO = Path(__file__).parents[3] / "shared" / "audio" / "jamendo"


@cache
def segments_of_sound(delay: float) -> NDArray[np.float64]:
    """The five segments of a file that begins `delay` seconds before the sound does."""
    positions = np.arange(5)[:, None] * GRID.step - HALF + np.arange(GRID.n_samples)
    return sound(positions / GRID.sample_rate - delay)


def align(decoded: NDArray[np.float32], true: NDArray[np.float64]) -> tuple[float, float]:
    """Return by how many seconds `decoded` is late, and the correlation then, by cross-correlating.

    The peak is sought on a grid eight times finer than the samples.
    """
    n = 65_536
    product = np.fft.rfft(decoded, n) * np.fft.rfft(true, n).conj()
    correlation = 8 * np.fft.irfft(product, 8 * n) / np.linalg.norm(decoded) / np.linalg.norm(true)
    peak = int(np.argmax(correlation))
    place = peak if peak < 4 * n else peak - 8 * n
    return place / 8 / GRID.sample_rate, float(correlation[peak])


def check(waveforms: NDArray[np.float32], true: NDArray[np.float64], form: Format) -> None:
    for decoded, segment in zip(waveforms, true, strict=True):
        late, correlation = align(decoded, segment)
        assert abs(late) <= form.lag
        assert correlation > form.correlation
        assert decoded.std() == pytest.approx(form.gain * segment.std(), rel=0.01)


def read_all(path: Path) -> NDArray[np.float32]:
    return read_segments(path, inspect(path).duration, GRID, None).waveforms


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_formats(form: Format, tmp_path: Path) -> None:
    path = write_sound(tmp_path / form.name, form, SECONDS)
    info = inspect(path)
    assert info.duration == pytest.approx(SECONDS, abs=0.1)
    assert (info.sample_rate, info.channels) == (form.rate, form.channels)
    true = segments_of_sound(form.delay)
    whole = read_segments(path, info.duration, GRID, None)
    check(whole.waveforms, true, form)
    for n_segments in (3, 4):
        some = read_segments(path, info.duration, GRID, n_segments)
        chosen = choose_segments(5, n_segments)
        np.testing.assert_array_equal(some.starts, whole.starts[chosen])
        if form.seek_error is None:
            check(some.waveforms, true[chosen], form)
        else:
            error = np.abs(some.waveforms - whole.waveforms[chosen]).max()
            assert error <= form.seek_error + 1e-6  # products of matrices are rounded


@pytest.mark.parametrize(
    ("encoder", "sample_format", "suffix", "largest_error"),
    [
        ("pcm_u8", "u8", "wav", 2**-8),
        ("pcm_s16le", "s16", "wav", 2**-16),
        ("pcm_s24le", "s32", "wav", 2**-23),
        ("pcm_s32le", "s32", "wav", 2**-24),
        ("pcm_f32le", "flt", "wav", 0),
        ("pcm_f64le", "dbl", "wav", 0),
        ("pcm_s16be", "s16", "aiff", 2**-16),
        ("flac", "s16", "flac", 2**-16),
        ("flac", "s32", "flac", 2**-23),
        ("alac", "s16p", "m4a", 2**-16),
        ("wavpack", "fltp", "wv", 0),
        ("tta", "s16", "tta", 2**-16),
    ],
)
def test_lossless_files_lose_nothing(
    encoder: str, sample_format: str, suffix: str, largest_error: float, tmp_path: Path
) -> None:
    form = Format(f"a.{suffix}", encoder, sample_format, rate=16_000, channels=1)
    decoded = read_all(write_sound(tmp_path / form.name, form, 7.0))
    true = segments_of_sound(0.0)[:2].astype(np.float32)
    assert np.abs(decoded - true).max() <= largest_error * 1.001


@pytest.mark.parametrize("weights", [(1, 1), (1, 0), (0, -1), (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)])
def test_mono_is_the_mean_of_the_channels(weights: tuple[float, ...], tmp_path: Path) -> None:
    samples = np.outer(weights, sound(np.arange(64_000) / 16_000))
    form = replace(WAV_16K, channels=len(weights))
    decoded = read_all(write(tmp_path / "a.wav", samples, form))
    mean = np.mean([weight for weight in weights if weight])  # of the channels that sound
    np.testing.assert_allclose(decoded[0], mean * segments_of_sound(0.0)[0], atol=1e-4)


@pytest.mark.parametrize("form", [WAV, FLAC, MP3, AAC, VORBIS, OPUS], ids=lambda form: form.name)
def test_clicks_land_where_they_should(form: Format, tmp_path: Path) -> None:
    starts = np.array([0, 2, 4]) * GRID.step / GRID.sample_rate
    samples = np.zeros(round(SECONDS * form.rate))
    for start in starts:
        samples[round((start + 1.0) * form.rate)] = 0.9
    path = write(tmp_path / form.name, np.tile(samples, (2, 1)), form)
    decoded = read_segments(path, inspect(path).duration, GRID, 3)
    np.testing.assert_allclose(decoded.starts, starts, atol=1e-6)
    positions = np.abs(decoded.waveforms).argmax(axis=1) - HALF
    np.testing.assert_allclose(positions / GRID.sample_rate, 1.0, atol=0.002)


def test_a_track_shorter_than_a_segment_is_repeated(tmp_path: Path) -> None:
    for seconds in (0.1, 1.0, 2.5):
        path = write_sound(tmp_path / "a.wav", WAV_16K, seconds)
        once = sound(np.arange(round(seconds * 16_000)) / 16_000)
        segments = read_segments(path, inspect(path).duration, GRID)
        np.testing.assert_array_equal(segments.starts, [0])
        assert not segments.waveforms[0, :HALF].any()  # centred on the first sample
        repeated = np.resize(once, GRID.n_samples - HALF)
        np.testing.assert_allclose(segments.waveforms[0, HALF:], repeated, atol=1e-4)


def test_segment_grid() -> None:
    assert (GRID.step, GRID.n_samples) == (47_872, 48_128)
    known = {0.1: 1, 2.9: 1, 3.0: 1, 5.9: 1, 6.0: 2, 16.0: 5, 30.0: 10, 240.0: 80}
    assert {seconds: GRID.count(seconds) for seconds in known} == known


@given(
    duration=st.floats(0.05, 30_000),
    hop_length=st.integers(1, 1000),
    n_frames=st.integers(1, 500),
    sample_rate=st.sampled_from([8_000, 16_000, 22_050]),
)
def test_segments_fill_a_track(
    duration: float, hop_length: int, n_frames: int, sample_rate: int
) -> None:
    grid = SegmentGrid(sample_rate, hop_length, 512, n_frames)
    count, n_samples = grid.count(duration), int(duration * sample_rate)
    last_frame = (count * n_frames - 1) * hop_length
    assert count == 1 or last_frame <= n_samples
    assert last_frame + grid.step > n_samples


@given(n_available=st.integers(1, 5_000), n_wanted=st.integers(1, 300))
def test_chosen_segments_are_spread_evenly(n_available: int, n_wanted: int) -> None:
    chosen = choose_segments(n_available, n_wanted)
    assert len(chosen) == min(n_available, n_wanted)
    assert chosen[0] >= 0
    assert chosen[-1] < n_available
    gaps = np.diff(chosen)
    assert (gaps > 0).all()
    assert len(chosen) < 3 or np.ptp(gaps) <= 1
    before, after = chosen[0], n_available - 1 - chosen[-1]
    assert abs(int(before) - int(after)) <= 1


def test_chosen_segments() -> None:
    assert choose_segments(10, 3).tolist() == [1, 5, 8]
    assert choose_segments(7, 1).tolist() == [3]
    assert choose_segments(4, 4).tolist() == [0, 1, 2, 3]
    assert choose_segments(4, None).tolist() == [0, 1, 2, 3]
    assert choose_segments(1, 20).tolist() == [0]


@pytest.mark.parametrize("rate", [22_050, 44_100, 48_000, 96_000])
def test_resampling_is_as_good_as_soxrs(rate: int, tmp_path: Path) -> None:
    times = np.arange(12 * rate) / rate
    chirp = 0.5 * np.sin(2 * np.pi * (50 * times + 6_950 / 24 * times**2))  # to 7 kHz
    form = Format("chirp.wav", "pcm_f32le", "flt", rate=rate, channels=1)
    decoded = read_all(write(tmp_path / form.name, chirp[None], form))
    resampled = librosa.resample(chirp, orig_sr=rate, target_sr=16_000, res_type="soxr_hq")
    padded = np.concatenate([np.zeros(HALF), resampled, np.zeros(GRID.n_samples)])
    for index, segment in enumerate(decoded):
        true = padded[index * GRID.step :][: GRID.n_samples]
        assert np.corrcoef(segment, true)[0, 1] > 0.999
        assert segment.std() == pytest.approx(true.std(), rel=0.01)


def test_what_is_too_high_for_the_model_does_not_fold_down(tmp_path: Path) -> None:
    times = np.arange(8 * 48_000) / 48_000
    chirp = 0.5 * np.sin(2 * np.pi * (9_000 * times + 13_000 / 16 * times**2))  # 9 to 22 kHz
    low = 0.001 * np.sin(2 * np.pi * 440 * times)  # not to be silent
    form = Format("chirp.wav", "pcm_f32le", "flt", rate=48_000, channels=1)
    decoded = read_all(write(tmp_path / form.name, (chirp + low)[None], form))
    assert decoded[:, 4_000:].std() < 0.0015


@pytest.mark.parametrize("suffix", ["mp3", "wav"])
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_long_track_is_never_in_memory_whole(suffix: str, tmp_path: Path) -> None:
    """Three hours take 691 MB when decoded."""
    path = tmp_path / f"long.{suffix}"
    if suffix == "mp3":
        form = replace(MP3_NO_XING, rate=16_000, channels=1, bit_rate=32_000)
        path.write_bytes(180 * write_sound(path, form, 60.0).read_bytes())
    else:
        n_bytes = 3 * 3_600 * 8_000
        noise = np.random.default_rng(0).bytes(n_bytes // 1_000)
        with path.open("wb") as file:
            file.write(
                struct.pack(
                    "<4sI8sIHHIIHH",
                    b"RIFF",
                    n_bytes + 36,
                    b"WAVEfmt ",
                    16,
                    1,
                    1,
                    8_000,
                    8_000,
                    1,
                    8,
                )
            )
            file.write(struct.pack("<4sI", b"data", n_bytes))
            for _ in range(1_000):
                file.write(noise)
    script = f"""
import sys
from pathlib import Path
from encoders.audio import SegmentGrid, inspect, read_segments

def peak():
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024

path = Path(sys.argv[1])
before = peak()
info = inspect(path)
segments = read_segments(path, info.duration, {GRID!r}, 20)
print(peak() - before, info.duration, len(segments.starts), segments.starts[-1])
"""
    run = subprocess.run(
        [sys.executable, "-c", script, path], capture_output=True, text=True, check=True
    )
    peak, duration, n_segments, last = map(float, run.stdout.split())
    assert duration == pytest.approx(10_800, rel=0.01)
    assert n_segments == 20
    assert last == pytest.approx(10_800 * 39 / 40, rel=0.01)
    assert peak < 50e6, run.stdout


def test_not_a_number_is_silence_and_too_loud_is_bounded(tmp_path: Path) -> None:
    samples = np.tile(sound(np.arange(64_000) / 16_000), (2, 1))
    damaged = samples.copy()
    damaged[0, 1_000:1_100] = np.nan
    damaged[:, 2_000] = np.inf, -np.inf
    damaged[0, 3_000], damaged[0, 4_000] = 100.0, 1e300
    form = Format("a.wav", "pcm_f64le", "dbl", rate=16_000, channels=2)
    decoded = read_all(write(tmp_path / "a.wav", damaged, form))[0, HALF:]
    true = samples[0, : decoded.size]
    assert not decoded[1_000:1_100].any()
    assert decoded[2_000] == 0
    assert 1 < decoded[3_000] < 10
    assert decoded[4_000] == 0
    np.testing.assert_allclose(decoded[4_001:], true[4_001:], atol=1e-6)


def test_damage_in_the_middle_leaves_the_rest_in_place(tmp_path: Path) -> None:
    path = write_sound(tmp_path / MP3.name, MP3, SECONDS)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 3_000] = bytes(3_000)
    path.write_bytes(data)
    info = inspect(path)
    some = read_segments(path, info.duration, GRID, 3)
    check(some.waveforms[[0]], segments_of_sound(0.0)[[0]], MP3)
    assert info.duration == pytest.approx(SECONDS, abs=0.4)


def test_a_file_that_changes_its_sample_rate_is_refused(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.mp3", MP3, 4.0)
    other = write_sound(tmp_path / "b.mp3", replace(MP3, rate=48_000), 4.0)
    path.write_bytes(path.read_bytes() + other.read_bytes())
    with pytest.raises(AudioError, match=r"a\.mp3 changes its sample rate from 44100 to 48000 Hz"):
        read_all(path)


def test_sound_without_a_decoder_is_refused(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.mka", MATROSKA, 1.0)
    path.write_bytes(path.read_bytes().replace(b"A_AAC", b"A_XYZ"))
    with pytest.raises(AudioError, match=r"a\.mka holds audio in a format that cannot be decoded"):
        inspect(path)


def test_a_film_without_sound_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height = 64, 64
        container.mux(stream.encode(av.VideoFrame(64, 64, "yuv420p")))
        container.mux(stream.encode(None))
    with pytest.raises(AudioError, match=r"a\.mp4 has no audio stream"):
        inspect(path)


@pytest.mark.parametrize(
    "name", [b"\xff\xfe\xe9.mp3", "Séculaire ♫.mp3".encode(), b"concat:a.mp3", b"http:b.mp3", b"-"]
)
def test_any_name_is_just_a_name(
    name: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path(name.decode(sys.getfilesystemencoding(), "surrogateescape"))
    write_sound(Path("a"), replace(MP3, container="mp3"), 3.5).rename(path)
    assert read_segments(path, inspect(path).duration, GRID).waveforms.shape == (1, 48_128)
    path.write_bytes(b"text, not sound")
    with pytest.raises(AudioError) as raised:
        inspect(path)
    assert str(raised.value).startswith(f"{path} is not readable as audio")


@pytest.mark.filterwarnings("ignore:'(aifc|audioop|sunau)' is deprecated")  # librosa's readers
@pytest.mark.skipif(not JAMENDO.exists(), reason="needs the tracks in ../shared/audio/jamendo")
def test_real_tracks_are_what_librosa_decodes() -> None:
    for path in sorted(JAMENDO.glob("*.mp3"))[:3]:
        duration = inspect(path).duration
        whole = read_segments(path, duration, GRID, None)
        for n_segments in (1, 7, 20):
            some = read_segments(path, duration, GRID, n_segments)
            chosen = choose_segments(GRID.count(duration), n_segments)
            # The resampler's matrix products round by their number of rows on some processors.
            np.testing.assert_allclose(some.waveforms, whole.waveforms[chosen], rtol=0, atol=1e-6)
        sound, _ = librosa.load(path, sr=16_000, mono=True)
        assert duration == pytest.approx(len(sound) / 16_000, abs=0.1)
        padded = np.concatenate([np.zeros(HALF), sound, np.zeros(GRID.n_samples)])
        for index, segment in enumerate(whole.waveforms):
            true = padded[index * GRID.step :][: GRID.n_samples]
            assert np.corrcoef(segment, true)[0, 1] > 0.998


def test_ogg_streams_one_behind_the_other_are_heard_or_named(tmp_path: Path) -> None:
    def link(name: str, encoder: str, sample_format: str, rate: int) -> bytes:
        path = tmp_path / name
        with av.open(str(path), "w", format="ogg") as container:
            stream = container.add_stream(encoder, rate=rate, layout="stereo")
            stream.codec_context.options = {"strict": "-2"} if encoder == "vorbis" else {}
            samples = (8000 * np.sin(np.arange(3 * rate) / 20)).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(np.repeat(samples, 2)[None], "s16", "stereo")
            frame.sample_rate = rate
            size = stream.codec_context.frame_size
            resampler = av.AudioResampler(sample_format, "stereo", rate, size)
            for piece in [*resampler.resample(frame), *resampler.resample(None)]:
                container.mux(stream.encode(piece))
            container.mux(stream.encode(None))
        return path.read_bytes()

    vorbis = link("a.ogg", "vorbis", "fltp", 44100)
    slow = link("b.ogg", "vorbis", "fltp", 22050)
    opus = link("c.opus", "libopus", "flt", 48000)
    chained = tmp_path / "chained.ogg"
    chained.write_bytes(vorbis + link("d.ogg", "vorbis", "fltp", 44100))
    assert inspect(chained).duration == pytest.approx(6.0, abs=0.1)
    for links in (opus + opus, vorbis + slow, vorbis + opus, opus + vorbis):
        chained.write_bytes(links)
        with pytest.raises(AudioError, match="several Ogg streams, one behind the other"):
            inspect(chained)
