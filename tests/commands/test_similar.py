"""What `earshot similar` answers, and what it says where it has no answer."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from commands import Commands, make_home
from sounds import float_wav, retag, tune, write

from earshot import cli
from encoders.bundles import MSD_TAGS, MTT_TAGS
from recsys.home.files import INDEX_NAME, PROJECTION_NAME, TAG_MEANS_NAME

ARTISTS = ("Nina Beispiel", "Björk Dæmi", "Jean Exemple")
N_SONGS = 9


@dataclass(frozen=True)
class Library:
    """Nine songs of three artists, and copies of two of them."""

    home: Path
    music: Path

    def song(self, number: int) -> Path:
        return self.music / f"song {number}.flac"

    @property
    def retagged(self) -> Path:
        """Song 1 with other tags."""
        return self.music / "copy.flac"

    @property
    def reencoded(self) -> Path:
        """Song 2 in another format, with its tags."""
        return self.music / "another encoding.mp3"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, weights: Path) -> Library:
    folder = tmp_path_factory.mktemp("library")
    library = Library(make_home(folder / "home", weights), folder / "music")
    for number in range(N_SONGS):
        tags = {"title": f"Melody {number}", "artist": ARTISTS[number % 3], "album": "Album"}
        write(library.song(number), tune(number, 6), **tags)
    shutil.copy(library.song(1), library.retagged)
    retag(library.retagged, title="Something else", artist="Nobody")
    write(library.reencoded, tune(2, 6), title="Melody 2", artist=ARTISTS[2])
    (library.music / "broken.mp3").write_text("words")
    assert cli.main(["build", str(library.music), "--home", str(library.home)]) == 0
    return library


@pytest.fixture
def earshot(library: Library, capfdbinary: pytest.CaptureFixture[bytes]) -> Commands:
    return Commands(library.home, capfdbinary)


def test_the_form_of_an_answer(earshot: Commands, library: Library) -> None:
    rows = earshot.neighbours("melody 4")
    assert [row["rank"] for row in rows] == list(range(1, N_SONGS))
    similarities = [row["similarity"] for row in rows]
    assert similarities == sorted(similarities, reverse=True)
    assert all(0 <= similarity < 1 for similarity in similarities)
    for row in rows:
        back = {other["path"]: other["similarity"] for other in earshot.neighbours(row["track_id"])}
        assert back[str(library.song(4))] == row["similarity"], "as alike the other way round"
    for row in rows:
        assert set(row) == {
            *("rank", "track_id", "path", "title", "artist", "album", "similarity", "shared_tags"),
            "copies_hidden",
        }
        assert Path(row["path"]).is_file()
        assert {*row["shared_tags"]} <= {*MSD_TAGS, *MTT_TAGS}
    assert any(row["shared_tags"] for row in rows)
    by_path = {row["path"]: row for row in rows}
    assert str(library.song(4)) not in by_path
    row = by_path[str(library.song(7))]
    assert (row["title"], row["artist"], row["album"]) == ("Melody 7", ARTISTS[1], "Album")


def test_words_an_id_and_a_file_ask_the_same(
    earshot: Commands, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = earshot.neighbours("melody", "4")
    first = answer[0]["track_id"]
    track_id = next(
        row["track_id"] for row in earshot.neighbours(first) if row["path"] == str(library.song(4))
    )
    assert earshot.neighbours(track_id) == answer
    assert earshot.neighbours("mellody 4") == answer
    assert earshot.neighbours(library.song(4)) == answer
    monkeypatch.chdir(library.music)
    assert earshot.neighbours(library.song(4).name) == answer


def test_a_file_from_outside(
    earshot: Commands, library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "unknown.m4a", tune(5, 6))
    rows = earshot.neighbours(tmp_path / "unknown.m4a")
    assert len(rows) == N_SONGS
    assert rows[0]["path"] == str(library.song(5))
    assert rows[0]["similarity"] > 0.9
    assert rows[1]["similarity"] < rows[0]["similarity"]
    monkeypatch.chdir(tmp_path)
    assert earshot.neighbours("unknown.m4a") == rows


def test_how_many(earshot: Commands) -> None:
    rows = earshot.neighbours("melody 4")
    assert earshot.neighbours("melody 4", "-k", 3) == rows[:3]
    assert earshot.neighbours("melody 4", "-k", 1) == rows[:1]


def test_at_most_so_many_of_one_artist(earshot: Commands) -> None:
    rows = earshot.neighbours("melody 4")
    capped = earshot.neighbours("melody 4", "--artist-cap", 1)
    firsts = {row["artist"]: row["track_id"] for row in reversed(rows)}
    assert {row["artist"]: row["track_id"] for row in capped} == firsts
    assert len(capped) == len(firsts) == 4  # one is the copy of song 1, which has tags of its own
    assert [row["similarity"] for row in capped] == sorted(
        (row["similarity"] for row in capped), reverse=True
    )


def test_one_audio_is_one_neighbour(earshot: Commands, library: Library) -> None:
    copies = {str(library.song(1)), str(library.retagged)}
    rows = earshot.neighbours("melody 4")
    assert len(copies & {row["path"] for row in rows}) == 1
    for copy in copies:
        assert not copies & {row["path"] for row in earshot.neighbours(copy)}


def test_one_recording_in_two_formats_is_one_neighbour(earshot: Commands, library: Library) -> None:
    copies = {str(library.song(2)), str(library.reencoded)}
    rows = earshot.neighbours("melody 4")
    assert len(copies & {row["path"] for row in rows}) == 1
    for copy in copies:
        assert not copies & {row["path"] for row in earshot.neighbours(copy)}


def test_a_playlist(earshot: Commands, library: Library) -> None:
    rows = earshot.neighbours("melody 4")
    result = earshot.similar("melody 4", "--m3u")
    assert result.status == 0
    lines = result.out.decode().splitlines()
    assert lines[:2] == ["#EXTM3U", f"#PLAYLIST:Like {ARTISTS[1]} - Melody 4"]
    assert lines[3::2] == [row["path"] for row in rows]
    assert all(Path(line).is_file() for line in lines[3::2])
    assert lines[2::2] == [f"#EXTINF:6,{row['artist']} - {row['title']}" for row in rows]


def test_a_table_for_people(earshot: Commands) -> None:
    best = earshot.neighbours("melody 4")[0]
    result = earshot.similar("melody 4")
    assert result.status == 0
    out = result.out.decode()
    assert f"Like {ARTISTS[1]} - Melody 4" in out
    (line,) = (line for line in out.splitlines() if line.split()[:1] == ["1"])
    for text in (best["title"], best["artist"], str(best["similarity"])[:6]):
        assert text in line


def test_a_terminal_of_few_letters_and_a_reader_who_leaves(library: Library) -> None:
    command = [sys.executable, "-m", "earshot", "similar", "melody 4", "--home", library.home]
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, capture_output=True, env=environment, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"Like Bj?rk D?mi - Melody 4" in done.stdout
    reading, writing = os.pipe()
    os.close(reading)
    gone = subprocess.run([*command, "--json"], stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (gone.returncode, gone.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("xylophone zzyzx quartet", 'matches "xylophone zzyzx quartet", and it is not a file'),
        ("4711", 'No track of the library matches "4711"'),
        ("9" * 400, "No track of the library matches"),
        ("9" * 5000, "No track of the library matches"),
        ("/no/such/melody.flac", "There is no file /no/such/melody.flac."),
        ("?!", 'No track of the library matches "?!"'),
        ("", "No track of the library matches"),
    ],
)
def test_nothing_is_meant(earshot: Commands, query: str, sentence: str) -> None:
    result = earshot.similar(query)
    assert result.status == 1
    assert sentence in result.err
    assert result.out == b""


@pytest.mark.parametrize(
    "arguments", [[], ["a", "-k", "0"], ["a", "--artist-cap", "0"], ["a", "--json", "--m3u"]]
)
def test_usage(earshot: Commands, arguments: list[str]) -> None:
    result = earshot.similar(*arguments)
    assert result.status == 2
    assert "usage:" in result.err


def test_files_that_are_no_audio(earshot: Commands, library: Library, tmp_path: Path) -> None:
    (tmp_path / "empty.mp3").touch()
    (tmp_path / "text.mp3").write_text("words")
    float_wav(tmp_path / "silent.wav", [np.zeros(40000, np.float32)])
    wanted = {
        tmp_path / "empty.mp3": "is empty (0 bytes)",
        tmp_path / "text.mp3": "is not readable as audio",
        tmp_path / "silent.wav": "is silent",
        library.music / "broken.mp3": "is not readable as audio",
    }
    for path, sentence in wanted.items():
        result = earshot.similar(path)
        assert result.status == 1
        assert f"{path} {sentence}" in result.err
        assert result.out == b""


def test_a_track_that_could_not_be_analysed(earshot: Commands) -> None:
    result = earshot.similar("broken")
    assert result.status == 1
    assert "broken cannot be compared" in result.err
    assert "is not readable as audio" in result.err


def test_a_name_that_is_not_utf8(earshot: Commands, library: Library, tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.flac"))
    write(path, tune(5, 6))
    result = earshot.similar(path)
    assert result.status == 0
    assert b"Like caf?.flac" in result.out
    assert earshot.neighbours(path)[0]["path"] == str(library.song(5))
    assert earshot.similar(path, "--m3u").status == 0
    path.write_text("words")
    result = earshot.similar(path)
    assert result.status == 1
    assert "caf?.flac is not readable as audio" in result.err


def test_nothing_is_indexed(earshot: Commands, tmp_path: Path) -> None:
    earshot.home = tmp_path / "nowhere"
    result = earshot.similar("melody 4")
    assert result.status == 1
    suggested = f"run `earshot build --home {earshot.home}` first."
    assert f"Nothing is indexed in {earshot.home} yet: {suggested}" in result.err
    assert not earshot.home.exists()


def test_a_single_track_has_no_neighbours(
    home: Path, music: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    earshot = Commands(home, capfdbinary)
    write(music / "alone.flac", tune(0), title="Alone", artist="Nobody")
    assert earshot.build_json(music)["index"]["ntotal"] == 1
    result = earshot.similar("alone", "--json")
    assert result.status == 1
    assert result.json == []
    assert "The library has no other track to compare Nobody - Alone with." in result.err


def test_a_track_removed_since_is_not_offered(
    library: Library, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """An index that is older than the catalogue is served without what is gone."""
    home = tmp_path / "home"
    shutil.copytree(library.home, home, symlinks=True)
    old_index = (home / INDEX_NAME).read_bytes()
    earshot = Commands(home, capfdbinary)
    before = earshot.neighbours("melody 4")
    hidden = library.song(7)
    hidden.rename(tmp_path / "away")
    try:
        assert earshot.build_json(library.music)["removed"] == 1
    finally:
        (tmp_path / "away").rename(hidden)
    (home / INDEX_NAME).write_bytes(old_index)
    assert [row["track_id"] for row in earshot.neighbours("melody 4")] == [
        row["track_id"] for row in before if row["path"] != str(hidden)
    ]


# Damaged files


@pytest.fixture
def copy(library: Library, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> Commands:
    """The library's home, copied, to be damaged."""
    shutil.copytree(library.home, tmp_path / "home", symlinks=True)
    return Commands(tmp_path / "home", capfdbinary)


