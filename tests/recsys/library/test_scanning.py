from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import wave
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import audio_files
import mutagen
import numpy as np
import pytest
from audio_files import inspect, make_audio

from encoders.errors import AudioError
from encoders.features import AudioInfo, TrackFeatures
from recsys.catalog import Catalog, Track
from recsys.library.identification import ScanOptions, ScanSummary, identify
from recsys.library.scanning import LibraryError, scan

MODEL = "model"
HEARD = TrackFeatures(
    np.zeros(1, np.float32),
    np.zeros((1, 50), np.float16),
    np.zeros((1, 200), np.float16),
    np.zeros(4, np.float16),
)


# Scanning


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def names(folder: Path) -> list[str]:
    return [str(file.path.relative_to(folder)) for file in scan([folder]).files]


def test_audio_files_are_found_in_the_order_of_their_bytes(tmp_path: Path) -> None:
    wanted = ["B.FLAC", "Z/a.opus", "a b.mp3", "a/b.m4a", "a/é.ogg", "film.mkv", "é.wav"]
    touch(*(tmp_path / name for name in wanted))
    touch(*(tmp_path / name for name in ("cover.jpg", "._a.mp3", ".hidden/a.mp3", "mp3", "x.mp3~")))
    assert names(tmp_path) == wanted
    assert (
        scan([tmp_path / "a", tmp_path, tmp_path / "a" / "b.m4a"]).files == scan([tmp_path]).files
    )


def test_size_and_time_of_a_file(tmp_path: Path) -> None:
    touch(tmp_path / "a.mp3", tmp_path / "b.mp3")
    os.utime(tmp_path / "a.mp3", ns=(0, 1_234_567_890_123_456_789))
    os.utime(tmp_path / "b.mp3", (0, 2**34 - 1))  # in the year 2446
    first, second = scan([tmp_path]).files
    assert (first.size, first.mtime_ns) == (1, 1_234_567_890_123_456_789)
    assert second.mtime_ns < 2**63


def test_a_single_file_may_have_any_name(tmp_path: Path) -> None:
    touch(tmp_path / "song", tmp_path / "other.mp3")
    assert [file.path for file in scan([tmp_path / "song"]).files] == [tmp_path / "song"]


def test_names_that_are_not_utf8_are_found(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.mp3")
    touch(tmp_path / name)
    assert names(tmp_path) == [name]


def test_each_real_folder_is_scanned_once(tmp_path: Path) -> None:
    library = tmp_path / "library"
    touch(library / "a" / "x.mp3", tmp_path / "elsewhere" / "y.mp3", tmp_path / "not mine.mp3")
    (library / "loop").symlink_to(library)
    (library / "a" / "up").symlink_to(tmp_path)
    (library / "a" / "self").symlink_to("self")
    (library / "again").symlink_to(library / "a")
    (library / "out").symlink_to(tmp_path / "elsewhere")
    (library / "broken.mp3").symlink_to("nowhere")
    (library / "self.mp3").symlink_to("self.mp3")
    (tmp_path / "link").symlink_to(library)
    scanned = scan([tmp_path / "link"])
    assert [file.path for file in scanned.files] == [
        tmp_path / "elsewhere" / "y.mp3",
        library / "a" / "x.mp3",
    ]
    assert scanned.folders == {library, library / "a", tmp_path / "elsewhere"}
    assert [problem.path.name for problem in scanned.problems] == ["self.mp3"]


def test_a_pipe_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp3")
    assert scan([tmp_path]).files == ()


def test_a_missing_folder_is_a_sentence(tmp_path: Path) -> None:
    touch(tmp_path / "a.mp3")
    with pytest.raises(LibraryError, match=r"missing cannot be scanned: No such file.*mounted"):
        scan([tmp_path, tmp_path / "missing"])


def test_an_unreadable_folder_does_not_stop_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path / "a" / "x.mp3", tmp_path / "b" / "y.mp3")
    scandir = os.scandir

    def refusing(folder: str) -> object:  # root may read every folder
        if folder.endswith("/a"):
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refusing)
    scanned = scan([tmp_path])
    assert [file.path.name for file in scanned.files] == ["y.mp3"]
    assert scanned.problems == ((tmp_path / "a", "The folder cannot be read: Permission denied."),)
    assert not scanned.covers(tmp_path / "a" / "x.mp3")
    assert scanned.covers(tmp_path / "b" / "gone.mp3")
    assert not scanned.covers(Path("/elsewhere/x.mp3"))


