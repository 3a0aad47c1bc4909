"""`earshot similar --duplicates` on files made of the demo library's music, and --why."""

from __future__ import annotations

import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import Commands, make_home

from earshot import cli
from recsys.demo import DEMO_TRACKS
from recsys.demo.compose import Song
from recsys.demo.files import encode
from recsys.demo.mix import play
from recsys.demo.recipes import Format
from recsys.demo.synth import SAMPLE_RATE

SECONDS = 12
FORMATS: tuple[Format, ...] = ("flac", "mp3", "opus", "m4a", "wav")  # the last is 22 kHz, mono


@dataclass(frozen=True)
class Library:
    """Songs, each several times, and songs that are played again."""

    home: Path
    music: Path
    copies: dict[str, str]  # the song by its file's name

    def groups(self) -> list[list[str]]:
        return sorted(
            sorted(name for name, song in self.copies.items() if song == wanted)
            for wanted in {*self.copies.values()}
            if [*self.copies.values()].count(wanted) > 1
        )


def again(song: Song, seed: int, late: float, speed: float = 1.0) -> Song:
    """Let everybody play it again, each note up to `late` s off."""
    rng = np.random.default_rng(seed)
    parts = []
    for part in song.parts:
        notes = [
            note._replace(
                start=max(0.0, note.start / speed + rng.uniform(-late, late)),
                seconds=note.seconds / speed,
            )
            for note in part.notes
        ]
        parts.append(part._replace(notes=tuple(notes)))
    return song._replace(parts=tuple(parts), kicks=tuple(kick / speed for kick in song.kicks))


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, weights: Path) -> Library:
    folder = tmp_path_factory.mktemp("duplicates")
    library = Library(make_home(folder / "home", weights), folder / "music", {})
    library.music.mkdir()

    def add(name: str, song: str, wave: Any) -> None:
        content = encode(wave, name.rsplit(".", 1)[-1])  # type: ignore[arg-type]
        (library.music / name).write_bytes(content)
        library.copies[name] = song

    psalm, chips = DEMO_TRACKS[5].compose(), DEMO_TRACKS[23].compose()
    wave = play(psalm)[:, : SECONDS * SAMPLE_RATE]
    for suffix in FORMATS:
        add(f"psalm.{suffix}", "psalm", wave)
    add("quiet.flac", "psalm", 0.5 * wave)
    add("cut.mp3", "psalm", wave[:, round(2.3 * SAMPLE_RATE) :])
    add("take two.flac", "take two", play(again(psalm, 1, 0.002))[:, : SECONDS * SAMPLE_RATE])
    add("slower.flac", "slower", play(again(psalm, 0, 0.0, 0.98))[:, : SECONDS * SAMPLE_RATE])
    less = psalm._replace(parts=psalm.parts[:-2])
    add("no choir.flac", "no choir", play(less)[:, : SECONDS * SAMPLE_RATE])
    wave = play(chips)[:, : SECONDS * SAMPLE_RATE]
    add("chips.opus", "chips", 0.5 * wave[:, SAMPLE_RATE:])
    add("chips.mp3", "chips", wave)
    shutil.copy(library.music / "chips.mp3", library.music / "copy.mp3")
    library.copies["copy.mp3"] = "chips"
    add("chips two.flac", "chips two", play(again(chips, 2, 0.006))[:, : SECONDS * SAMPLE_RATE])
    assert cli.main(["build", str(library.music), "--home", str(library.home)]) == 0
    return library


@pytest.fixture
def earshot(library: Library, capfdbinary: pytest.CaptureFixture[bytes]) -> Commands:
    return Commands(library.home, capfdbinary)


def named(groups: list[list[dict[str, Any]]]) -> list[list[str]]:
    return sorted(sorted(Path(track["path"]).name for track in group) for group in groups)


def test_copies_are_grouped_and_takes_are_not(earshot: Commands, library: Library) -> None:
    result = earshot.similar("--duplicates", "--json")
    assert (result.status, result.err) == (0, "")
    assert named(result.json) == library.groups()
    psalm = max(result.json, key=len)
    assert [track["codec"] for track in psalm[:3]] == ["flac", "flac", "pcm_s16le"]
    assert psalm[-1]["duration"] == pytest.approx(SECONDS - 2.3, abs=0.1)
    assert earshot.similar("--duplicates", "--json").json == result.json


def test_the_table_names_every_file(earshot: Commands, library: Library) -> None:
    result = earshot.similar("--duplicates")
    text = result.out.decode()
    assert "2 recordings in 10 files" in text
    joined = "".join(text.split())
    for name, song in library.copies.items():
        assert ("".join(name.split()) in joined) == (song in ("psalm", "chips"))


def test_a_file_that_cannot_be_read_is_named(
    library: Library, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    home = tmp_path / "home"
    shutil.copytree(library.home, home, symlinks=True)
    damaged = library.music / "psalm.opus"
    content = damaged.read_bytes()
    with sqlite3.connect(home / "catalogue.db") as database:
        database.execute("DELETE FROM comparisons")  # of the build and of other tests
    try:
        damaged.write_text("words")
        result = Commands(home, capfdbinary).similar("--duplicates", "--json")
    finally:
        damaged.write_bytes(content)
    assert result.status == 0
    assert str(damaged) in result.err
    groups = [[name for name in group if name != "psalm.opus"] for group in library.groups()]
    assert named(result.json) == groups


@pytest.mark.parametrize(
    "arguments", [(), ("words", "--duplicates"), ("--duplicates", "--m3u"), ("1", "--m3u", "--why")]
)
def test_what_does_not_go_together(earshot: Commands, arguments: tuple[str, ...]) -> None:
    result = earshot.similar(*arguments)
    assert (result.status, result.out) == (2, b"")


def test_why(earshot: Commands, library: Library, tmp_path: Path) -> None:
    plain = earshot.neighbours("slower")
    rows = earshot.neighbours("slower", "--why")
    assert [{key: row[key] for key in row if key != "why"} for row in rows] == plain
    for row in rows:
        tags = [shared["tag"] for shared in row["why"]["shared_tags"]]
        assert tags == row["shared_tags"]
        assert all(0 < shared["share"] <= 1 for shared in row["why"]["shared_tags"])
        for moment in row["why"]["moments"]:
            assert 0 <= moment["start"] < moment["end"] <= SECONDS + 0.1
            assert moment["end"] - moment["start"] <= 3
        tempos = row["why"]["tempo"]  # estimated, as no file says it
        assert tempos is None or all(30 < one < 300 for one in tempos)
    shutil.copy(library.music / "slower.flac", tmp_path / "outside.mp4")
    outside = earshot.neighbours(tmp_path / "outside.mp4", "--why")
    assert all(row["why"] for row in outside)
    table = earshot.similar("slower", "--why", "-k", 2).out.decode()
    assert "most alike at" in table
    assert "%" in table
