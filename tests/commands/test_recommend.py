"""What `earshot recommend` answers on a part of the demo library, and its errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import pytest
from commands import Commands, make_home
from sounds import tune, write

from earshot import cli
from recsys.catalog import Catalog
from recsys.demo import DEMO_TRACKS, FEEDBACK, LISTENS, make_demo_library
from recsys.playlists import read_playlist, resolve

STYLES = {"ambient": (3, 4), "baroque": (24,), "metal": (48, 51)}
METALHEAD = "dusty_otter"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, weights: Path) -> Path:
    """A home of five demo tracks, with the listens and hearts of all demo listeners imported."""
    folder = tmp_path_factory.mktemp("recommend")
    home, music = make_home(folder / "home", weights), folder / "music"
    some = [DEMO_TRACKS[number] for numbers in STYLES.values() for number in numbers]
    make_demo_library(music, workers=2, tracks=some)
    assert cli.main(["build", str(music), "--home", str(home)]) == 0
    files = [str(music / LISTENS), str(music / FEEDBACK)]
    assert cli.main(["import", *files, "--home", str(home)]) == 0
    return home


@pytest.fixture
def earshot(demo: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> Commands:
    return Commands(demo, capfdbinary)


@pytest.fixture
def ids(demo: Path) -> dict[str, list[int]]:
    """The ids of each style's tracks."""
    with Catalog(demo) as catalog:
        by_path = {track.path.stem: track.id for track in catalog.available_tracks()}
    return {
        style: [by_path[Path(DEMO_TRACKS[number].path).stem] for number in numbers]
        for style, numbers in STYLES.items()
    }


def ask(earshot: Commands, *arguments: str | Path | int) -> list[dict[str, Any]]:
    """Ask where there is an answer."""
    result = earshot.run("recommend", *arguments, "--json")
    assert result.status == 0, result.err
    found: list[dict[str, Any]] = result.json
    return found


def test_the_form_of_an_answer(earshot: Commands) -> None:
    rows = ask(earshot, "--listener", METALHEAD, "--no-exclude-played", "-k", 5)
    assert [row["rank"] for row in rows] == [1, 2, 3, 4, 5]
    for row in rows:
        assert set(row) == {
            "rank",
            "track_id",
            "title",
            "artist",
            "score",
            "similarity",
            "evidence",
            "rung",
            "reasons",
        }
        assert 0 <= row["similarity"] <= 1
        assert 0 <= row["evidence"] <= 1
        assert row["rung"] == "track"
        assert sum(r["amount"] for r in row["reasons"]) == pytest.approx(row["score"], abs=0.01)
        assert all(set(r) == {"kind", "ref", "amount", "words"} for r in row["reasons"])


def test_a_listener_hears_more_of_the_same_and_nothing_that_was_played(
    earshot: Commands, ids: dict[str, list[int]], demo: Path
) -> None:
    with Catalog(demo) as catalog:
        listener = catalog.listener(METALHEAD)
        assert listener
        played = set(catalog.history(listener.id).track_ids.tolist())
    assert played & set(ids["metal"])
    rows = ask(earshot, "--listener", METALHEAD, "--no-exclude-played", "-k", 5)
    order = [row["track_id"] for row in rows]
    assert {order[0]} == set(ids["metal"]) - played, "the other metal track comes first"
    assert set(order[-2:]) == set(ids["ambient"])
    result = earshot.run("recommend", "--listener", METALHEAD, "--json")
    assert not played & {row["track_id"] for row in result.json}
    assert "tracks may be in the answer" in result.err


def test_seeds_of_every_kind(earshot: Commands, ids: dict[str, list[int]], tmp_path: Path) -> None:
    psalm, candle = ids["ambient"]
    rows = ask(earshot, "--like", psalm, "--unlike", "columns of the deep")
    assert rows[0]["track_id"] == candle
    assert {psalm, ids["metal"][0]}.isdisjoint(row["track_id"] for row in rows)
    assert rows[0]["reasons"][0]["words"] == "sounds like Harbour Psalm"
    rows = ask(earshot, "--artist", "basalt crown", "--exclude-artist", "Basalt Crown")
    assert rows[0]["track_id"] == ids["metal"][1]
    assert rows[0]["rung"] == "artist"
    rows = ask(earshot, "--tag", "harpsichord=2", "--tag", "metal=-1")
    assert rows[0]["track_id"] == ids["baroque"][0]
    assert rows[0]["rung"] == "tags"
    with Catalog(earshot.home) as catalog:
        track = catalog.track(ids["metal"][0])
    assert track
    stranger = tmp_path / "stranger.mp3"
    stranger.write_bytes(track.path.read_bytes())
    rows = ask(earshot, "--like", stranger)
    assert rows[0]["track_id"] == track.id  # unnamed, a file from outside may be found itself
    assert rows[0]["similarity"] > 0.99
    assert rows[0]["reasons"][0]["words"] == "sounds like stranger.mp3"
    assert not {track.id} & {row["track_id"] for row in ask(earshot, "--like", track.path)}