def test_a_folder_that_cannot_be_told_from_a_file_hides_what_is_below_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path / "nas" / "x.mp3", tmp_path / "b" / "y.mp3")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")

    class Stale:
        """An entry of a network's disk, whose kind has to be asked for."""

        def __init__(self, entry: os.DirEntry[str]) -> None:
            self.name, self.path = entry.name, entry.path
            self.is_symlink = entry.is_symlink
            self._entry = entry

        def is_dir(self) -> bool:
            if self.name == "nas":
                raise OSError(116, "Stale file handle")
            return self._entry.is_dir()

    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda folder: nullcontext(map(Stale, [*scandir(folder)])))
    scanned = scan([tmp_path])
    assert [file.path.name for file in scanned.files] == ["y.mp3"]
    assert scanned.problems == ((tmp_path / "nas", "It cannot be read: Stale file handle."),)
    assert not scanned.covers(tmp_path / "nas" / "x.mp3")


def test_a_path_too_long_for_a_database_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(13):
        Path("x" * 200).mkdir()
        os.chdir("x" * 200)
    Path("a.mp3").write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    scanned = scan([tmp_path])
    assert scanned.files == ()
    assert [problem.sentence for problem in scanned.problems] == [
        "The path is longer than 2600 bytes."
    ]


# Identity


@pytest.fixture
def music(tmp_path: Path) -> Path:
    """Three songs in two folders."""
    for number, name in enumerate(["a/one.mp3", "a/two.flac", "b/three.ogg"]):
        make_audio(tmp_path / "music" / name, pitch=300 + 100 * number)
    return tmp_path / "music"


