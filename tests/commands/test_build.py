"""What a build does, and what it says of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from commands import Commands
from numpy.typing import NDArray
from sounds import FORMATS, retag, tune, write

from index.vector_index import VectorIndex
from recsys.demo import DEMO_TRACKS
from recsys.home.files import INDEX_NAME, LAYOUT_NAME
from recsys.library.build_state import read_state
from recsys.track_map.layout_file import Layout

FIGURES = {
    "tracks",
    "failed",
    "unchanged",
    "removed",
    "seconds",
    "songs_per_hour",
    "audio_seconds_per_second",
    "peak_memory_bytes",
    "device",
    "index",
}


@pytest.fixture
def library(music: Path) -> Path:
    """Four tracks of two artists."""
    for number in range(4):
        artist = f"Artist {number % 2}"
        path = music / artist / f"song {number}.flac"
        write(path, tune(number), title=f"Song {number}", artist=artist)
    return music


def vectors(home: Path) -> dict[int, NDArray[np.float32]]:
    index = VectorIndex.load(home / INDEX_NAME, model=None, projection=None, dim=None)
    return {track_id: index.vectors([track_id])[0] for track_id in index.ids.tolist()}


def test_a_first_build_of_all_formats(earshot: Commands, music: Path) -> None:
    for number, suffix in enumerate(FORMATS):
        write(music / f"song{suffix}", tune(number))
    done = earshot.build_json(music)
    assert done.keys() >= FIGURES
    assert (done["tracks"], done["analysed"], done["failed"]) == (8, 8, 0)
    assert (done["unchanged"], done["removed"]) == (0, 0)
    assert done["index"] == {"recipe": "Flat", "dim": 600, "ntotal": 8}
    assert done["songs_per_hour"] > 0
    assert done["audio_seconds_per_second"] > 0
    assert done["peak_memory_bytes"] > 0
    assert done["device"].endswith("; index on CPU")
    assert all(np.isfinite(vector).all() for vector in vectors(earshot.home).values())
    layout = Layout.load(earshot.home / LAYOUT_NAME)
    assert layout.ids.tolist() == list(vectors(earshot.home))


def test_nothing_changed_nothing_done(earshot: Commands, library: Path) -> None:
    earshot.build_json(library)
    before = {path.name: path.read_bytes() for path in earshot.home.glob("*.*")}
    drawn = (earshot.home / LAYOUT_NAME).stat().st_mtime_ns
    done = earshot.build_json(library)
    assert (done["tracks"], done["unchanged"], done["analysed"], done["failed"]) == (4, 4, 0, 0)
    assert done["index"]["ntotal"] == 4
    assert (earshot.home / LAYOUT_NAME).stat().st_mtime_ns == drawn
    for name in (INDEX_NAME, "projection.safetensors", LAYOUT_NAME):
        assert (earshot.home / name).read_bytes() == before[name]


def test_an_added_track_alone_is_analysed_and_changes_no_other(
    earshot: Commands, library: Path
) -> None:
    earshot.build_json(library)
    before = vectors(earshot.home)
    write(library / "new.mp3", tune(9))
    done = earshot.build_json(library)
    assert (done["tracks"], done["unchanged"], done["analysed"]) == (5, 4, 1)
    after = vectors(earshot.home)
    assert len(after) == 5
    assert all(np.array_equal(after[track_id], vector) for track_id, vector in before.items())


def test_a_moved_and_retagged_track_keeps_its_id(earshot: Commands, library: Path) -> None:
    earshot.build_json(library)
    before = {row["path"]: row["track_id"] for row in earshot.neighbours("song 3")}
    old = library / "Artist 0" / "song 0.flac"
    new = library / "Elsewhere" / "renamed.flac"
    new.parent.mkdir()
    shutil.move(old, new)
    retag(new, title="Another title")
    done = earshot.build_json(library)
    assert (done["tracks"], done["unchanged"], done["removed"], done["analysed"]) == (4, 3, 0, 0)
    after = {row["path"]: row for row in earshot.neighbours("song 3")}
    assert after[str(new)]["track_id"] == before[str(old)]
    assert after[str(new)]["title"] == "Another title"
    assert str(old) not in after


def test_a_removed_track_vanishes_and_returns_with_its_id(
    earshot: Commands, library: Path, tmp_path: Path
) -> None:
    earshot.build_json(library)
    before = {row["path"]: row["track_id"] for row in earshot.neighbours("song 3")}
    away, path = tmp_path / "away.flac", library / "Artist 0" / "song 2.flac"
    shutil.move(path, away)
    done = earshot.build_json(library)
    assert (done["tracks"], done["removed"], done["analysed"]) == (3, 1, 0)
    assert str(path) not in {row["path"] for row in earshot.neighbours("song 3")}
    shutil.move(away, path)
    done = earshot.build_json(library)
    assert (done["tracks"], done["removed"], done["analysed"]) == (4, 0, 0)
    assert {row["path"]: row["track_id"] for row in earshot.neighbours("song 3")} == before


def test_words_for_people(earshot: Commands, library: Path) -> None:
    (library / "broken.mp3").write_text("words")
    first = earshot.build(library, "--workers", 1)
    assert first.status == 0
    out = first.out.decode()
    assert "4 tracks indexed, 1 failed." in out
    assert "4 new" in out
    assert "4 analysed at" in out
    assert "songs/hour" in out
    assert "CPU" in out
    assert "1 workers" in out
    assert f"Not analysed: {library / 'broken.mp3'} is not readable as audio" in first.err
    assert "Analysing: 4" in first.err
    again = earshot.build(library)
    assert "5 unchanged" in again.out.decode()
    assert "broken.mp3" in again.err


def test_strict_is_for_failures(earshot: Commands, library: Path) -> None:
    assert earshot.build(library, "--strict").status == 0
    (library / "broken.mp3").write_text("words")
    assert earshot.build(library).status == 0
    result = earshot.build(library, "--strict", "--json")
    assert result.status == 3
    assert [failure["path"] for failure in result.json["failures"]] == [str(library / "broken.mp3")]
    assert result.json["tracks"] == 4


def test_a_failed_file_is_tried_again_when_it_changed_or_when_asked(
    earshot: Commands, library: Path
) -> None:
    broken = library / "broken.flac"
    broken.write_text("words")
    assert earshot.build_json(library)["failed"] == 1
    assert earshot.build_json(library, "--retry-failed")["failed"] == 1
    write(broken, tune(8))
    done = earshot.build_json(library)
    assert (done["tracks"], done["failed"], done["analysed"]) == (5, 0, 1)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--workers", "0"], "at least 1"),
        (["--segments", "0"], "at least 1"),
        (["--nice", "-1"], "at least 0"),
        (["--models", "nonesuch"], "got 'nonesuch'"),
        (["--recipe", "Nonesuch"], "'Nonesuch'"),
        (["--recipe", "IVF1024,Flat"], "use fewer lists, or 'Flat'"),
    ],
)
def test_usage(earshot: Commands, library: Path, arguments: list[str], sentence: str) -> None:
    result = earshot.build(library, *arguments)
    assert result.status == 2
    assert sentence in result.err
    assert result.out == b""


def test_a_recipe_that_does_not_fit_loses_no_work(earshot: Commands, library: Path) -> None:
    assert earshot.build(library, "--recipe", "IVF1024,Flat").status == 2
    done = earshot.build_json(library)
    assert (done["tracks"], done["unchanged"], done["analysed"]) == (4, 4, 0)


def test_a_build_is_repeated_as_it_was(earshot: Commands, library: Path, tmp_path: Path) -> None:
    unknown = earshot.build("--again")
    assert unknown.status == 2
    assert "name the folders of its library" in unknown.err
    assert earshot.build("--again", library).status == 2
    other = tmp_path / "other"
    write(other / "fifth.flac", tune(5), title="Fifth")
    options = "--segments", 1, "--tagger", "MTT_musicnn"
    earshot.build_json(library, *options)
    earshot.build_json(other, *options)
    write(library / "sixth.flac", tune(6), title="Sixth")
    done = earshot.build_json("--again")
    assert (done["tracks"], done["analysed"], done["unchanged"]) == (6, 1, 5)
    assert done["index"]["dim"] == len(vectors(earshot.home)[1]) < 600  # one tagger's
    state = read_state(earshot.home)
    assert state
    assert (state.state, state.result) == ("done", {**done, "failures": 0})
    assert state.folders == (str(library), str(other))
    shutil.move(other, tmp_path / "away")
    again = earshot.build("--again")
    assert again.status == 0
    assert f"{other} is not there: its tracks stay as they are." in again.err
    assert earshot.neighbours("Fifth")


def test_a_home_with_a_library_gets_no_demo(earshot: Commands, library: Path) -> None:
    earshot.build_json(library)
    result = earshot.build()
    assert result.status == 2
    assert "already has a library" in result.err
    assert "another --home for a demo" in result.err


@pytest.fixture
def demo(earshot: Commands) -> Path:
    """A demo library of one track, as a build without a folder leaves it."""
    folder = earshot.home / "demo-library"
    write((folder / DEMO_TRACKS[0].path).with_suffix(".flac"), tune(5))
    assert earshot.build_json(folder)["tracks"] == 1
    return folder


def test_the_demo_makes_room_for_a_library(earshot: Commands, demo: Path, library: Path) -> None:
    done = earshot.build_json(library)
    assert (done["tracks"], done["index"]["ntotal"]) == (4, 4)
    assert not demo.exists()


def test_the_demo_stays_where_the_library_is_missing(earshot: Commands, demo: Path) -> None:
    result = earshot.build(earshot.home / "nonesuch")
    assert result.status == 2
    assert "nonesuch cannot be scanned: No such file or directory" in result.err
    done = earshot.build_json(demo)
    assert (done["tracks"], done["unchanged"]) == (1, 1)
