"""What one person says, hears and keeps, no other person's player gets or changes."""

from __future__ import annotations

import re
from typing import Any

from asking import PASSWORD, Rest
from flask import Flask
from official import OFFERED

from recsys.accounts import Accounts

SECRET = "ann's own words"
ASKED: dict[str, dict[str, Any]] = {
    "getUser": {"username": "ann"},
    "getMusicDirectory": {"id": "ALBUM"},
    "getArtist": {"id": "ARTIST"},
    "getAlbum": {"id": "ALBUM"},
    "getSong": {"id": 1},
    "getAlbumList": {"type": "frequent"},
    "getAlbumList2": {"type": "starred"},
    "getSongsByGenre": {"genre": "rock"},
    "search2": {"query": ""},
    "search3": {"query": ""},
    "getSimilarSongs": {"id": 1},
    "getSimilarSongs2": {"id": 1},
    "getTopSongs": {"artist": "Ada"},
    "getArtistInfo": {"id": "ARTIST"},
    "getArtistInfo2": {"id": "ARTIST"},
    "getAlbumInfo": {"id": "ALBUM"},
    "getAlbumInfo2": {"id": "ALBUM"},
    "getPlaylists": {"username": "ann"},
    "getPlaylist": {"id": "PLAYLIST"},
    "createPlaylist": {"playlistId": "PLAYLIST", "songId": 9},
    "updatePlaylist": {"playlistId": "PLAYLIST", "name": "taken over"},
    "deletePlaylist": {"id": "PLAYLIST"},
    "getCoverArt": {"id": "PLAYLIST"},
    "stream": {"id": 1},
    "download": {"id": 1},
    "getLyrics": {"artist": "Ada", "title": "Song 0"},
    "getLyricsBySongId": {"id": 1},
    "getSonicSimilarTracks": {"id": 1},
    "findSonicPath": {"startSongId": 1, "endSongId": 24},
    "star": {"id": 20},
    "unstar": {"id": 1, "albumId": "ALBUM"},
    "setRating": {"id": 2, "rating": 1},
    "scrobble": {"id": 3},
    "reportPlayback": {"mediaId": 5, "mediaType": "song", "positionMs": 0, "state": "starting"},
    "savePlayQueue": {"id": 9, "current": 9},
    "savePlayQueueByIndex": {"id": 9, "currentIndex": 0},
}
MARKS = re.compile("starred|userRating|playCount|played|ann's own words|taken over")


def private(rest: Rest) -> list[Any]:
    """Everything that is a person's own."""
    asked: list[tuple[str, dict[str, Any]]] = [
        ("getStarred2", {}),
        ("getPlaylists", {}),
        ("getPlayQueue", {}),
        ("getSong", {"id": 1}),
        ("getSong", {"id": 2}),
        ("getSong", {"id": 3}),
        ("getAlbumList2", {"type": "frequent"}),
        ("getTopSongs", {"artist": "Ada"}),
    ]
    return [rest.ask(name, **given) for name, given in asked]


def test_two_peoples_data_never_meet(ann: Rest, bob: Rest, two_people: Flask) -> None:
    song = ann.ask("getSong", id=1)["song"]
    ann.ask("star", id=1, albumId=song["albumId"], artistId=song["artistId"])
    ann.ask("setRating", id=2, rating=5)
    ann.ask("scrobble", id=[3, 3], time=[1_700_000_000_000, 1_700_000_500_000])
    ann.ask("scrobble", id=4, submission="false")
    kept = ann.ask("createPlaylist", name=SECRET, songId=[1, 2])["playlist"]["id"]
    ann.ask("savePlayQueueByIndex", id=[1, 2], currentIndex=1, position=5)
    before = private(ann)
    ids = {"ALBUM": song["albumId"], "ARTIST": song["artistId"], "PLAYLIST": kept}
    for name in OFFERED:
        given = {k: ids.get(str(v), v) for k, v in ASKED.get(name, {}).items()}
        answer = bob.raw(name, **given)
        assert answer.status_code in (200, 404), name
        words = answer.get_data(as_text=True) if answer.mimetype == "application/json" else ""
        if name not in ("star", "setRating", "scrobble", "getNowPlaying"):
            own = {"20", "2", "3"}  # what Bob says himself, further up in the list
            assert SECRET not in words and "taken over" not in words, name
            for found in re.finditer(r'"id": "(\d+)".*?"isrc"', words):
                assert found[1] in own or not MARKS.search(found[0]), name
    assert private(ann) == before
    for name in ("getPlaylist", "deletePlaylist"):
        assert bob.error(name, id=kept) == 70
    assert bob.error("createPlaylist", playlistId=kept, songId=1) == 70
    assert bob.error("updatePlaylist", playlistId=kept, name="x") == 70
    assert bob.error("getUser", username="ann") == 50
    assert bob.error("getPlaylists", username="ann") == 50
    assert bob.ask("getPlaylists")["playlists"]["playlist"] == []
    entries = bob.ask("getNowPlaying")["nowPlaying"]["entry"]
    assert {entry["username"] for entry in entries} <= {"bob"}
    assert "4" not in {entry["id"] for entry in entries}


def test_a_fresh_persons_answers_hold_no_marks(ann: Rest, bob: Rest) -> None:
    song = ann.ask("getSong", id=1)["song"]
    ann.ask("star", id=1, albumId=song["albumId"], artistId=song["artistId"])
    ann.ask("setRating", id=1, rating=5)
    ann.ask("scrobble", id=1)
    for name, given in ASKED.items():
        if name.startswith(("get", "search")) and name not in ("getUser", "getPlaylists"):
            ids = {"ALBUM": song["albumId"], "ARTIST": song["artistId"], "PLAYLIST": "pl-1"}
            asked = {k: ids.get(str(v), v) for k, v in given.items()}
            words = bob.raw(name, **asked).get_data(as_text=True)
            assert not re.search('"starred":|userRating|playCount|"played"', words), name


def test_every_endpoint_takes_a_login(two_people: Flask) -> None:
    client = two_people.test_client()
    for name in OFFERED:
        for path in (f"/rest/{name}", f"/rest/{name}.view"):
            answer = client.get(f"{path}?f=json&u=ann").get_json()["subsonic-response"]
            is_open = name == "getOpenSubsonicExtensions"
            assert answer["status"] == ("ok" if is_open else "failed")
            assert is_open or answer["error"]["code"] == 10


def test_only_an_owner_starts_a_build(ann: Rest, bob: Rest) -> None:
    assert bob.error("startScan") == 50
    assert ann.raw("startScan").status_code == 503  # this server starts none


def test_a_removed_account_is_logged_out(bob: Rest, two_people: Flask) -> None:
    accounts: Accounts = two_people.extensions["accounts"]
    found = accounts.people.by_name("bob")
    assert found and PASSWORD
    bob.ask("ping")
    accounts.people.remove(found[0].id)
    assert bob.error("ping") == 44
