"""Builds that are stopped, killed or started twice, as real processes."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, suppress
from multiprocessing import forkserver, resource_tracker
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import psutil
import pytest
from commands import (
    PATIENCE,
    Commands,
    children,
    decoders,
    ended,
    finish,
    fork,
    make_home,
    start,
    until,
)
from sounds import tune, write
from stored import content, query

from encoders.decoding import DecoderProcess
from encoders.errors import AudioError
from encoders.extract import TrackAnalysis
from encoders.features import AudioInfo, AudioSpan, Descriptors, TrackFeatures
from index.vector_index import VectorIndex
from recsys.catalog import Catalog
from recsys.home.files import INDEX_NAME, LAYOUT_NAME, PROJECTION_NAME, TAG_MEANS_NAME
from recsys.library import build
from recsys.library.build_state import STATE_NAME

N_KILLS = 4  # more of them: `benchmarks.faults`
KILLS_PER_HOME = 2
N_TRACKS = 24

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")


@pytest.fixture(scope="module", autouse=True)
def no_process_stays() -> Iterator[None]:
    yield
    forkserver._forkserver._stop()
    resource_tracker._resource_tracker._stop()


def least_cosine(home: Path, other: Path) -> float:
    """Compare the embeddings of the same tracks in two homes."""
    one, two = (
        VectorIndex.load(folder / INDEX_NAME, model=None, projection=None, dim=None)
        for folder in (home, other)
    )
    assert one.ids.tolist() == two.ids.tolist()
    return float((one.vectors(one.ids) * two.vectors(two.ids)).sum(axis=1).min())


def small_library(music: Path, n_tracks: int) -> None:
    """Write what there is not yet of so many tracks."""
    for number in range(n_tracks):
        path = music / f"song {number:02}.flac"
        if not path.exists():
            write(path, tune(number, 1.5))


def kill(process: BaseProcess) -> bool:
    """Kill a build, and wait for its decoders to end; return whether it was still at work."""
    assert process.pid
    alive = process.is_alive()
    if alive:
        os.kill(process.pid, signal.SIGSTOP)  # so that it starts no more decoders
        family = children(process.pid)
        process.kill()
        until(lambda: ended(family))
    process.join(PATIENCE)
    return alive and process.exitcode == -signal.SIGKILL


def test_builds_killed_at_random_points_end_as_if_undisturbed(
    tmp_path: Path, music: Path, weights: Path
) -> None:
    small_library(music, N_TRACKS)
    shutil.copy(music / "song 00.flac", music / "twin.flac")
    (music / "broken.mp3").write_text("words")
    undisturbed, log = make_home(tmp_path / "undisturbed", weights), tmp_path / "log"
    warm = make_home(tmp_path / "warm", weights)
    assert run_to_end(music / "song 00.flac", warm, log) == 0  # the imports take their time
    begin = time.monotonic()
    assert run_to_end(music, undisturbed, log) == 0
    seconds = time.monotonic() - begin
    rows, features = content(undisturbed)
    assert len(rows) == N_TRACKS + 2
    rng = np.random.default_rng(0)
    n_kills = 0
    for number in range(3 * N_KILLS):  # more than enough, whatever the luck
        home = make_home(tmp_path / f"home {number}", weights)
        for _ in range(KILLS_PER_HOME):
            process = fork("build", music, "--home", home, output=log)
            process.join(rng.uniform(0.05, 0.95) * seconds)
            n_kills += kill(process)
            assert "Traceback" not in log.read_text()
        assert run_to_end(music, home, log) == 0
        killed_rows, killed_features = content(home)
        assert killed_rows == rows
        assert killed_features.keys() == features.keys()
        assert least_cosine(home, undisturbed) >= 0.9999
        assert leftovers(home) == []
        if n_kills >= N_KILLS:
            break
    assert n_kills >= N_KILLS


def run_to_end(music: Path, home: Path, log: Path) -> int | None:
    process = fork("build", music, "--home", home, output=log)
    process.join(PATIENCE)
    assert "Traceback" not in log.read_text()
    return process.exitcode


def leftovers(home: Path) -> list[str]:
    """Name what does not belong into a home at rest; an index's half is removed an hour later."""
    derived = {INDEX_NAME, PROJECTION_NAME, TAG_MEANS_NAME, LAYOUT_NAME, STATE_NAME}
    names = {path.name for path in home.iterdir()} - derived
    names -= {"catalogue.db", "build.lock", "weights"}
    return [name for name in names if not name.endswith(".saving")]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_build_is_gone_on_with(
    earshot: Commands, music: Path, number: signal.Signals
) -> None:
    small_library(music, 3)
    earshot.build_json(music)
    before = content(earshot.home)
    small_library(music, 9)
    process = start(
        "build",
        *(music, "--home", earshot.home, "--workers", 1),
        before="import signal; signal.signal(signal.SIGINT, signal.SIG_DFL)",
    )
    assert process.stderr
    assert any(line.startswith(b"Analysing: 6") for line in process.stderr)
    (decoder,) = until(lambda: decoders(process.pid), process)
    decoder.suspend()  # so that the build cannot end by itself
    process.send_signal(number)
    until(lambda: process.poll() is not None)
    with suppress(psutil.NoSuchProcess):  # caught at birth, it was not yet known to its parent
        decoder.resume()
    result = finish(process)
    assert result.status == 130
    assert "Stopped. What was analysed is kept; run the command again to go on." in result.err
    assert result.out == b""
    until(lambda: ended([decoder]))
    rows, features = content(earshot.home)
    assert rows[:3] == before[0]
    assert features.keys() >= before[1].keys()
    n_kept = len(features) // 2  # two models
    done = earshot.build_json(music)
    assert (done["tracks"], done["failed"], done["unchanged"]) == (9, 0, 9)
    assert done["analysed"] == 9 - n_kept
    assert [row[0] for row in content(earshot.home)[0]] == list(range(1, 10))


