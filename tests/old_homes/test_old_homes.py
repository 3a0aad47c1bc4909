"""Homes of earlier versions open, answer the same, and are not analysed anew."""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parent))  # for make

from make import ARTISTS, answers, application, run, write_music

from recsys.catalog import Catalog

WORDED = {"path", "text", "words", "sentences"}  # keys of what depends on the folder or on wording
NOW_CALLED = {"highlight": "typical"}  # a taggram's highlight is another moment today
ESTIMATED = {"tempo", "keys"}  # what a build estimates anew
BY_LISTENS = {  # answers by listening models, which then had co-listening
    "recommend_listener",
    "recommend_seeds",
    "recommend_taught",
    "/api/v1/mix?like=track:3&length=5",
    "/api/v1/mix?length=5",
    "/api/v1/playlists/1/continuation?k=5",
}
OF_THE_MODEL = {"score", "rank", "reasons"}
ARCHIVES = sorted(Path(__file__).parent.glob("*.zip"))


@pytest.fixture(params=ARCHIVES, ids=lambda path: path.stem)
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    with zipfile.ZipFile(request.param) as files:
        files.extractall(tmp_path)
    return tmp_path


def test_an_old_home_answers_as_it_did(archive: Path) -> None:
    expected = json.loads((archive / "expected.json").read_text(encoding="utf-8"))
    check_same(answers(archive / "home"), expected)


def test_an_old_home_is_built_on_without_analysing_anything(archive: Path) -> None:
    expected = json.loads((archive / "expected.json").read_text(encoding="utf-8"))
    write_music(archive / "moved")
    report = json.loads(
        run("build_index.py", str(archive / "moved"), "--json", home=archive / "home")
    )
    assert (report["tracks"], report["analysed"]) == (24, 0)
    with Catalog(archive / "home") as catalog:
        assert all(track.loudness is not None for track in catalog.available_tracks())
    given = answers(archive / "home")
    check_same(without(given, ESTIMATED), without(expected, ESTIMATED))


def test_an_old_home_has_albums_and_artists_for_players(archive: Path) -> None:
    client = application(archive / "home").test_client()

    def ask(name: str) -> Any:
        return client.get(f"/rest/{name}{'&' if '?' in name else '?'}f=json").get_json()[
            "subsonic-response"
        ]

    albums = ask("getAlbumList2?type=alphabeticalByName")["albumList2"]["album"]
    assert [(album["name"], album["songCount"]) for album in albums] == [
        (f"{artist} live", 4) for artist in ARTISTS
    ]
    letters = ask("getArtists")["artists"]["index"]
    assert [one["name"] for letter in letters for one in letter["artist"]] == list(ARTISTS)
    assert [song["id"] for song in ask("getStarred2")["starred2"]["song"]] == ["7"]  # a like
    assert len(ask("getSonicSimilarTracks?id=3&count=5")["sonicMatch"]) == 5


def check_same(given: Any, expected: Any) -> None:
    """Check all answers; of those by listens, most tracks and all that does not depend on these."""
    for name, wanted in expected.items():
        if name not in BY_LISTENS:
            assert same(given[name], wanted), name
            continue
        mine, theirs = rows(given[name]), rows(wanted)
        both = [one for one in theirs if one in mine]
        assert len(mine) == len(theirs) == 5, name
        assert len(both) >= 3, name
        for one in both:
            assert same(without(mine[one], OF_THE_MODEL), without(theirs[one], OF_THE_MODEL)), name


def rows(answer: Any) -> dict[int, Any]:
    """Return the tracks of an answer, by id."""
    listed = answer["tracks"] if isinstance(answer, dict) else answer
    return {one.get("id", one.get("track_id")): one for one in listed}


def without(answer: Any, keys: set[str]) -> Any:
    """Return an answer without what stands under some keys."""
    if isinstance(answer, dict):
        return {key: without(value, keys) for key, value in answer.items() if key not in keys}
    return [without(one, keys) for one in answer] if isinstance(answer, list) else answer


def same(given: Any, expected: Any) -> bool:
    """Say whether two answers are the same, but for roundings, wording, and what is said beside."""
    if isinstance(expected, dict):
        return set(given) >= set(expected) and all(
            k in WORDED or same(given[NOW_CALLED.get(k, k)], expected[k]) for k in expected
        )
    if isinstance(expected, list):
        return len(given) == len(expected) and all(map(same, given, expected))
    if isinstance(expected, float):
        return given == pytest.approx(expected, rel=2e-3, abs=2e-3)
    return bool(given == expected)
