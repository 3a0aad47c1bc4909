"""Decoding processes: they answer as the decoder would, and no file and no death stops them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from child_processes import own_children
from synthesis import FLAC, WAV, write, write_sound

from encoders import decoding
from encoders.audio import SegmentGrid, inspect, read_segments
from encoders.decoding import DecoderProcess
from encoders.errors import AudioError, FileUnavailable
from encoders.features import AudioSpan

pytestmark = pytest.mark.timeout(100)  # instead of waiting for ever

GRID = SegmentGrid(sample_rate=16_000, hop_length=256, n_fft=512, n_frames=187)


@pytest.fixture
def decoder() -> Iterator[DecoderProcess]:
    decoder = DecoderProcess()
    yield decoder
    decoder.close()
    assert own_children() == []


@pytest.fixture(scope="module")
def track(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sound(tmp_path_factory.mktemp("tracks") / FLAC.name, FLAC, 16.0)


def child() -> psutil.Process:
    (process,) = own_children()
    return process


def wait_for_end(process: psutil.Process) -> None:
    """Return once it has ended, whoever is to reap it; the test's time limit is the only one."""
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)


def assert_works(decoder: DecoderProcess, track: Path) -> None:
    decoder.request_info(track)
    info = decoder.receive_info(track)
    assert info == inspect(track)
    for n_segments in (3, None):
        decoder.request_segments(AudioSpan(track, info.duration), GRID, n_segments)
        segments = decoder.receive_segments(track)
        expected = read_segments(track, info.duration, GRID, n_segments)
        # The decoder multiplies on one core, this process on all: products round differently.
        np.testing.assert_allclose(segments.waveforms, expected.waveforms, rtol=0, atol=1e-6)
        np.testing.assert_array_equal(segments.starts, expected.starts)
        assert segments.waveforms.dtype == segments.starts.dtype == np.float32


def test_it_answers_as_the_decoder_would(decoder: DecoderProcess, track: Path) -> None:
    assert_works(decoder, track)
    assert_works(decoder, track)


def test_its_errors_are_the_decoders(decoder: DecoderProcess, track: Path, tmp_path: Path) -> None:
    silent = write(tmp_path / "silent.wav", np.zeros((1, 60_000)), WAV)
    names = ["missing.mp3", "empty.mp3", "text.mp3", "folder.mp3", "silent.wav"]
    (tmp_path / "empty.mp3").touch()
    (tmp_path / "text.mp3").write_text("No sound in here. " * 100)
    (tmp_path / "folder.mp3").mkdir()
    for path in [tmp_path / name for name in names]:
        with pytest.raises(AudioError) as expected:
            read_segments(path, inspect(path).duration, GRID)
        with pytest.raises(AudioError) as raised:
            decoder.request_info(path)
            span = AudioSpan(path, decoder.receive_info(path).duration)
            decoder.request_segments(span, GRID, 20)
            decoder.receive_segments(path)
        assert str(raised.value) == str(expected.value)
        assert str(path) in str(raised.value)
    assert "silent" in str(raised.value)
    assert silent.exists()
    assert_works(decoder, track)


def test_it_never_imports_torch(decoder: DecoderProcess, track: Path) -> None:
    script = "import sys, encoders.decoding; print(sorted(sys.modules))"
    fresh = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert "'encoders.audio'" in fresh.stdout
    assert "torch" not in fresh.stdout
    assert_works(decoder, track)
    if psutil.LINUX:
        loaded = {Path(library.path).name for library in child().memory_maps()}
        assert any("avcodec" in name for name in loaded)
        assert not any("torch" in name for name in loaded)


@pytest.mark.parametrize("name", [b"\xff\xfe\xe9.flac", "Séculaire\n♫.flac".encode()])
def test_any_name_is_just_a_name(decoder: DecoderProcess, track: Path, name: bytes) -> None:
    path = track.with_name(os.fsdecode(name))
    path.write_bytes(track.read_bytes())
    assert_works(decoder, path)
    path.write_bytes(b"no sound")
    with pytest.raises(AudioError) as raised:
        decoder.request_info(path)
        decoder.receive_info(path)
    assert str(raised.value).startswith(f"{path} is not readable")