def test_without_anything_to_go_by_what_many_play_is_offered(earshot: Commands) -> None:
    result = earshot.run("recommend", "-k", 3)
    assert result.status == 0
    assert result.err == "These are the tracks that most people play.\n"
    assert b"many play it" in result.out
    assert result.out.count(b"\n") >= 4


@pytest.mark.parametrize("kind", ["m3u8", "xspf", "jspf"])
def test_playlists_out_and_in(
    earshot: Commands, demo: Path, ids: dict[str, list[int]], tmp_path: Path, kind: str
) -> None:
    written = tmp_path / f"list.{kind}"
    arguments = ["--relative"] * (kind == "m3u8")
    rows = ask(earshot, "--like", ids["metal"][0], "-k", 2, "--out", written, *arguments)
    with Catalog(demo) as catalog:
        found = [entry.track_id for entry in resolve(catalog, read_playlist(written))]
    assert found == [row["track_id"] for row in rows]
    assert (b"../" in written.read_bytes()) == (kind == "m3u8")
    more = ask(earshot, "--playlist", written)
    assert {row["track_id"] for row in more} == set(range(1, 6)) - set(found)


def test_a_player_plays_what_is_printed(
    earshot: Commands, ids: dict[str, list[int]], tmp_path: Path
) -> None:
    rows = ask(earshot, "--like", ids["metal"][0], "-k", 2)
    printed = tmp_path / "printed.m3u8"
    printed.write_bytes(earshot.run("recommend", "--like", ids["metal"][0], "-k", 2, "--m3u").out)
    entries = read_playlist(printed).entries
    assert [entry.title for entry in entries] == [row["title"] for row in rows]
    for line in printed.read_text().splitlines():
        if not line.startswith("#"):
            with av.open(line) as container:
                assert next(container.decode(audio=0)).samples
    assert earshot.run("recommend", "--m3u", "--json").status == 2


def test_a_way(earshot: Commands, ids: dict[str, list[int]]) -> None:
    start, end = ids["ambient"][0], ids["metal"][0]
    rows = ask(earshot, "--from", start, "--to", end, "--length", 3, "--exclude-genre", "baroque")
    kept = ask(earshot, "--from", start, "--to", end, "--length", 3, "--tempo-change", 50)
    assert [kept[0]["track_id"], kept[-1]["track_id"]] == [start, end]
    assert [row["track_id"] for row in rows] in ([start, other, end] for other in (2, 4))
    assert {reason["ref"] for reason in rows[1]["reasons"]} == {start, end}


def test_nothing_left_is_said(earshot: Commands) -> None:
    result = earshot.run("recommend", "--min-duration", 9000, "--json")
    assert result.status == 1
    assert result.json == []
    assert "None of the library's 5 tracks is left to be recommended." in result.err


def test_what_cannot_be_answered(
    earshot: Commands, ids: dict[str, list[int]], tmp_path: Path
) -> None:
    (tmp_path / "list.m3u8").write_text("#EXTM3U\n/nowhere/x.mp3\n")
    (tmp_path / "list.xspf").write_text("<html/>")
    outside = write(tmp_path / "outside.wav", tune(3))
    wanted = {
        ("--listener", "nobody"): 'There is no listener "nobody": run `earshot import --home ',
        ("--like", "xyzzy plugh"): 'No track of the library matches "xyzzy plugh"',
        ("--playlist", tmp_path / "list.m3u8"): "No track of the library is in",
        ("--playlist", tmp_path / "list.xspf"): "cannot be read as a playlist.",
        ("--playlist", tmp_path / "gone.m3u8"): "gone.m3u8 cannot be used: No such file",
        ("--from", outside, "--to", 1): "a path begins and ends with its tracks.",
        ("--from", 1, "--to", 1): "wanted another track than the start, got 1.",
        ("--out", tmp_path / "no folder" / "a.m3u8"): "cannot be used: No such file",
    }
    for arguments, sentence in wanted.items():
        result = earshot.run("recommend", *arguments)
        assert (result.status, sentence in result.err) == (1, True), result.err
    earshot.home = tmp_path / "nowhere"
    result = earshot.run("recommend")
    assert result.status == 1
    assert "Nothing is indexed in" in result.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["-k", "0"], "-k: takes a whole number of at least 1"),
        (["--discovery", "2"], "discovery: wanted a number from 0 to 1, got 2.0"),
        (["--tag", "jazz=much"], '--tag takes NAME or NAME=WEIGHT, not "jazz=much"'),
        (["--from", "1"], "--from and --to are given together"),
        (["--from", "1", "--to", "2", "--like", "3"], "and nothing else"),
        (["--from", "1", "--to", "2", "--diversity", ".5"], "and nothing else"),
        (["--exclude-track", "99999999999"], "exclude_tracks: wanted an id from 0 to"),
        (["--out", "list.txt"], "--out takes a name that ends in .m3u8, .xspf, .jspf"),
    ],
)
def test_usage(earshot: Commands, arguments: list[str], sentence: str) -> None:
    result = earshot.run("recommend", *arguments)
    assert result.status == 2
    assert sentence in result.err
