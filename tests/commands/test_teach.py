"""`earshot teach`: a tag of one's own, its honest score, and where it then counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from commands import Commands
from made_home import ARTISTS, N_TRACKS, make_home

from recsys.autocomplete import Completer
from recsys.catalog import Catalog
from recsys.home.home import open_home
from recsys.home.settings import load_settings
from recsys.recommendation.query import Query, Seed
from recsys.recommendation.recommender import Recommender

FITTING = (1, 2, 5, 6, 9)  # of the three artists who play rock
ROCK = set(range(1, N_TRACKS // 2 + 1))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    make_home(tmp_path / "home", tmp_path / "music")
    return tmp_path / "home"


def teach(earshot: Commands, *arguments: str | int) -> Any:
    result = earshot.run("teach", "for running", "--listener", "ann", *arguments, "--json")
    assert result.status == 0, result.err
    return result.json


def fits(ids: tuple[int, ...], word: str = "--fits") -> list[str | int]:
    return [part for i in ids for part in (word, i)]


def test_a_taught_tag_is_a_tag_like_any_other_for_who_taught_it(earshot: Commands) -> None:
    told = teach(earshot, *fits(FITTING), "--fits-not", N_TRACKS)
    assert told["fits"] == list(FITTING)
    assert told["fits_not"] == [N_TRACKS]
    # Of the other tracks, which count as not fitting, seven do fit: no more than .82 is possible.
    assert 0.65 < told["score"]["roc_auc"]["value"] < 0.82
    assert {found["track_id"] for found in told["finds"][:7]} == ROCK - set(FITTING)

    def ask(*arguments: str | int) -> Any:
        return earshot.run("recommend", "--tag", "For Running", *arguments, "-k", 12, "--json")

    rows = ask("--listener", "ann").json
    assert {row["track_id"] for row in rows} == ROCK
    assert rows[0]["reasons"][0]["words"] == "For Running"
    assert rows[0]["reasons"][0]["kind"] == "tag"
    stranger = ask()
    assert 'No track has the tag "For Running"' in stranger.err
    without = earshot.run(
        "recommend", "--listener", "ann", "--exclude-tag", "for running", "-k", N_TRACKS, "--json"
    )
    kept = {row["track_id"] for row in without.json}
    assert len(kept & ROCK) <= 8
    assert len(kept - ROCK) == N_TRACKS // 2


def test_it_is_completed_for_its_listener_alone(earshot: Commands) -> None:
    teach(earshot, "--fits", 1)
    with Catalog(earshot.home) as catalog:
        ann, bob = catalog.listener("ann"), catalog.listener("bob", create=True)
        assert ann and bob
        completer = Completer(catalog, ["rock"])

        def found(listener: int | None) -> list[str]:
            return [one.name for one in completer.complete("for ru", 12, listener)]

        assert found(ann.id) == ["for running"]
        assert "for running" not in found(bob.id) + found(None)


def test_examples_are_added_taken_back_listed_and_forgotten(earshot: Commands) -> None:
    few = teach(earshot, "--fits", 1, "--fits", 2)
    assert few["score"] is None
    assert "too few to tell" in few["sentence"]
    more = teach(earshot, *fits((5, 6, 9)), "--take-back", 2)
    assert more["fits"] == [1, 5, 6, 9]
    enough = teach(earshot, "--fits", "song 10")  # words; track 11
    assert enough["fits"] == [1, 5, 6, 9, 11]
    listed = earshot.run("teach", "--listener", "ann", "--list", "--json").json
    assert [(row["tag"], len(row["fits"])) for row in listed] == [("for running", 5)]
    assert listed[0]["score"] == enough["score"]
    table = earshot.run("teach", "--listener", "ann", "--list")
    assert "for running" in table.out.decode()
    forgotten = earshot.run("teach", "for running", "--listener", "ann", "--forget")
    assert forgotten.status == 0
    assert earshot.run("teach", "--listener", "ann", "--list", "--json").json == []


def test_what_cannot_be_taught_is_said(earshot: Commands) -> None:
    for arguments, sentence in (
        (("rock", "--listener", "ann", "--fits", 1), "is a tag already"),
        (("Classical", "--listener", "ann", "--fits", 1), "is a tag already"),
        (("new", "--listener", "nobody"), 'no listener "nobody"'),
        (("new", "--listener", "ann", "--fits", "xyzzy plugh"), "No track of the library matches"),
        (("new", "--listener", "ann", "--forget"), 'no listener "ann"'),
        (("  ", "--listener", "ann", "--fits", 1), "cannot be learned"),
        (("new", "--listener", "ann", "--fits-not", 1), "No example fits new yet"),
    ):
        result = earshot.run("teach", *arguments)
        assert (result.status, sentence in result.err) == (1, True), result.err
    assert earshot.run("teach", "--listener", "ann").status == 2
    assert earshot.run("teach", "x", "--listener", "ann", "--list").status == 2


def test_a_playlist_teaches(earshot: Commands, tmp_path: Path) -> None:
    playlist = tmp_path / "running.m3u8"
    lines = [f"#EXTINF:1,{ARTISTS[n // 4]} - Song {n}\n/gone/{n}.mp3" for n in (0, 1, 4)]
    playlist.write_text("\n".join(["#EXTM3U", *lines]) + "\n")
    assert teach(earshot, "--playlist", playlist)["fits"] == [1, 2, 5]


def test_an_open_home_learns_of_new_examples(earshot: Commands) -> None:
    teach(earshot, *fits((1, 5)))
    with open_home(load_settings(earshot.home)) as home:
        ann = home.catalog.listener("ann")
        assert ann
        recommender = Recommender(home)

        def rock() -> int:
            query = Query(listener=ann.id, seeds=(Seed("tag", "for running"),))
            found = recommender.recommend(query, 12).recommendations
            return len({row.track.id for row in found} & ROCK)

        assert rock() == 12
        home.catalog.teach(ann.id, "for running", [(1, None), (5, None), (20, True), (24, True)])
        assert rock() == 0
