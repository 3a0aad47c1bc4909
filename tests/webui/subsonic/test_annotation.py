"""Stars, ratings, scrobbles and playback reports are feedback and listens like any other."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from asking import Rest
from flask import Flask

from recsys.catalog import Catalog
from webui.security import TOKEN_HEADER
from webui.subsonic.playback import PlaybackEvent, Playbacks, Report

Said = Callable[[], dict[int, str]]


@pytest.fixture
def said(mine: Flask) -> Said:
    """Gives what is said of tracks, as the API has it."""
    client = mine.test_client()

    def read() -> dict[int, str]:
        found = client.get("/api/v1/feedback").get_json()["feedback"]
        return {one["track_id"]: one["kind"] for one in found}

    return read


def starred(rest: Rest) -> list[str]:
    return [song["id"] for song in rest.ask("getStarred2")["starred2"]["song"]]


def test_a_star_is_a_like_and_a_like_is_a_star(rest: Rest, said: Said, mine: Flask) -> None:
    rest.ask("star", id=[1, 2])
    assert said() == {1: "like", 2: "like"}
    rest.ask("unstar", id=1)
    assert (said(), starred(rest)) == ({2: "like"}, ["2"])
    client = mine.test_client()
    token = {TOKEN_HEADER: client.get("/api/v1/session").get_json()["token"]}
    assert client.put("/api/v1/tracks/7/feedback", json={"kind": "like"}, headers=token)
    assert sorted(starred(rest)) == ["2", "7"]
    client.put("/api/v1/tracks/7/feedback", json={"kind": "dislike"}, headers=token)
    client.delete("/api/v1/tracks/2/feedback", headers=token)
    assert starred(rest) == []


def test_ratings_are_kept_and_mean_something(rest: Rest, said: Said) -> None:
    for song, rating in enumerate((1, 2, 3, 4, 5), start=1):
        rest.ask("setRating", id=song, rating=rating)
        assert rest.ask("getSong", id=song)["song"]["userRating"] == rating
    assert said() == {1: "dislike", 2: "dislike", 4: "like", 5: "like"}
    assert starred(rest) == []  # a rating is no star
    rest.ask("star", id=5)
    rest.ask("setRating", id=5, rating=1)
    assert (said()[5], starred(rest)) == ("like", ["5"])  # a star weighs more
    rest.ask("unstar", id=5)
    assert said()[5] == "dislike"
    rest.ask("setRating", id=5, rating=0)
    assert 5 not in said() and "userRating" not in rest.ask("getSong", id=5)["song"]
    assert rest.error("setRating", id=1, rating=6) == 0
    assert rest.error("setRating", id=1) == 10


def test_albums_and_artists_are_starred_and_rated(rest: Rest, said: Said) -> None:
    song = rest.ask("getSong", id=1)["song"]
    rest.ask("star", albumId=song["albumId"], artistId=song["artistId"])
    rest.ask("setRating", id=song["albumId"], rating=4)
    found = rest.ask("getStarred2")["starred2"]
    assert [one["id"] for one in found["album"]] == [song["albumId"]]
    assert [one["id"] for one in found["artist"]] == [song["artistId"]]
    album = rest.ask("getAlbum", id=song["albumId"])["album"]
    assert album["userRating"] == 4 and album["starred"]
    rest.ask("unstar", id=[song["albumId"], song["artistId"]])
    assert rest.ask("getStarred")["starred"] == {"artist": [], "album": [], "song": []}
    assert said() == {}


def test_a_star_is_given_to_all_or_none(rest: Rest, said: Said) -> None:
    assert rest.error("star", id=[1, 999]) == 70
    assert rest.error("star") == 10
    assert said() == {}


def test_the_lists_follow(rest: Rest, mine: Flask) -> None:
    client = mine.test_client()
    rest.ask("star", id=[21, 22])
    mix = client.get("/api/v1/mix?length=5").get_json()
    assert {reason["ref"] for one in mix["tracks"] for reason in one["reasons"]} & {21, 22}
    rest.ask("setRating", id=23, rating=1)
    again = client.get("/api/v1/mix?length=20").get_json()
    assert 23 not in {one["id"] for one in again["tracks"]}


def test_scrobbles_are_listens(rest: Rest, mine: Flask) -> None:
    rest.ask("scrobble", id=[3, 4], time=[1_700_000_000_000, 1_700_000_100_999])
    rest.ask("scrobble", id=3)
    listens = mine.test_client().get("/api/v1/listens").get_json()["listens"]
    assert [one["track_id"] for one in listens] == [3, 4, 3]
    assert [one["listened_at"] for one in listens[1:]] == [1_700_000_100, 1_700_000_000]
    song = rest.ask("getSong", id=3)["song"]
    assert song["playCount"] == 2 and song["played"] > "2026"
    for wrong in (1, 1000 * int(time.time() + 200_000), "x"):
        assert rest.error("scrobble", id=3, time=wrong) == 0
    assert rest.error("scrobble") == 10
    top = rest.ask("getTopSongs", artist="ada")["topSongs"]["song"]
    assert [song["id"] for song in top] == ["3", "4", "1", "2"]


def test_what_plays_now(rest: Rest) -> None:
    rest.ask("scrobble", id=3, submission="false")
    (entry,) = rest.ask("getNowPlaying")["nowPlaying"]["entry"]
    assert (entry["id"], entry["playerName"], entry["state"]) == ("3", "test", "playing")
    rest.ask("reportPlayback", mediaId=4, mediaType="song", positionMs=500, state="paused")
    (entry,) = rest.ask("getNowPlaying")["nowPlaying"]["entry"]
    assert (entry["id"], entry["positionMs"], entry["minutesAgo"]) == ("4", 500, 0)
    rest.ask("reportPlayback", mediaId=4, mediaType="song", positionMs=500, state="stopped")
    assert rest.ask("getNowPlaying")["nowPlaying"]["entry"] == []
    assert rest.error("reportPlayback", mediaId=4, mediaType="song", positionMs=1) == 10
    assert rest.error("reportPlayback", mediaId=4, mediaType="x", positionMs=1, state="paused") == 0


LENGTH = 200.0


class Player:
    """A player whose reports come when a test says."""

    def __init__(self) -> None:
        self.playbacks = Playbacks()
        self.now = 1_700_000_000.0

    def __call__(self, track: int, state: Any, position: float, **more: Any) -> list[PlaybackEvent]:
        report = Report(track, LENGTH, state, position, **more)
        return self.playbacks.take("me", "player", report, self.now)

    def wait(self, seconds: float) -> None:
        self.now += seconds


def test_half_of_a_track_is_a_listen() -> None:
    player = Player()
    assert player(1, "starting", 0) == []
    player.wait(60)
    assert player(1, "playing", 60) == []
    player.wait(50)
    assert player(1, "playing", 110) == [PlaybackEvent("listen", 1, 1_700_000_000)]
    player.wait(80)
    assert player(1, "stopped", 190) == []  # once
    assert player(2, "starting", 0) == []


def test_seeking_and_pauses_are_not_hearing() -> None:
    player = Player()
    player(1, "starting", 0)
    player.wait(5)
    assert player(1, "playing", 150) == []
    player(1, "paused", 150)
    player.wait(500)
    assert player(1, "playing", 150) == []
    player.wait(30)
    assert player(1, "stopped", 180) == []


def test_what_another_track_replaces_is_skipped() -> None:
    player = Player()
    player(1, "starting", 0)
    player.wait(10)
    assert player(2, "starting", 0) == [PlaybackEvent("skip", 1, 1_700_000_010)]
    player.wait(20)
    player(2, "stopped", 20)
    player.wait(2)
    assert player(3, "starting", 0) == [PlaybackEvent("skip", 2, 1_700_000_032)]
    player.wait(120)
    assert player(4, "starting", 0) == [PlaybackEvent("listen", 3, 1_700_000_032)]  # heard


def test_what_is_left_is_not_skipped() -> None:
    player = Player()
    player(1, "starting", 0)
    player.wait(10)
    player(1, "stopped", 10)
    player.wait(3600)
    assert player(2, "starting", 0) == []
    assert player(2, "starting", 0) == []  # from its beginning
    player.wait(5)
    assert player(2, "playing", 5, counts=False) == []
    player.wait(5)
    assert player(3, "starting", 0) == []  # nothing shall count


def test_reports_become_listens_and_skips(rest: Rest, said: Said, mine: Flask) -> None:
    report = {"mediaType": "song", "positionMs": 0, "state": "starting"}
    rest.ask("reportPlayback", mediaId=5, **report)
    rest.ask("reportPlayback", mediaId=6, **report)
    assert said() == {5: "skip"}
    time.sleep(0.6)  # of a track of one second
    rest.ask("reportPlayback", mediaId=6, mediaType="song", positionMs=600, state="stopped")
    with Catalog(mine.config["HOME"]) as catalog:
        listener = catalog.listener("me")
        assert listener and catalog.plays(listener.id, 6, 5).count == 1


def test_a_queue_is_gone_on_with(rest: Rest) -> None:
    empty = rest.ask("getPlayQueue")["playQueue"]
    assert empty["entry"] == [] and "current" not in empty
    rest.ask("savePlayQueueByIndex", id=[5, 6, 5], currentIndex=2, position=1234)
    queue = rest.ask("getPlayQueueByIndex")["playQueueByIndex"]
    assert [song["id"] for song in queue["entry"]] == ["5", "6", "5"]
    assert (queue["currentIndex"], queue["position"], queue["changedBy"]) == (2, 1234, "test")
    assert rest.ask("getPlayQueue")["playQueue"]["current"] == "5"
    with Catalog(rest.client.application.config["HOME"]) as catalog:
        catalog.set_presence(gone=[6])
    queue = rest.ask("getPlayQueueByIndex")["playQueueByIndex"]
    assert ([song["id"] for song in queue["entry"]], queue["currentIndex"]) == (["5", "5"], 1)
    assert rest.error("savePlayQueueByIndex", id=5) == 10
    assert rest.error("savePlayQueueByIndex", id=5, currentIndex=1) == 0
    assert rest.error("savePlayQueue", id=5, current=7) == 0
    rest.ask("savePlayQueue")
    assert rest.ask("getPlayQueue")["playQueue"]["entry"] == []
