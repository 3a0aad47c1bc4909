"""Mixes, and what a listener says and hears, through a client."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from made_home import N_TRACKS
from werkzeug.datastructures import MultiDict

from recsys.catalog import Catalog
from recsys.home.settings import Settings
from recsys.playlists import read_playlist
from recsys.recommendation.controls import PublicControls
from webui.app import create_app
from webui.mix_query import Mix, Ref
from webui.security import MAX_BODY, TOKEN_HEADER

Write = Callable[..., Any]


@pytest.fixture
def write(client: FlaskClient) -> Write:
    """Send a request that writes, with the token."""
    session = client.get("/api/v1/session").get_json()
    assert session["listener"] == "me"

    def send(method: str, path: str, body: object = None, **headers: str) -> Any:
        headers = {TOKEN_HEADER: session["token"]} | headers
        return client.open(f"/api/v1{path}", method=method, json=body, headers=headers)

    return send


def ids(client: FlaskClient, question: str) -> list[int]:
    answer = client.get(f"/api/v1/mix?{question}")
    assert answer.status_code == 200, answer.data
    return [track["id"] for track in answer.get_json()["tracks"]]


def test_an_address_says_all_of_a_mix() -> None:
    mix = Mix(
        like=(Ref("artist", "Ada & Bix = ?"), Ref("track", "3")),
        unlike=(Ref("tag", "<b>"),),
        without=(Ref("album", "9"),),
        keep=((7, 1), (5, 4)),
        length=30,
        controls=PublicControls(discovery=0.8, artist_cap=2, max_duration=300, exclude_played=True),
    )
    assert Mix.parse(MultiDict(mix.arguments())) == mix
    assert Mix.parse(MultiDict()) == Mix()
    assert Mix().address() == "?"
    liked = Mix(unlike=(Ref("tag", "calm"),)).adding("like", "tag", "calm")
    assert liked == "?like=tag%3Acalm"  # a seed is on one side alone
    assert mix.removing(7, 1) == mix.address(
        keep=((5, 3),), without=(Ref("album", "9"), Ref("track", "7"))
    )


@pytest.mark.parametrize(
    "question",
    [
        "like=Ada",
        "like=song:1",
        "like=track:x",
        "like=track:0",
        "like=track:99999999999",
        "like=artist:%20",
        f"like=artist:{'x' * 1001}",
        "discovery=2",
        "discovery=nan",
        "length=201",
        "length=²",
        "artist_cap=0",
        "keep=1",
        "keep=1@999",
        "&".join(f"like=track:{n}" for n in range(1, 202)),
    ],
)
def test_what_asks_for_nothing_is_refused(client: FlaskClient, question: str) -> None:
    answer = client.get(f"/api/v1/mix?{question}")
    assert (answer.status_code, answer.content_type) == (400, "application/problem+json")
    page = client.get(f"/?{question}")
    assert (page.status_code, page.mimetype) == (400, "text/html")


def test_seeds_exclusions_and_what_is_kept(client: FlaskClient) -> None:
    bix = ids(client, "like=artist:Bix&length=8")
    assert set(bix) > {5, 6, 7, 8}  # an artist's own tracks may be in the answer
    assert 5 not in ids(client, "like=track:5&length=20")
    assert set(ids(client, "like=album:5&length=8")).isdisjoint({5, 6, 7, 8})
    assert set(ids(client, "like=artist:Bix&without=artist:Bix")).isdisjoint({5, 6, 7, 8})
    assert set(ids(client, "like=track:5&without=tag:Rock")) == set(range(13, 25))
    assert ids(client, "like=tag:rock&length=12")[0] <= 12
    assert ids(client, "unlike=tag:rock&like=tag:classical&length=12")[0] > 12
    listed = ids(client, "like=track:5&keep=20@1,24@3&length=6")
    assert (listed[0], listed[2], len(listed), len(set(listed))) == (20, 24, 6, 6)
    assert ids(client, "like=track:5&keep=6@1&artist_cap=1&length=4")[1:] not in ([7], [8])
    assert len(ids(client, f"length=200&keep={N_TRACKS}@200")) == N_TRACKS


def test_a_mix_says_why(client: FlaskClient) -> None:
    question = "like=track:5&unlike=tag:classical&length=24"
    tracks = client.get(f"/api/v1/mix?{question}").get_json()["tracks"]
    first, last = tracks[0], tracks[-1]
    assert sum(reason["amount"] for reason in first["reasons"]) == pytest.approx(
        first["score"], abs=0.01
    )
    words = [reason["text"] for reason in first["reasons"]]
    assert "sounds like Song 4" in words
    assert "like classical, which you want less of" in [r["text"] for r in last["reasons"]]
    assert "rock" in first["shared_tags"]
    assert first["evidence"] == 0
    page = client.get(f"/?{question}").get_data(as_text=True)
    assert "sounds like Song 4" in page


def test_what_is_said_changes_the_list(client: FlaskClient, write: Write) -> None:
    before = ids(client, "like=track:5&length=8")
    worst = before[3]
    assert write("PUT", f"/tracks/{worst}/feedback", {"kind": "dislike"}).status_code == 200
    after = ids(client, "like=track:5&length=8")
    assert worst not in after
    assert write("DELETE", f"/tracks/{worst}/feedback").status_code == 204
    assert ids(client, "like=track:5&length=8") == before
    # What is kept and liked speaks beside the seed: Fats is of the other genre.
    other = set(range(21, 25))
    mix = f"like=track:5&keep=21@1&length={N_TRACKS}"
    rank = [i for i, track in enumerate(ids(client, mix)) if track in other - {21}]
    assert write("PUT", "/tracks/21/feedback", {"kind": "like"}).status_code == 200
    tracks = client.get(f"/api/v1/mix?{mix}").get_json()["tracks"]
    liked = [i for i, track in enumerate(tracks) if track["id"] in other - {21}]
    assert sum(liked) < sum(rank)
    assert (tracks[0]["id"], tracks[0]["kept"], tracks[0]["feedback"]) == (21, True, "like")
    assert write("PUT", "/tracks/21/feedback", {"kind": "love"}).status_code == 400
    assert write("PUT", "/tracks/999/feedback", {"kind": "like"}).status_code == 404


def test_listens_are_kept(client: FlaskClient, write: Write, home: Path) -> None:
    begun = int(time.time()) - 60
    for _ in range(2):  # the same listen once
        answer = write("POST", "/listens", {"track_id": 7, "listened_at": begun})
        assert (answer.status_code, answer.get_json()["listened_at"]) == (201, begun)
    assert 7 in ids(client, "like=track:5")
    assert 7 not in ids(client, "like=track:5&unplayed=1")
    for body in ({}, {"track_id": "7"}, {"track_id": True}, {"track_id": 7, "listened_at": 1}, []):
        assert write("POST", "/listens", body).status_code == 400
    assert write("POST", "/listens", {"track_id": 999}).status_code == 404
    assert (
        write("POST", "/listens", {"track_id": 7, "listened_at": begun + 10**6}).status_code == 400
    )
    with Catalog(home) as catalog:
        me = catalog.listener("me")
        assert me
        assert me.n_listens == 1


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({TOKEN_HEADER: ""}, 403),
        ({TOKEN_HEADER: "guessed"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "http://localhost:9"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Host": "evil.example"}, 400),
        ({"Content-Type": "text/plain"}, 415),
        ({"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}, 200),
    ],
)
def test_only_this_servers_pages_write(
    client: FlaskClient, home: Path, write: Write, headers: dict[str, str], status: int
) -> None:
    answer = write("PUT", "/tracks/5/feedback", {"kind": "like"}, **headers)
    assert answer.status_code == status
    with Catalog(home) as catalog:
        assert (catalog.listener("me") is not None) == (status == 200)


def test_bodies_are_bounded_and_read_with_care(client: FlaskClient, write: Write) -> None:
    token = client.get("/api/v1/session").get_json()["token"]
    for content, status in ((b"x" * (MAX_BODY + 1), 413), (b"{", 400), (b"[" * 100_000, 400)):
        answer = client.put(
            "/api/v1/tracks/5/feedback",
            data=content,
            content_type="application/json",
            headers={TOKEN_HEADER: token},
        )
        assert (answer.status_code, answer.content_type) == (status, "application/problem+json")


def test_playlists_go_out_and_come_in(
    client: FlaskClient, write: Write, library: Path, tmp_path: Path
) -> None:
    token = client.get("/api/v1/session").get_json()["token"]

    def read(content: bytes, kind: str = "application/octet-stream") -> Any:
        headers = {TOKEN_HEADER: token}
        return client.post(
            "/api/v1/playlists/import", data=content, content_type=kind, headers=headers
        )

    for kind in ("m3u8", "xspf", "jspf"):
        answer = client.get(f"/api/v1/playlists/export.{kind}?tracks=9,3,5&title=A%0Ab")
        assert f"earshot.{kind}" in answer.headers["Content-Disposition"]
        (tmp_path / kind).write_bytes(answer.data)
        entries = read_playlist(tmp_path / kind).entries
        assert [entry.paths[0].name for entry in entries] == ["8.wav", "2.wav", "4.wav"]
        assert read(answer.data).get_json()["tracks"] == [9, 3, 5]
    # By name where the file lies elsewhere; and no link of the file system is followed.
    (tmp_path / "link").symlink_to(library / "music")
    named = b"#EXTM3U\n#EXTINF:1,Bix - Song 5\n/nowhere/x.mp3\n#EXTINF:1,Nobody - Nothing\ny.mp3\n"
    result = read(named + f"{tmp_path}/link/3.wav\n".encode()).get_json()
    assert (result["tracks"], result["n_missing"]) == ([6], 2)
    assert result["missing"][0] == {"title": "Nothing", "artist": "Nobody"}
    assert read(b"\0\1\2").status_code == 400
    assert read(b"<!DOCTYPE a><playlist/>").status_code == 400
    assert read(b"[]", "text/plain").status_code == 415
    for path in ("export.pls?tracks=1", "export.m3u8", "export.m3u8?tracks=1,x"):
        assert client.get(f"/api/v1/playlists/{path}").status_code in (400, 404)


def test_completion_knows_artists_albums_tags_and_tracks(client: FlaskClient) -> None:
    def complete(words: str) -> list[tuple[str, str]]:
        answer = client.get("/api/v1/complete", query_string={"q": words}).get_json()
        return [(result["kind"], result["name"]) for result in answer["completions"]]

    assert complete("bi")[:2] == [("artist", "Bix"), ("album", "Bix live")]
    assert complete("clas")[0] == ("tag", "Classical")
    assert ("track", "Song 7") in complete("song 7")
    assert complete("dinha")[0] == ("artist", "Dinah")  # a typing error
    assert complete("") == complete("???") == []
    redirected = client.get("/?like=track:3&q=classical")
    assert redirected.headers["Location"] == "/?like=track%3A3&like=tag%3AClassical"


def test_an_unusable_home_is_a_page(tmp_path: Path) -> None:
    answer = create_app(Settings(tmp_path)).test_client().get("/")
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    assert b"earshot build" in answer.data
    answer = create_app(Settings(tmp_path)).test_client().get("/?like=track:1")
    assert answer.status_code == 200  # the same: no list can be made
