"""AudioMuse-AI's routes, asked as its plugin for Navidrome asks them."""

from __future__ import annotations

import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from made_home import ARTISTS, N_TRACKS

sys.path.append(str(Path(__file__).parents[1] / "recsys" / "listens"))  # for media_server_files

from media_server_files import Song, navidrome
from test_accounts import accounts_of

from recsys.catalog import Catalog
from webui.media_server import MediaServer

LACKING = range(4, 8)  # Bix's tracks are not in the media server


def nd(number: int) -> str:
    return f"4UIHGchWmFKcqg{number:08d}"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    songs = [
        Song(nd(n), f"Song {n}", ARTISTS[n // 4], f"{n}.wav", f"{ARTISTS[n // 4]} live")
        for n in range(N_TRACKS)
        if n not in LACKING
    ]
    artists = [(f"ar-{name.lower()}", name) for name in ARTISTS if name != "Bix"]
    return navidrome(tmp_path / "navidrome.db", songs, artists)


@pytest.fixture
def plugin(client: FlaskClient, database: Path) -> FlaskClient:
    client.application.extensions["media_server"] = MediaServer(database)
    return client


def ask(client: FlaskClient, path: str, status: int = 200, **query: Any) -> Any:
    answer = client.get(f"/api/{path}", query_string=query)
    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/json"
    return answer.get_json()


def similar(client: FlaskClient, item_id: str, **query: Any) -> list[dict[str, Any]]:
    defaults = {"n": 5, "eliminate_duplicates": "false", "radius_similarity": "true"}
    found: list[dict[str, Any]] = ask(client, "similar_tracks", item_id=item_id, **defaults | query)
    return found


def test_similar_tracks_are_those_of_the_library_that_the_server_has(
    plugin: FlaskClient, home: Path
) -> None:
    found = similar(plugin, nd(0), n=10)
    near = plugin.get("/api/v1/tracks/1/similar?k=23").get_json()["tracks"]
    near = [one for one in near if one["artist"] != "Bix"][:10]
    assert [one["title"] for one in found] == [one["title"] for one in near]
    for one, other in zip(found, near, strict=True):
        number = int(one["title"].removeprefix("Song "))
        assert one["item_id"] == nd(number)
        assert (one["author"], one["album"]) == (other["artist"], other["album"])
        assert 1 - one["distance"] == pytest.approx(other["similarity"], abs=1e-5)
    assert len(similar(plugin, nd(0), n=500)) == N_TRACKS - len(LACKING) - 1
    assert similar(plugin, nd(0), n=0) == []
    capped = similar(plugin, nd(0), n=20, eliminate_duplicates="true")
    assert max([one["author"] for one in capped].count(name) for name in ARTISTS) == 3
    with Catalog(home) as catalog:
        catalog.set_presence(gone=[1])
    ask(plugin, "similar_tracks", 404, item_id=nd(0))


def test_a_path_has_as_many_songs_as_steps(plugin: FlaskClient) -> None:
    asked = {"start_song_id": nd(0), "end_song_id": nd(20), "count": 6, "max_steps": 6}
    found = ask(plugin, "find_path", path_fix_size="false", mood_pct=100, server="x", **asked)
    ids = [one["item_id"] for one in found["path"]]
    assert (ids[0], ids[-1], len(set(ids))) == (nd(0), nd(20), len(ids))
    assert set(found["path"][0]) == {"item_id", "title", "author", "album"}
    assert found["total_distance"] > 0
    same = ask(plugin, "find_path", start_song_id=nd(3), end_song_id=nd(3))
    assert [one["item_id"] for one in same["path"]] == [nd(3)]


def test_similar_artists_come_with_songs_that_stand_for_them(plugin: FlaskClient) -> None:
    asked = {"artist": "ar-ada", "n": 3, "include_component_matches": "true"}
    found = ask(plugin, "similar_artists", **asked)
    page = [one["artist"] for one in found]
    assert len(page) == 3 and "Ada" not in page
    for one in found:
        lacks = one["artist"] == "Bix"
        assert one["artist_id"] == (None if lacks else f"ar-{one['artist'].lower()}")
        (match,) = one["component_matches"]
        mine = match["artist1_representative_songs"]
        theirs = match["artist2_representative_songs"]
        assert {song["author"] for song in mine} == {"Ada"}
        assert len({song["item_id"] for song in mine}) == 4
        assert [song["author"] for song in theirs] == ([] if lacks else 4 * [one["artist"]])
    by_name = ask(plugin, "similar_artists", artist="ada", n=3)
    assert [one["artist"] for one in by_name] == page
    assert "component_matches" not in by_name[0]
    assert 0 <= by_name[0]["divergence"] <= by_name[-1]["divergence"] <= 1


def test_what_cannot_be_answered_is_said_as_the_plugin_reads_it(plugin: FlaskClient) -> None:
    ends = {"start_song_id": nd(1), "end_song_id": nd(2)}
    refused: list[tuple[str, dict[str, str], int, str]] = [
        ("similar_tracks", {}, 400, '"item_id" is missing'),
        ("similar_tracks", {"item_id": "1"}, 404, "has no song 1"),
        ("similar_tracks", {"item_id": nd(4)}, 404, "has no song"),
        ("similar_tracks", {"item_id": nd(1), "n": "x"}, 400, '"n" takes a whole number'),
        ("find_path", {"start_song_id": nd(1)}, 400, '"end_song_id" is missing'),
        ("find_path", ends | {"max_steps": "1"}, 400, "takes a whole number of at least 2"),
        ("similar_artists", {}, 400, '"artist_id" is missing'),
        ("similar_artists", {"artist": "Nobody"}, 404, "no analysed track of the artist Nobody"),
    ]
    for path, query, status, sentence in refused:
        assert sentence in ask(plugin, path, status, **query)["error"]


def test_the_servers_database_is_read_again_when_it_changes(
    plugin: FlaskClient, database: Path
) -> None:
    ask(plugin, "similar_tracks", 404, item_id="new")
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("UPDATE media_file SET id = 'new' WHERE id = ?", (nd(3),))
        connection.commit()
        assert database.with_name("navidrome.db-wal").stat().st_size  # it is in the log alone
        deadline = time.monotonic() + 30  # where reading takes long, a thread does
        while time.monotonic() < deadline:
            answer = plugin.get("/api/similar_tracks?item_id=new&n=5")
            if answer.status_code == 200:
                break
            time.sleep(0.05)
        assert len(answer.get_json()) == 5


def test_a_database_of_no_server_is_named(plugin: FlaskClient, database: Path) -> None:
    database.write_text("nothing")
    said = ask(plugin, "similar_tracks", 503, item_id="new")["error"]
    assert "navidrome.db is a damaged SQLite database" in said


def test_without_a_media_server_ids_are_our_own(client: FlaskClient) -> None:
    found = similar(client, "1")
    assert [int(one["item_id"]) - 1 for one in found] == [
        int(one["title"].removeprefix("Song ")) for one in found
    ]
    artist = ask(client, "similar_artists", artist="Ada", n=1)[0]
    shown = client.get("/rest/getArtist", query_string={"id": artist["artist_id"], "f": "json"})
    assert shown.get_json()["subsonic-response"]["artist"]["name"] == artist["artist"]


def test_with_accounts_it_takes_a_key_as_the_token(two_people: Flask, database: Path) -> None:
    two_people.extensions["media_server"] = MediaServer(database)
    client, accounts = two_people.test_client(), accounts_of(two_people)
    query = {"item_id": nd(0)}
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        assert client.get(
            "/api/similar_tracks", query_string=query, headers=headers
        ).status_code in (401,)
    account, _ = accounts.people.by_name("bob")  # type: ignore[misc]
    _, key = accounts.make_key(account, "navidrome")
    headers = {"Authorization": f"Bearer {key}"}
    assert client.get("/api/similar_tracks", query_string=query, headers=headers).status_code == 200


def test_without_accounts_it_answers_this_machine_alone(plugin: FlaskClient) -> None:
    refused = plugin.get(
        "/api/similar_tracks", query_string={"item_id": nd(0)}, headers={"Host": "music.lan"}
    )
    assert refused.status_code == 400
