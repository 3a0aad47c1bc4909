"""`earshot similar --words` on a small home."""

from __future__ import annotations

from pathlib import Path

import pytest
from commands import Commands
from made_home import make_home

from earshot import cli


@pytest.fixture
def earshot(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> Commands:
    make_home(tmp_path / "home", tmp_path / "music")
    return Commands(tmp_path / "home", capfdbinary)


def test_the_form_of_an_answer(earshot: Commands) -> None:
    result = earshot.similar("--words", "classical piano without xyzzy", "-k", "4", "--json")
    assert result.status == 0
    answer = result.json
    assert set(answer) == {"understood", "ignored", "results"}
    assert answer["understood"][0] == {"words": "classical", "taken_for": ["classical"]}
    assert answer["ignored"] == ["xyzzy"]
    assert "Nothing for “xyzzy”; used the rest." in result.err
    assert [row["rank"] for row in answer["results"]] == [1, 2, 3, 4]
    for row in answer["results"]:
        assert set(row) == {"rank", "track_id", "title", "artist", "score", "met"}
        assert row["track_id"] > 12, "the second half of the home is classical"
        assert row["met"] and {*row["met"]} <= {"classical", "piano"}


def test_a_table_and_a_playlist(earshot: Commands) -> None:
    table = earshot.similar("--words", "rock around 95 bpm", "-k", "3")
    assert table.status == 0
    text = table.out.decode()
    assert "meets" in text and "around 95 bpm: tempo 89.3 to 100.7" in text
    playlist = earshot.similar("--words", "rock", "--m3u")
    assert playlist.out.startswith(b"#EXTM3U") and playlist.out.count(b".wav") == 10


def test_no_match_and_no_listener(earshot: Commands) -> None:
    nothing = earshot.similar("--words", "xyzzy")
    assert nothing.status == 1
    assert "Nothing for “xyzzy”." in nothing.err
    assert "No track was found by these words." in nothing.err
    unknown = earshot.similar("--words", "rock", "--listener", "nobody")
    assert unknown.status == 1 and 'There is no listener "nobody"' in unknown.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["song 1", "--words", "rock"],
        ["--duplicates", "--words", "rock"],
        ["--words", "rock", "--why"],
        ["--words", "rock", "--artist-cap", "1"],
        ["--words", "rock", "-k", "501"],
        ["song 1", "--listener", "ann"],
    ],
)
def test_what_does_not_go_together(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(["similar", *arguments])
    assert stopped.value.code == 2