def test_relative_paths_are_this_processs(
    decoder: DecoderProcess, track: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(track.parent)
    assert_works(decoder, Path(track.name))


def test_dying_in_the_middle_costs_one_file(decoder: DecoderProcess, track: Path) -> None:
    for _ in range(3):
        process = child()
        process.suspend()
        decoder.request_segments(AudioSpan(track, 16.0), GRID, 5)
        process.kill()
        with pytest.raises(AudioError, match=r"flac ended the decoder \(exit status -9\)"):
            decoder.receive_segments(track)
        assert_works(decoder, track)


def test_dying_between_two_halves_of_an_answer_costs_one_file(
    decoder: DecoderProcess, track: Path
) -> None:
    """Its samples do not fit into the pipe, so it is still writing when it is killed."""
    grid = SegmentGrid(sample_rate=48_000, hop_length=256, n_fft=512, n_frames=560)
    assert 2 * decoding._PIPE_SIZE < 4 * 5 * 560 * 256
    process = child()
    decoder.request_segments(AudioSpan(track, 16.0), grid, 5)
    decoder._out.peek(1)  # the answer's head is here
    process.kill()
    with pytest.raises(AudioError, match=r"flac ended the decoder"):
        decoder.receive_segments(track)
    assert_works(decoder, track)


def test_dying_between_two_files_costs_none(decoder: DecoderProcess, track: Path) -> None:
    process = child()
    process.kill()
    wait_for_end(process)
    assert_works(decoder, track)


def test_a_file_that_takes_too_long_is_given_up(
    decoder: DecoderProcess, track: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(decoding, "TIME_LIMIT", 0.2)
        child().suspend()
        decoder.request_info(track)
        with pytest.raises(AudioError, match=r"flac ended the decoder .*took more than"):
            decoder.receive_info(track)
    assert_works(decoder, track)


@pytest.mark.skipif(sys.platform != "linux", reason="limits a process")
def test_a_lack_of_memory_is_not_the_files_fault(
    decoder: DecoderProcess, track: Path, tmp_path: Path
) -> None:
    long = write(tmp_path / "long.wav", np.zeros((1, 1_000)), WAV)
    with long.open("rb+") as file:  # the last size that its header says is of all that follows
        file.seek(-2_004, os.SEEK_END)
        file.write((0x7FFF_0000).to_bytes(4, "little"))
        file.truncate(400 << 20)
    assert_works(decoder, track)
    process = child()
    limit = process.memory_info().vms + (100 << 20)
    process.rlimit(psutil.RLIMIT_AS, (limit, psutil.RLIM_INFINITY))
    with pytest.raises(FileUnavailable, match="wav cannot be read: there is not enough memory"):
        decoder.request_segments(AudioSpan(long, 4_000.0), GRID, None)
        decoder.receive_segments(long)
    assert child() == process
    assert_works(decoder, track)


def test_it_is_as_polite_as_it_is_told(track: Path) -> None:
    decoder = DecoderProcess(nice=3)
    assert_works(decoder, track)
    assert child().nice() == psutil.Process().nice() + 3
    decoder.close()
    decoder.close()
    assert own_children() == []


@pytest.mark.parametrize("busy", [False, True])
def test_it_ends_when_its_parent_is_killed(busy: bool, track: Path) -> None:
    """Also while it waits for somebody to take its answer."""
    script = f"""
import sys, time
from pathlib import Path
from encoders.decoding import DecoderProcess, SegmentGrid
from encoders.features import AudioSpan

decoder, path = DecoderProcess(), Path(sys.argv[1])
decoder.request_info(path)
decoder.receive_info(path)
if {busy}:
    decoder.request_segments(AudioSpan(path, 16.0), {GRID!r}, None)
print("ready", flush=True)
time.sleep(1000)
"""
    command = [sys.executable, "-c", script, str(track)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "ready\n"
        (process,) = psutil.Process(parent.pid).children()
        parent.send_signal(signal.SIGKILL)
    wait_for_end(process)