def flip_byte(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 0xFF
    path.write_bytes(content)


@pytest.mark.parametrize("place", [0, 5, 100, 4096, 6000, -1])
def test_a_damaged_index_is_noticed_and_rebuilt(
    copy: Commands, library: Library, place: int
) -> None:
    before = copy.neighbours("melody 4")
    whole = (copy.home / INDEX_NAME).read_bytes()
    flip_byte(copy.home / INDEX_NAME, place)
    result = copy.similar("melody 4")
    assert result.status == 1
    assert "is damaged" in result.err or "format" in result.err
    assert f"run `earshot build --home {copy.home}` again" in result.err
    assert copy.build_json(library.music)["analysed"] == 0
    assert (copy.home / INDEX_NAME).read_bytes() == whole
    assert copy.neighbours("melody 4") == before


@pytest.mark.parametrize("name", [INDEX_NAME, PROJECTION_NAME])
@pytest.mark.parametrize("size", [0, 10, 5000, None])
def test_a_file_cut_short_or_lost_is_rebuilt(
    copy: Commands, library: Library, name: str, size: int | None
) -> None:
    path = copy.home / name
    if size is None:
        path.unlink()
    else:
        os.truncate(path, size)
    result = copy.similar("melody 4")
    assert result.status == 1
    assert "earshot build" in result.err
    done = copy.build_json(library.music)
    assert (done["analysed"], done["index"]["ntotal"]) == (0, N_SONGS + 2)
    assert len(copy.neighbours("melody 4")) == N_SONGS - 1


def test_a_projection_with_any_byte_changed_is_noticed(copy: Commands, library: Library) -> None:
    path = copy.home / PROJECTION_NAME
    whole = path.read_bytes()
    places = np.random.default_rng(0).integers(0, len(whole), 30)
    for place in [0, 1, 7, 8, 9, 20, *places]:
        flip_byte(path, place)
        result = copy.similar("melody 4")
        assert result.status == 1, place
        assert str(path) in result.err
        assert f"run `earshot build --home {copy.home}` again" in result.err
        path.write_bytes(whole)
    flip_byte(path, -1)
    assert copy.build_json(library.music)["analysed"] == 0
    assert len(copy.neighbours("melody 4")) == N_SONGS - 1


def test_damaged_weights_are_rebuilt(
    copy: Commands, library: Library, weights: Path, tmp_path: Path
) -> None:
    write(tmp_path / "unknown.flac", tune(5, 6))
    before = copy.neighbours(tmp_path / "unknown.flac")
    (copy.home / "weights").unlink()
    shutil.copytree(weights, copy.home / "weights")
    cached, *_ = (copy.home / "weights").glob("MSD_musicnn-*.safetensors")
    whole = cached.read_bytes()
    for place in (3, len(whole) // 2):
        flip_byte(cached, place)
        assert copy.neighbours(tmp_path / "unknown.flac") == before
        assert cached.read_bytes() == whole


def test_an_index_of_another_projection_is_refused(
    copy: Commands, library: Library, music: Path
) -> None:
    index = (copy.home / INDEX_NAME).read_bytes()
    write(music / "other.flac", tune(50))
    assert copy.build_json(library.music, music, "--refit")["analysed"] == 1
    (copy.home / INDEX_NAME).write_bytes(index)
    result = copy.similar("melody 4")
    assert result.status == 1
    assert "was built for projection" in result.err
    assert f"run `earshot build --home {copy.home}` again" in result.err
    assert copy.build_json(library.music)["analysed"] == 0
    assert len(copy.neighbours("melody 4")) == N_SONGS


def test_features_lost_for_one_model_cost_no_answer(copy: Commands, library: Library) -> None:
    """They are analysed again by the next build; until then answers have what the last one made."""
    before = copy.neighbours("melody 4")
    with sqlite3.connect(copy.home / "catalogue.db") as database:
        database.execute("UPDATE features SET checksum = 0 WHERE extractor LIKE 'MTT%'")
    database.close()
    assert copy.neighbours("melody 4") == before
    (copy.home / TAG_MEANS_NAME).unlink()
    rows = copy.neighbours("melody 4")
    assert [row["track_id"] for row in rows] == [row["track_id"] for row in before]
    assert not any(row["shared_tags"] for row in rows), "without that file they are missed"
    assert copy.build_json(library.music)["analysed"] == N_SONGS + 1  # a copy needs none of its own
    assert copy.neighbours("melody 4") == before


def test_a_part_is_compared_and_moments_are_named(earshot: Commands, library: Library) -> None:
    result = earshot.run("similar", "melody 4", "--from", "0:00", "--to", "0:03", "--json", "-k", 3)
    assert result.json["compared"]["start"] == 0
    assert [row["rank"] for row in result.json["results"]] == [1, 2, 3]
    for row in result.json["results"]:
        assert 0 <= row["moment"]["start"] < row["moment"]["end"] <= 6
        assert row["path"] != str(library.song(4))
    table = earshot.run("similar", "melody 4", "--from", "3").out.decode()
    assert "Like Björk Dæmi - Melody 4, 0:03-0:06" in table
    for arguments, status, said in (
        (["--from", "1:00"], 1, "The track is 0:06 long: 1:00 is behind its end."),
        (["--from", "soon"], 2, "takes a time as 1:05 or 65, not soon"),
        (["--from", "3", "--to", "2"], 2, "--to: wanted a time behind --from"),
        (["--from", "3", "--why"], 2, "not with --why"),
    ):
        refused = earshot.run("similar", "melody 4", *arguments)
        assert (refused.status, said in refused.err) == (status, True), refused.err
