"""Compressed answers, and the tokens in them."""

from __future__ import annotations

import gzip
import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from recsys.catalog import Catalog
from webui.security import TOKEN_HEADER
from webui.write_tokens import masked

GZIP = {"Accept-Encoding": "br;q=1, gzip;q=0.8"}
TOKEN = re.compile(r'name="earshot-token" content="(\w+)"')


def same_but_for_tokens(one: str, other: str) -> bool:
    return TOKEN.sub("", one) == TOKEN.sub("", other)


@pytest.mark.parametrize(
    "address",
    ["/?like=track:5", "/api/v1/mix?like=track:5", "/static/player.js", "/static/earshot.css"],
)
def test_text_is_compressed_for_those_who_take_it(client: FlaskClient, address: str) -> None:
    plain = client.get(address, buffered=True)
    assert "Content-Encoding" not in plain.headers
    assert "Accept-Encoding" in plain.headers["Vary"]
    small = client.get(address, headers=GZIP)
    assert small.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in small.headers["Vary"]
    assert small.content_length == len(small.data) < len(plain.data) / 2
    assert same_but_for_tokens(gzip.decompress(small.data).decode(), plain.text)
    for refused in ("gzip;q=0", "br", "identity"):
        answer = client.get(address, headers={"Accept-Encoding": refused}, buffered=True)
        assert "Content-Encoding" not in answer.headers
    head = client.head(address, headers=GZIP, buffered=True)
    assert "Content-Encoding" not in head.headers


def test_sound_small_answers_and_what_is_shown_once_are_sent_as_they_are(
    client: FlaskClient,
) -> None:
    for address in ("/api/v1/tracks/5/audio", "/healthz", "/api/v1/tracks/999", "/api/v1/map"):
        with client.get(address, headers=GZIP) as answer:
            assert "Content-Encoding" not in answer.headers, address
    with client.get("/api/v1/tracks/5/audio", headers=GZIP | {"Range": "bytes=1-2"}) as part:
        assert (part.status_code, len(part.data)) == (206, 2)
    query = {"like": [{"track_id": 5}], "k": 20}
    token = client.get("/api/v1/session").get_json()["token"]
    answer = client.post("/api/v1/recommend", json=query, headers=GZIP | {TOKEN_HEADER: token})
    assert "Content-Encoding" not in answer.headers


def test_the_state_of_a_compressed_answer_is_that_of_the_plain_one(client: FlaskClient) -> None:
    with Catalog(client.application.config["HOME"]) as catalog:
        me = catalog.listener("me", create=True)
        assert me
        kept = catalog.save_playlist(me.id, "Evening", list(range(1, 21)))
    address = f"/api/v1/playlists/{kept.id}"
    plain, small = client.get(address), client.get(address, headers=GZIP)
    assert small.headers["Content-Encoding"] == "gzip"
    assert small.headers["ETag"] == plain.headers["ETag"][:-1] + '-gzip"'
    for tag in (plain.headers["ETag"], small.headers["ETag"], f'"x", {small.headers["ETag"]}'):
        again = client.get(address, headers=GZIP | {"If-None-Match": tag})
        assert (again.status_code, again.data) == (304, b"")

    def rename(name: str, tag: str) -> Any:
        token = client.get("/api/v1/session").get_json()["token"]
        headers = {TOKEN_HEADER: token, "If-Match": tag}
        return client.patch(address, json={"name": name}, headers=headers)

    assert rename("Night", small.headers["ETag"]).status_code == 200
    assert rename("Late", small.headers["ETag"]).status_code == 412
    static = client.get("/static/player.js", headers=GZIP, buffered=True)
    tagged = GZIP | {"If-None-Match": static.headers["ETag"]}
    assert client.get("/static/player.js", headers=tagged, buffered=True).status_code == 304


def test_no_two_pages_hold_the_same_token_and_each_may_write(client: FlaskClient) -> None:
    tokens = [TOKEN.findall(client.get("/").text)[0] for _ in range(3)]
    tokens.append(client.get("/api/v1/session").get_json()["token"])
    assert len(set(tokens)) == 4

    def like(token: str) -> int:
        return client.put(
            "/api/v1/tracks/5/feedback", json={"kind": "like"}, headers={TOKEN_HEADER: token}
        ).status_code

    assert {like(token) for token in tokens} == {200}
    secret = client.application.config["WRITE_TOKEN"]
    wrong = (tokens[0][:-1], tokens[0][:-2] + "00", secret.hex(), masked(b"\0" * 32), "", "00", "ü")
    assert {like(token) for token in wrong if token[-2:] != tokens[1][-2:]} == {403}