class Opened:
    """An inspect that remembers which files it was asked for."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def __call__(self, paths: Iterable[Path]) -> Iterator[tuple[Path, AudioInfo | AudioError]]:
        for result in inspect(paths):
            self.names.append(result[0].name)
            yield result


def update(catalog: Catalog, *folders: Path, retry_failed: bool = False) -> ScanSummary:
    """Scan, identify, and analyse what is pending."""
    summary = identify(
        catalog, scan(folders), inspect, options=ScanOptions(retry_failed=retry_failed)
    )
    catalog.store_features(MODEL, [(track_id, HEARD) for track_id, _ in catalog.pending(MODEL)])
    return summary


def ids(catalog: Catalog) -> dict[str, int]:
    return {track.path.name: track.id for track in catalog.available_tracks()}


def the(catalog: Catalog, track_id: int) -> Track:
    track = catalog.track(track_id)
    assert track is not None
    return track


def test_new_files_get_ids_in_the_order_of_their_paths(catalog: Catalog, music: Path) -> None:
    calls: list[tuple[int, int]] = []
    summary = identify(
        catalog, scan([music]), inspect, progress=lambda done, total: calls.append((done, total))
    )
    assert summary == ScanSummary(new=3)
    assert calls == [(1, 3), (2, 3), (3, 3)]
    assert ids(catalog) == {"one.mp3": 1, "two.flac": 2, "three.ogg": 3}
    track = the(catalog, 2)
    assert (track.title, track.album, track.codec) == ("two", None, "flac")
    assert track.audio_hash is not None


def test_unchanged_files_are_not_opened(catalog: Catalog, music: Path) -> None:
    update(catalog, music)
    opened = Opened()
    revision = catalog.revision
    assert identify(catalog, scan([music]), opened) == ScanSummary(unchanged=3)
    assert opened.names == []
    assert catalog.revision == revision


def test_a_moved_file_keeps_its_id_and_features(catalog: Catalog, music: Path) -> None:
    update(catalog, music)
    (music / "new").mkdir()
    (music / "a" / "one.mp3").rename(music / "new" / "uno.mp3")
    opened = Opened()
    assert identify(catalog, scan([music]), opened) == ScanSummary(moved=1, unchanged=2)
    assert opened.names == ["uno.mp3"]
    assert ids(catalog) == {"uno.mp3": 1, "two.flac": 2, "three.ogg": 3}
    assert the(catalog, 1).title == "uno"
    assert catalog.pending(MODEL) == []


def test_a_file_moved_to_another_library_folder_keeps_its_id(catalog: Catalog, music: Path) -> None:
    update(catalog, music / "a", music / "b")
    (music / "a" / "one.mp3").rename(music / "b" / "one.mp3")
    assert update(catalog, music / "b") == ScanSummary(moved=1, unchanged=1)
    assert ids(catalog)["one.mp3"] == 1


def test_a_file_that_was_removed_and_reappears_elsewhere_keeps_its_id(
    catalog: Catalog, music: Path, tmp_path: Path
) -> None:
    update(catalog, music)
    (music / "a" / "one.mp3").rename(tmp_path / "kept.mp3")
    assert update(catalog, music) == ScanSummary(unchanged=2, removed=1)
    (tmp_path / "kept.mp3").rename(music / "b" / "one.mp3")
    assert update(catalog, music) == ScanSummary(unchanged=2, moved=1)
    assert ids(catalog)["one.mp3"] == 1


def test_twins_that_move_keep_their_ids_by_name(catalog: Catalog, music: Path) -> None:
    shutil.copy(music / "a" / "one.mp3", music / "a" / "twin.mp3")
    update(catalog, music)
    before = ids(catalog)
    (music / "a").rename(music / "c")
    assert update(catalog, music) == ScanSummary(moved=3, unchanged=1)
    assert ids(catalog) == before


def test_a_retagged_file_keeps_its_id_and_features(catalog: Catalog, music: Path) -> None:
    update(catalog, music)
    for path in (music / "a" / "one.mp3", music / "a" / "two.flac", music / "b" / "three.ogg"):
        audio = mutagen.File(path, easy=True)
        audio["title"] = "Another title, long enough to move the audio behind it " * 40
        audio.save()
    assert identify(catalog, scan([music]), inspect) == ScanSummary(changed=3)
    assert ids(catalog) == {"one.mp3": 1, "two.flac": 2, "three.ogg": 3}
    assert catalog.ready_ids(MODEL) == [1, 2, 3]
    assert the(catalog, 1).title.startswith("Another title")


def test_other_audio_at_a_path_keeps_the_id_and_drops_the_features(
    catalog: Catalog, music: Path
) -> None:
    update(catalog, music)
    make_audio(music / "a" / "one.mp3", pitch=1000, seconds=0.5)
    assert identify(catalog, scan([music]), inspect) == ScanSummary(changed=1, unchanged=2)
    assert catalog.pending(MODEL) == [(1, music / "a" / "one.mp3")]
    assert catalog.ready_ids(MODEL) == [2, 3]


def test_a_copy_is_a_second_track_with_the_same_features(catalog: Catalog, music: Path) -> None:
    update(catalog, music)
    shutil.copy(music / "a" / "one.mp3", music / "b" / "copy.mp3")
    assert identify(catalog, scan([music]), inspect) == ScanSummary(new=1, unchanged=3)
    assert catalog.ready_ids(MODEL) == [1, 2, 3, 4]
    assert catalog.recording_groups()[4] == 1
    (music / "a" / "one.mp3").unlink()
    assert update(catalog, music) == ScanSummary(unchanged=3, removed=1)
    assert ids(catalog) == {"copy.mp3": 4, "two.flac": 2, "three.ogg": 3}


def test_a_deleted_file_is_marked_and_comes_back_under_its_id(
    catalog: Catalog, music: Path, tmp_path: Path
) -> None:
    update(catalog, music)
    shutil.copy2(music / "a" / "one.mp3", tmp_path / "backup.mp3")
    (music / "a" / "one.mp3").unlink()
    assert update(catalog, music) == ScanSummary(unchanged=2, removed=1)
    assert the(catalog, 1).removed
    assert update(catalog, music) == ScanSummary(unchanged=2)
    shutil.copy2(tmp_path / "backup.mp3", music / "a" / "one.mp3")
    opened = Opened()
    assert identify(catalog, scan([music]), opened) == ScanSummary(restored=1, unchanged=2)
    assert opened.names == []
    assert catalog.ready_ids(MODEL) == [1, 2, 3]
    (music / "a" / "one.mp3").unlink()
    update(catalog, music)
    make_audio(music / "a" / "one.mp3", pitch=300)  # the same audio, another time
    assert update(catalog, music) == ScanSummary(restored=1, unchanged=2)
    assert ids(catalog)["one.mp3"] == 1


def test_folders_not_scanned_are_left_alone(catalog: Catalog, music: Path) -> None:
    update(catalog, music)
    (music / "a" / "one.mp3").unlink()
    assert update(catalog, music / "b") == ScanSummary(unchanged=1)
    assert ids(catalog) == {"one.mp3": 1, "two.flac": 2, "three.ogg": 3}


def test_a_deleted_folder_is_marked_but_an_empty_library_is_not(
    catalog: Catalog, music: Path
) -> None:
    update(catalog, music)
    shutil.rmtree(music / "b")
    assert update(catalog, music) == ScanSummary(unchanged=2, removed=1)
    music.rename(music.with_name("unmounted"))
    music.mkdir()
    summary = update(catalog, music)
    assert summary == ScanSummary(notes=summary.notes)
    assert len(summary.notes) == 1
    assert f"{music} is empty; its 2 tracks were left as they are" in summary.notes[0]
    assert ids(catalog) == {"one.mp3": 1, "two.flac": 2}
    assert update(catalog, music.parent).moved == 2  # it was no drive after all


def test_failed_files_have_their_sentence_and_are_tried_again_when_they_change(
    catalog: Catalog, music: Path
) -> None:
    broken = music / "a" / "broken.mp3"
    broken.write_bytes(b"")
    assert update(catalog, music) == ScanSummary(new=3, failed=1)
    [failure] = catalog.failures()
    assert (failure.path, failure.title, failure.audio_hash) == (broken, "broken", None)
    assert failure.error is not None
    assert failure.error.startswith("broken.mp3 cannot be read")
    assert update(catalog, music) == ScanSummary(unchanged=4)
    assert update(catalog, music, retry_failed=True) == ScanSummary(unchanged=3, failed=1)
    make_audio(broken, pitch=2000)
    assert update(catalog, music) == ScanSummary(unchanged=3, changed=1)
    assert catalog.failures() == []
    assert catalog.ready_ids(MODEL) == [1, 2, 3, 4]
    assert ids(catalog)["broken.mp3"] == failure.id


def test_a_file_damaged_for_a_while_keeps_its_features(catalog: Catalog, music: Path) -> None:
    update(catalog, music)
    path = music / "a" / "one.mp3"
    content = path.read_bytes()
    path.write_bytes(b"")
    assert update(catalog, music) == ScanSummary(unchanged=2, failed=1)
    assert catalog.ready_ids(MODEL) == [2, 3]
    path.write_bytes(content)
    assert identify(catalog, scan([music]), inspect) == ScanSummary(unchanged=2, changed=1)
    assert catalog.ready_ids(MODEL) == [1, 2, 3]


def test_names_that_are_not_utf8_are_kept(catalog: Catalog, tmp_path: Path) -> None:
    path = make_audio(tmp_path / "plain.mp3").rename(tmp_path / os.fsdecode(b"caf\xe9.mp3"))
    update(catalog, tmp_path)
    assert [track.path for track in catalog.available_tracks()] == [path]
    assert update(catalog, tmp_path).unchanged == 1


# Killed and run again


def write_tone(path: Path, pitch: int) -> None:
    """Write a WAV file of 0.02 s."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        tone = 9000 * np.sin(np.arange(160) * pitch / 200)
        file.writeframes(tone.astype("<i2").tobytes())