class Interrupted:
    """An extractor whose user loses patience after three tracks."""

    names = ("model",)

    def inspect(self, paths: Iterable[Path]) -> Generator[tuple[Path, AudioInfo | AudioError]]:
        for path in paths:
            yield path, AudioInfo(1.0, 22050, 1, "flac", path.name.ljust(32, "0"))

    def analyse(
        self, tracks: Iterable[AudioSpan]
    ) -> Generator[tuple[AudioSpan, TrackAnalysis | AudioError]]:
        ones = np.ones((1, 4), np.float16)
        heard = TrackFeatures(np.zeros(1, np.float32), ones, ones, ones[0])
        for number, track in enumerate(tracks):
            if number == 3:
                raise KeyboardInterrupt
            analysis = TrackAnalysis((heard,), Descriptors("m"))
            yield track, AudioError("No music.") if number == 1 else analysis


def test_what_was_analysed_before_the_stop_is_kept(home: Path, music: Path) -> None:
    for number in range(5):
        (music / f"{number}.flac").write_bytes(b"x")
    with Catalog(home) as catalog:
        with pytest.raises(KeyboardInterrupt):
            build.build(catalog, [music], Interrupted(), None, fit=pytest.fail)
        counts = catalog.counts()
    assert (counts.ready, counts.failed, counts.pending) == (2, 1, 2)


def test_a_killed_decoder_costs_one_file_at_most(
    earshot: Commands, music: Path, tmp_path: Path
) -> None:
    small_library(music, 20)
    log = tmp_path / "log"
    process = fork("build", music, "--home", earshot.home, "--workers", 2, output=log)
    assert process.pid
    until(lambda: log.exists() and b"Analysing" in log.read_bytes())
    decoder, *_ = until(lambda: decoders(process.pid))
    decoder.kill()
    process.join(PATIENCE)
    assert process.exitcode == 0
    waiting = query(earshot.home, "SELECT id FROM tracks WHERE status = 'pending'")
    assert len(waiting) <= 1
    assert log.read_text().count("ended the decoder (exit status -9)") == len(waiting)
    done = earshot.build_json(music)  # tried again unasked
    assert (done["tracks"], done["failed"], done["analysed"]) == (20, 0, len(waiting))


def test_a_decoder_outlives_all_but_its_death_which_costs_one_file(music: Path) -> None:
    path = write(music / "song.flac", tune(1))
    others = children(os.getpid())
    decoder = DecoderProcess()
    with closing(decoder):

        def info() -> AudioInfo:
            decoder.request_info(path)
            return decoder.receive_info(path)

        def own() -> psutil.Process:
            (process,) = set(children(os.getpid())).difference(others)
            return process

        first = info()
        process = own()
        process.terminate()  # as a system does that shuts down: for the parent to handle
        assert info() == first
        process.kill()
        process.wait()
        assert info() == first  # nothing was lost between two files
        process = own()
        process.suspend()
        decoder.request_info(path)
        process.kill()
        with pytest.raises(AudioError, match=r"ended the decoder \(exit status -9\)"):
            decoder.receive_info(path)
        assert info() == first
    assert set(children(os.getpid())) == set(others)


# Two at once


def test_a_second_build_is_refused_and_harms_nothing(
    earshot: Commands, music: Path, tmp_path: Path
) -> None:
    small_library(music, 3)
    earshot.build_json(music)
    before = earshot.neighbours("song 00")
    small_library(music, 9)
    lock, log = earshot.home / "build.lock", tmp_path / "log"
    first = fork("build", music, "--home", earshot.home, output=log)
    assert first.pid
    until(lambda: lock.read_text() == str(first.pid))
    os.kill(first.pid, signal.SIGSTOP)
    try:
        second = earshot.build(music)
        assert second.status == 1
        assert (
            f"Another build is running on {earshot.home} (process {first.pid}). "
            "Wait for it, or stop it first."
        ) in second.err
        assert earshot.neighbours("song 00") == before
    finally:
        os.kill(first.pid, signal.SIGCONT)
    first.join(PATIENCE)
    assert first.exitcode == 0
    done = earshot.build_json(music)
    assert (done["tracks"], done["unchanged"], done["analysed"]) == (9, 9, 0)


def test_builds_started_together_on_a_new_home(
    earshot: Commands, music: Path, tmp_path: Path
) -> None:
    small_library(music, 6)
    logs = [tmp_path / f"log {number}" for number in range(3)]
    processes = [fork("build", music, "--home", earshot.home, output=log) for log in logs]
    for process in processes:
        process.join(PATIENCE)
    statuses = [process.exitcode for process in processes]
    assert 0 in statuses
    for status, log in zip(statuses, logs, strict=True):
        assert status == 0 or (status == 1 and "Another build is running" in log.read_text())
        assert "Traceback" not in log.read_text()
    done = earshot.build_json(music)
    assert (done["tracks"], done["unchanged"], done["analysed"]) == (6, 6, 0)
