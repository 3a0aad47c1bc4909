"""`earshot tags`: a table of what was found out, and the files' own tags."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from commands import Commands, Result
from made_home import N_TRACKS, TAGS
from made_home import make_home as make_small_home
from sounds import tune, write

from earshot import cli
from encoders.audio import inspect
from recsys.library.file_tags import read_tags

PROBABILITY = 0.0001


@pytest.fixture
def small(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> Commands:
    make_small_home(tmp_path / "home", tmp_path / "music")
    return Commands(tmp_path / "home", capfdbinary)


def test_the_table_has_every_tag_of_every_track(small: Commands, tmp_path: Path) -> None:
    rows = small.run("tags", "export", "--json").json
    assert [row["track_id"] for row in rows] == list(range(1, N_TRACKS + 1))
    names = {*TAGS[0], *TAGS[1]}
    assert all(set(row["tags"]) == names and "for a party" in row["moods"] for row in rows)
    assert rows[0]["tags"]["rock"] > rows[-1]["tags"]["rock"]
    assert (rows[3]["tempo"], rows[3]["file_tempo"], rows[3]["estimated_tempo"]) == (93, 93, None)
    out = tmp_path / "tags.csv"
    written = small.run("tags", "export", "--out", out)
    assert written.status == 0 and f"{N_TRACKS} tracks written" in written.err
    table = list(csv.DictReader(io.StringIO(out.read_text(encoding="utf-8"), newline="")))
    for row, line in zip(rows, table, strict=True):
        assert line["title"] == row["title"] and line["genres"] == "; ".join(row["genres"])
        assert float(line["tag:rock"]) == row["tags"]["rock"]
        assert float(line["mood:for a party"]) == row["moods"]["for a party"]
    assert small.run("tags", "export", "--out", tmp_path / "t.json").status == 0
    assert json.loads((tmp_path / "t.json").read_text(encoding="utf-8")) == rows
    assert small.run("tags", "export", "--json", "--out", out).status == 2


def test_files_that_are_gone_are_counted(small: Commands) -> None:
    result = small.run("tags", "write", "--fields", "tags", "--write-tags")
    assert result.status == 0
    assert f"{N_TRACKS} files left alone: they cannot be read." in result.err
    assert "0 files written" in result.err
    unknown = small.run("tags", "write", "999")
    assert unknown.status == 1 and "None of these tracks is in the index" in unknown.err


def writing(earshot: Commands, *arguments: str) -> Result:
    return earshot.run("tags", "write", "--fields", "tempo,key,tags,moods", *arguments)


def test_a_dry_run_changes_nothing_and_a_build_after_the_writing_analyses_nothing(
    earshot: Commands, music: Path
) -> None:
    paths = [
        write(music / "one.mp3", tune(1), title="One"),
        write(music / "two.flac", tune(2), title="Two"),
        write(music / "three.mkv", tune(3)),
    ]
    earshot.build_json(music, "--segments", 1, "--no-learn")
    contents = [path.read_bytes() for path in paths]
    audio = [inspect(path).audio_hash for path in paths]
    dry = writing(earshot)
    assert dry.status == 0 and "2 files to be written, and none is yet" in dry.err
    assert "1 file left alone: their format has no tags that can be written." in dry.err
    assert [path.read_bytes() for path in paths] == contents
    planned = {Path(one["path"]).name: one for one in writing(earshot, "--json").json["files"]}
    assert set(planned) == {"one.mp3", "two.flac"}
    only = writing(earshot, "--write-tags", "1", "--json").json
    assert only["written"] and len(only["files"]) == 1
    assert writing(earshot, "--write-tags").status == 0
    assert [inspect(path).audio_hash for path in paths] == audio
    for path in paths[:2]:
        tags, plan = read_tags(path), planned[path.name]
        assert tags.title == path.stem.title()
        assert plan["tags"] and (tags.bpm is not None) == ("tempo" in plan)
        assert (tags.initial_key is not None) == ("key" in plan)
    again = earshot.build_json(music, "--segments", 1, "--no-learn")
    assert (again["unchanged"], again["analysed"]) == (1, 0)
    said = writing(earshot, "--write-tags")
    write(music / "two.flac", tune(7))
    other = writing(earshot, "--write-tags")
    assert other.status == 1 and "its audio is not that of the last build." in other.err
    assert "0 files written" in other.err
    assert "0 files written" in said.err and "they say all of it already" in said.err


def test_usage() -> None:
    for arguments in (
        ["write", "--fields", "title"],
        ["export", "--out", "tags.xls"],
        ["write", "x"],
    ):
        with pytest.raises(SystemExit) as stopped:
            cli.main(["tags", *arguments])
        assert stopped.value.code == 2
