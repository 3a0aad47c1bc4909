from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from commands import Commands, finish, start
from sounds import tune, write

from recsys.catalog import Catalog

START = 1_700_000_000


def line(number: int, title: str = "Blue", **more: object) -> str:
    metadata = {"artist_name": "Ada", "track_name": title}
    entry = {"user_name": "ann", "listened_at": START + number, "track_metadata": metadata}
    return json.dumps(entry | more) + "\n"


@pytest.fixture
def history(tmp_path: Path) -> Path:
    path = tmp_path / "listens.jsonl"
    path.write_text(line(0) + line(1) + line(2, "Red") + "{\n")
    return path


def test_an_import_says_what_became_of_it(earshot: Commands, history: Path) -> None:
    result = earshot.run("import_listens", history, "--unmatched", 1)
    assert result.status == 0
    text = result.out.decode()
    assert "listens.jsonl (listenbrainz): 3 listens" in text
    assert "3 new, 0 changed, 0 known" in text
    assert "line 4: It is no JSON" in text
    assert "not found" in text
    assert "2  Ada - Blue" in text
    assert "Ada - Red" not in text
    again = earshot.run("import_listens", history, "--json", "--unmatched", 5).json
    (file,) = again["files"]
    assert (file["new"], file["known"], file["bad"]) == (0, 3, 1)
    assert file["bad_lines"][0]["line"] == 4
    assert again["listeners"] == 1
    assert again["matched"] == [{"kind": "recording", "rung": None, "recordings": 2, "listens": 3}]
    assert [entry["title"] for entry in again["unmatched"]] == ["Blue", "Red"]


def test_a_build_finds_what_was_heard_before_the_track_came(
    earshot: Commands, history: Path, music: Path
) -> None:
    earshot.run("import_listens", history)
    write(music / "blue.flac", tune(1), title="Blue", artist="Ada")
    earshot.build_json(music)
    with Catalog(earshot.home) as catalog:
        assert catalog.interactions().counts.toarray().tolist() == [[2]]
    write(music / "red.flac", tune(2), title="Red", artist="Ada")
    result = earshot.build(music)
    assert b"1 recordings of listening histories have another match now" in result.out
    with Catalog(earshot.home) as catalog:
        assert catalog.interactions().counts.toarray().tolist() == [[2, 1]]
    assert b"another match" not in earshot.build(music).out


def test_one_bad_file_does_not_keep_the_others_out(
    earshot: Commands, history: Path, tmp_path: Path
) -> None:
    (tmp_path / "words.txt").write_text("words")
    with zipfile.ZipFile(tmp_path / "half.zip", "w") as archive:
        archive.writestr("listens/2023/1.jsonl", line(5) * 100)
    half = tmp_path / "half.zip"
    half.write_bytes(half.read_bytes()[:-30])
    result = earshot.run("import_listens", tmp_path / "words.txt", half, history, "--json")
    assert result.status == 1
    assert "words.txt is no listening history" in result.err
    assert "half.zip is no whole ZIP" in result.err
    assert result.json["files"][0]["new"] == 3
    assert len(result.json["failures"]) == 2


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["missing.csv"], 1, "missing.csv cannot be read: No such file"),
        (["x.csv", "--columns", "colour=red"], 2, "--columns knows no 'colour'"),
        (["x.csv", "--format", "tape"], 2, "invalid choice"),
        (["x.csv", "--unmatched", "-1"], 2, "--unmatched"),
        ([], 2, "FILE"),
    ],
)
def test_wrong_use_is_explained(
    earshot: Commands, arguments: list[str], status: int, sentence: str
) -> None:
    result = earshot.run("import_listens", *arguments)
    assert result.status == status
    assert sentence in result.err


def test_a_table_is_imported_for_a_listener_by_its_own_columns(
    earshot: Commands, tmp_path: Path
) -> None:
    (tmp_path / "t.csv").write_text("by;song;n\nAda;Blue;3\n")
    columns = "artist=by,title=song,count=n"
    process = start(
        "import_listens",
        tmp_path / "t.csv",
        *("--home", earshot.home, "--listener", "Änne", "--columns", columns, "--json"),
    )
    result = finish(process)
    assert result.status == 0, result.err
    assert result.json["files"][0]["counts"] == 1
    with Catalog(earshot.home) as catalog:
        assert [(one.name, one.n_listens) for one in catalog.listeners()] == [("Änne", 3)]
