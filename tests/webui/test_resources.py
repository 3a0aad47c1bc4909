"""The API's resources through a client: pages of lists, playlists that two write, metrics."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from made_home import N_TRACKS, scanned_file

from encoders.features import Descriptors
from recsys.catalog import Catalog, Tags
from recsys.playlists import read_playlist
from webui.security import TOKEN_HEADER

Send = Callable[..., Any]


@pytest.fixture
def send(client: FlaskClient) -> Send:
    """Send a request that writes, with the token."""
    token = client.get("/api/v1/session").get_json()["token"]

    def send(method: str, path: str, body: object = None, **headers: str) -> Any:
        return client.open(
            f"/api/v1{path}", method=method, json=body, headers={TOKEN_HEADER: token, **headers}
        )

    return send


def walk(client: FlaskClient, path: str, name: str, **question: str) -> list[Any]:
    """Return all of a list, read ten at a time."""
    entries: list[Any] = []
    request = {"limit": "10", **question}
    while True:
        answer = client.get(f"/api/v1{path}", query_string=request)
        assert answer.status_code == 200, answer.data
        body = answer.get_json()
        entries += body[name]
        if body["next"] is None:
            return entries
        assert len(body[name]) == 10
        request["cursor"] = body["next"]


def test_a_sorted_list_goes_on_though_the_last_track_read_is_gone(
    client: FlaskClient, home: Path
) -> None:
    with Catalog(home) as catalog:
        ids = [track.id for track in catalog.available_tracks()]
        catalog.describe(
            {
                track.audio_hash or "": Descriptors("made", loudness=-float(track.id))
                for track in catalog.available_tracks()
            },
            renews=True,
        )
    first = client.get("/api/v1/tracks", query_string={"sort": "loudness", "limit": "4"}).get_json()
    assert [track["id"] for track in first["tracks"]] == ids[::-1][:4]
    with Catalog(home) as catalog:
        catalog.set_presence(gone=[first["tracks"][-1]["id"]])
    question = {"sort": "loudness", "limit": "200", "cursor": first["next"]}
    rest = client.get("/api/v1/tracks", query_string=question).get_json()["tracks"]
    assert [track["id"] for track in rest] == ids[::-1][4:]


def test_tracks_come_page_by_page_and_filtered(client: FlaskClient, home: Path) -> None:
    everything = walk(client, "/tracks", "tracks")
    assert [track["id"] for track in everything] == list(range(1, N_TRACKS + 1))
    with Catalog(home) as catalog:
        catalog.set_presence(gone=[5])

    def ids(**filters: str) -> list[int]:
        answer = client.get("/api/v1/tracks", query_string={**filters, "limit": "200"})
        return [track["id"] for track in answer.get_json()["tracks"]]

    assert ids(artist=" BIX") == [6, 7, 8]
    assert ids(album="bix live", artist="Bix") == [6, 7, 8]
    assert ids(album="bix live", artist="Ada") == ids(artist="nobody") == []
    assert ids(tag="ROCK") == [i for i in range(1, 13) if i != 5]
    assert ids(tag="no such tag") == []


def test_a_search_goes_on_where_it_stopped(client: FlaskClient) -> None:
    whole = client.get("/api/v1/search?q=song&limit=200").get_json()["tracks"]
    assert len(whole) == N_TRACKS
    assert walk(client, "/search", "tracks", q="song") == whole


def test_what_a_client_has_is_not_sent_again(client: FlaskClient, home: Path, send: Send) -> None:
    created = send("POST", "/playlists", {"name": "Evening", "track_ids": [3]})
    paths = ["/tracks", "/tracks/3", "/openapi.json", "/library", "/playlists"]
    for path in (*paths, f"/playlists/{created.get_json()['id']}"):
        first = client.get(f"/api/v1{path}")
        known = {"If-None-Match": first.headers["ETag"]}
        again = client.get(f"/api/v1{path}", headers=known)
        assert (again.status_code, again.data) == (304, b"")
        assert "no-cache" in again.headers["Cache-Control"]
    known = {"If-None-Match": client.get("/api/v1/tracks/3").headers["ETag"]}
    with Catalog(home) as catalog:
        renamed = Tags("Another", "Ada")
        catalog.record_files([scanned_file(2, Path("/music"))._replace(track_id=3, tags=renamed)])
    assert client.get("/api/v1/tracks/3", headers=known).status_code == 200


def test_two_windows_lose_nothing_of_a_playlist(client: FlaskClient, send: Send) -> None:
    created = send("POST", "/playlists", {"name": "Evening", "track_ids": [3, 1, 3]})
    assert created.status_code == 201
    path = created.headers["Location"].partition("/api/v1")[2]
    seen = client.get(f"/api/v1{path}")
    assert seen.get_json() == created.get_json()
    assert [track["id"] for track in seen.get_json()["tracks"]] == [3, 1, 3]
    mine = {"If-Match": seen.headers["ETag"]}
    stored = send("PUT", path, {"name": "Night", "track_ids": [3, 1, 3, 4]}, **mine)
    assert stored.status_code == 200
    for method, body in (
        ("PUT", {"name": "Mine", "track_ids": []}),
        ("PATCH", {"name": "Mine"}),
        ("DELETE", None),
    ):
        refused = send(method, path, body, **mine)
        assert (refused.status_code, refused.mimetype) == (412, "application/problem+json")
    assert client.get(f"/api/v1{path}").get_json() == stored.get_json()
    longer = send("PATCH", path, {"append": [9, 9]}, **{"If-Match": stored.headers["ETag"]})
    assert [track["id"] for track in longer.get_json()["tracks"]] == [3, 1, 3, 4, 9, 9]
    assert longer.get_json()["name"] == "Night"
    assert send("DELETE", path).status_code == 204
    assert client.get(f"/api/v1{path}").status_code == 404


def test_a_playlist_goes_on_and_goes_out(
    client: FlaskClient, send: Send, home: Path, tmp_path: Path
) -> None:
    created = send("POST", "/playlists", {"name": "Bix", "track_ids": [5, 6]}).get_json()
    path = f"/api/v1/playlists/{created['id']}"
    following = client.get(f"{path}/continuation?k=2").get_json()["tracks"]
    assert {track["id"] for track in following} == {7, 8}
    with Catalog(home) as catalog:
        catalog.set_presence(gone=[6])
    entries = client.get(path).get_json()["tracks"]
    assert [(entry["id"], entry["removed"]) for entry in entries] == [(5, False), (6, True)]
    (tmp_path / "m3u8").write_bytes(client.get(f"{path}/export.m3u8").data)
    assert [e.paths[0].name for e in read_playlist(tmp_path / "m3u8").entries] == ["4.wav"]
    assert client.get(f"{path}/export.pls").status_code == 404
    for body in (
        {"name": "", "track_ids": []},
        {"name": "x", "track_ids": ["1"]},
        {"name": "x", "track_ids": [1], "tracks": [1]},
        {"name": "x"},
    ):
        answer = send("PUT", path.removeprefix("/api/v1"), body)
        assert answer.status_code == 400
        assert any(f'"{name}' in answer.get_json()["detail"] for name in ("name", "track"))
    unknown = send("PUT", path.removeprefix("/api/v1"), {"name": "x", "track_ids": [1, 999]})
    assert (unknown.status_code, "999" in unknown.get_json()["detail"]) == (404, True)
    assert client.get(path).get_json()["tracks"] == entries


def test_lists_for_the_listener(client: FlaskClient, send: Send) -> None:
    seeds = [{"kind": "artist", "ref": "Bix"}, {"kind": "tag", "ref": "classical", "weight": -1}]
    body = {"seeds": seeds, "k": 4, "exclude_tracks": [5]}
    tracks = send("POST", "/recommend", body).get_json()["tracks"]
    assert {6, 7, 8} <= {track["id"] for track in tracks}
    assert 5 not in {track["id"] for track in tracks}
    for wrong, named in (
        ({"discovery": 2}, "discovery"),
        ({"discovery": True}, "discovery"),
        ({"seedz": []}, "seedz"),
        ({"seeds": [{"kind": "track", "ref": "Bix"}]}, "ref"),
        ({"seeds": [{"kind": "track", "ref": 1, "weight": 0}]}, "weight"),
        ({"min_duration": 9, "max_duration": 1}, "max_duration"),
    ):
        answer = send("POST", "/recommend", wrong)
        assert answer.status_code == 400
        assert named in answer.get_json()["detail"]
    alike = client.get("/api/v1/similar?like=5&like=6&unlike=20&k=2").get_json()["tracks"]
    assert {track["id"] for track in alike} == {7, 8}
    assert client.get("/api/v1/similar?like=999").status_code == 404
    way = client.get("/api/v1/path?start=1&end=24&length=5").get_json()["tracks"]
    assert [way[0]["id"], way[-1]["id"], len(way)] == [1, 24, 5]
    assert client.get("/api/v1/path?start=1&end=1").status_code == 400


def test_a_file_finds_what_sounds_like_it(client: FlaskClient, send: Send) -> None:
    def analyse(path: Path) -> tuple[str, Any]:
        now = client.application.extensions["served_home"].current()
        return now.projection_id, now.recommender.index.vectors([6])[0]

    client.application.config["ANALYSE_FILE"] = analyse
    token = client.get("/api/v1/session").get_json()["token"]
    answer = client.post(
        "/api/v1/similar?k=3&name=new.mp3",
        data=b"music",
        content_type="application/octet-stream",
        headers={TOKEN_HEADER: token},
    ).get_json()
    assert answer["tracks"][0]["id"] == 6
    seeds = [{"kind": "sound", "ref": answer["ref"]}]
    again = send("POST", "/recommend", {"seeds": seeds, "k": 1}).get_json()
    assert again["tracks"][0]["reasons"][0]["text"] == "sounds like new.mp3"
    counted = client.get("/metrics").get_data(as_text=True)
    assert 'earshot_uploads_total{outcome="analysed"} 1.0' in counted


def test_what_a_listener_hears_and_says_is_listed(client: FlaskClient, send: Send) -> None:
    me = {"listener": "me", "is_owner": True, "n_listens": 0, "n_feedback": 0}
    assert client.get("/api/v1/users/me").get_json() == me
    assert walk(client, "/listens", "listens") == walk(client, "/feedback", "feedback") == []
    for n in range(1, 13):
        send("POST", "/listens", {"track_id": n, "listened_at": 1_700_000_000 + n // 2})
        send("PUT", f"/tracks/{n}/feedback", {"kind": "like"})
    listens = walk(client, "/listens", "listens")
    times = [listen["listened_at"] for listen in listens]
    assert (times, len(listens)) == (sorted(times, reverse=True), 12)
    assert (listens[0]["track_id"], listens[0]["title"]) == (12, "Song 11")
    feedback = walk(client, "/feedback", "feedback")
    assert [one["track_id"] for one in feedback] == list(range(1, 13))
    known = client.get("/api/v1/users/me").get_json()
    assert (known["n_listens"], known["n_feedback"]) == (12, 12)


def test_the_library_is_counted(client: FlaskClient, home: Path) -> None:
    with Catalog(home) as catalog:
        catalog.set_presence(gone=[5])
    counted = client.get("/api/v1/library").get_json()
    assert (counted["n_ready"], counted["n_removed"]) == (N_TRACKS - 1, 1)
    assert counted["n_indexed"] == N_TRACKS
    assert walk(client, "/library/failures", "tracks") == []


def test_a_monitor_reads_what_was_done(client: FlaskClient) -> None:
    client.get("/api/v1/tracks/1")
    client.get("/api/v1/tracks/999")
    client.open("/nowhere", method="BREW")
    text = client.get("/metrics").get_data(as_text=True)
    for line in (
        'earshot_requests_total{endpoint="tracks.track",method="GET",status="200"} 1.0',
        'earshot_requests_total{endpoint="tracks.track",method="GET",status="404"} 1.0',
        'earshot_requests_total{endpoint="none",method="other",status="404"} 1.0',
        'earshot_request_seconds_count{endpoint="tracks.track"} 2.0',
        f"earshot_indexed_tracks {N_TRACKS}.0",
        "earshot_requests_in_flight 1.0",  # this one
    ):
        assert line in text.splitlines()


def test_hostile_names_come_out_as_they_are(client: FlaskClient, home: Path, send: Send) -> None:
    name = "\u202e</script><script>alert(1)</script>" + "x" * 100
    created = send("POST", "/playlists", {"name": name, "track_ids": []})
    assert created.status_code == 201
    assert client.get(created.headers["Location"]).get_json()["name"] == name
    assert send("POST", "/playlists", {"name": "x" * 201, "track_ids": []}).status_code == 400
    huge = "x" * (1 << 20)
    for question in ({"artist": huge}, {"tag": huge}, {"cursor": huge}):
        assert client.get("/api/v1/tracks", query_string=question).status_code == 400