def rows(home: Path) -> list[Track]:
    """Every track, removed ones too, without the times of the runs."""
    with Catalog(home) as catalog:
        tracks = catalog.tracks(sorted(file.id for file in catalog.files().values()))
    return [replace(track, added_at=0, removed_at=1 if track.removed else None) for track in tracks]


def run(home: Path, folder: Path, killed_at: int = 0) -> int:
    """Identify in a process of its own, killed at some file; return its exit code."""
    command = [sys.executable, audio_files.__file__, str(home), str(folder), str(killed_at)]
    return subprocess.run(command, check=False).returncode


def test_killed_runs_end_with_the_rows_of_an_undisturbed_one(tmp_path: Path) -> None:
    music, killed, calm = tmp_path / "music", tmp_path / "killed", tmp_path / "calm"
    for number in range(260):
        write_tone(music / f"{number % 7}" / f"{number:03}.wav", pitch=number // 2)  # pairs
    assert run(killed, music, killed_at=230) == -signal.SIGKILL
    assert len(rows(killed)) == 200
    assert run(killed, music) == 0
    assert run(calm, music) == 0
    assert rows(killed) == rows(calm)
    choose = random.Random(7)
    for path in sorted(music.rglob("*.wav")):
        match choose.randrange(5):
            case 0:
                path.unlink()
            case 1:
                path.rename(music / f"moved {path.name}")
            case 2:
                write_tone(path, pitch=choose.randrange(1000))
            case 3:
                path.touch()
    for number in range(300):
        write_tone(music / "more" / f"{number:03}.wav", pitch=number // 2 + 100)
    assert run(killed, music, killed_at=210) == -signal.SIGKILL
    assert run(killed, music) == 0
    assert run(calm, music) == 0
    assert rows(killed) == rows(calm)
