"""Texts that no database can hold, and numbers that are none, wherever a request has them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient

from recsys.catalog import Catalog
from webui.security import TOKEN_HEADER

Post = Callable[..., Any]

NO_TEXTS = ("\0", "a\0b", "ab\0", "\ud83d", "a\udc00b")
NO_NAMES = (
    "",
    " ",
    "\t",
    "a\nb",
    "a\rb",
    "a\x01b",
    "a\x1b[31m",
    "a\x7fb",
    "a\x9bb",
    "a\u2028b",
    "x" * 201,
)
NAMES = ("夜に", "👩‍🎤 songs", "مساء", "\u202eflipped", "</script>", "x" * 200, "a' OR 1=1; --")
SMALLEST = ("5e-324", "-5e-324", "1e-320", "2.2250738585072014e-308", "1e-45")
NO_NUMBERS = (
    "NaN",
    "Infinity",
    "-Infinity",
    "1e400",
    "-1e400",
    "1e308",
    "9" * 5000,
    "null",
    '"1"',
    "true",
)
CONTROLS = (
    "discovery", "consistency", "diversity", "randomness", "min_duration", "max_duration", "seed",
    "artist_spacing", "album_spacing", "artist_cap", "album_cap", "k",
)  # fmt: skip

WITH_TEXTS = (
    "/api/v1/search?q={}",
    "/api/v1/complete?q={}",
    "/api/v1/tracks?artist={}",
    "/api/v1/tracks?album={}",
    "/api/v1/tracks?tag={}",
    "/api/v1/mix?like=artist:{}",
    "/api/v1/mix?unlike=tag:{}",
    "/api/v1/mix?nothing={}",
    "/api/v1/mix?{}=1",
    "/api/v1/playlists/export.m3u8?tracks=1&title={}",
    "/api/v1/map/colours?by=tag:{}",
    "/api/v1/playlists/1/export.{}",
    "/?q={}",
    "/words?q={}",
    "/api/v1/words?q={}",
    "/?like=tag:{}",
    "/artist?name={}",
    "/playlists/path?start={}&end=b",
    "/library?after={}",
)
WITH_NUMBERS = (
    "/api/v1/mix?like=track:1&discovery={}",
    "/api/v1/mix?like=track:1&consistency={}",
    "/api/v1/mix?like=track:1&diversity={}",
    "/api/v1/mix?length={}",
    "/api/v1/mix?artist_cap={}",
    "/api/v1/mix?like=track:{}",
    "/api/v1/mix?keep={}@1",
    "/api/v1/mix?keep=1@{}",
    "/api/v1/tracks/1/similar?k={}",
    "/api/v1/path?start=1&end=2&length={}",
    "/api/v1/tracks/1/audio.mp3?start={}",
    "/api/v1/playlists/export.m3u8?tracks={}",
    "/api/v1/map/tracks?ids={}",
    "/api/v1/tracks/{}",
    "/tracks/{}",
    "/library?after={}",
    "/playlists/path?start_id={}&end_id=2",
    "/playlists/path?start_id=1&end_id=2&length={}",
    "/playlists/path?start_id=1&end_id=2&length=000000010{}",
)


@pytest.fixture
def post(client: FlaskClient) -> Post:
    """Send JSON as it stands."""
    token = client.get("/api/v1/session").get_json()["token"]

    def post(path: str, body: str, method: str = "POST") -> Any:
        headers = {TOKEN_HEADER: token, "Content-Type": "application/json"}
        return client.open(f"/api/v1{path}", method=method, data=body, headers=headers)

    return post


def refused(answer: Any) -> str:
    """Return the sentence with which a request is refused."""
    assert answer.status_code == 400, (answer.status_code, answer.data)
    sentence: str = answer.get_json()["detail"]
    assert sentence.endswith(".")
    return sentence


@pytest.mark.parametrize("name", [*NO_TEXTS, *NO_NAMES])
def test_a_playlist_is_not_called_so(client: FlaskClient, post: Post, name: str) -> None:
    created = post("/playlists", json.dumps({"name": "Evening", "track_ids": [1]}))
    assert created.status_code == 201
    path = f"/playlists/{created.get_json()['id']}"
    whole = json.dumps({"name": name, "track_ids": [1, 2]})
    for answer in (
        post("/playlists", whole),
        post(path, whole, "PUT"),
        post(path, json.dumps({"name": name, "append": [3]}), "PATCH"),
    ):
        assert '"name"' in refused(answer)
    (stored,) = client.get("/api/v1/playlists").get_json()["playlists"]
    assert (stored["name"], stored["n_tracks"]) == ("Evening", 1)


@pytest.mark.parametrize("name", NAMES)
def test_a_playlist_is_called_so(client: FlaskClient, post: Post, name: str) -> None:
    created = post("/playlists", json.dumps({"name": name, "track_ids": []}))
    assert created.status_code == 201
    assert client.get(created.headers["Location"]).get_json()["name"] == name


def test_a_name_of_an_older_version_is_shown_on_one_line(
    client: FlaskClient, post: Post, home: Path
) -> None:
    created = post("/playlists", json.dumps({"name": "Evening", "track_ids": [1]})).get_json()
    with Catalog(home) as catalog, catalog._engine.connect() as connection:
        connection.exec_driver_sql("UPDATE playlists SET name = 'a' || char(10, 1) || 'b'")
        connection.commit()
    path = f"/playlists/{created['id']}"
    changed = post(path, json.dumps({"append": [2]}), "PATCH")
    assert (changed.status_code, changed.get_json()["name"]) == (200, "a b")


@pytest.mark.parametrize("text", NO_TEXTS[:3])
def test_an_address_does_not_hold_it(client: FlaskClient, text: str) -> None:
    for path in WITH_TEXTS:
        answer = client.get(path.format(quote(text)))
        assert answer.status_code == 400, path


@pytest.mark.parametrize("text", NO_TEXTS)
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/recommend", {"seeds": [{"kind": "artist", "ref": ...}]}),
        ("/recommend", {"seeds": [{"kind": "tag", "ref": ...}]}),
        ("/recommend", {"seeds": [{"kind": "sound", "ref": ...}]}),
        ("/recommend", {"exclude_artists": [...]}),
        ("/recommend", {"exclude_genres": [...]}),
        ("/recommend", {"exclude_tags": [...]}),
        ("/recommend", {"k": ...}),
        ("/recommend", [[...]]),
        ("/listens", {"track_id": ...}),
    ],
)
def test_a_body_does_not_hold_it(post: Post, path: str, body: Any, text: str) -> None:
    refused(post(path, json.dumps(body, default=lambda _: text)))
    refused(post(path, json.dumps({text: 1})))


@pytest.mark.parametrize("name", [*NO_TEXTS[:3], *NO_NAMES])
def test_an_account_is_not_called_so(two_people: Flask, name: str) -> None:
    client = two_people.test_client()
    log_in(client)
    for path in ("/account/members", "/account/keys"):
        answer = client.post(path, data={"name": name, "token": token(client, "/account")})
        assert answer.status_code == 400, answer.data
    assert client.post(
        "/account/members", data={"name": "cleo", "token": token(client, "/account")}
    )


@pytest.mark.parametrize("field", ["name", "password", "next"])
@pytest.mark.parametrize("text", NO_TEXTS[:3])
def test_a_login_does_not_hold_it(two_people: Flask, field: str, text: str) -> None:
    client = two_people.test_client()
    form = {"name": "ann", "password": "correct horse", "next": "/"} | {field: text}
    answer = client.post("/login", data={**form, "token": token(client, "/login")})
    assert answer.status_code == 400


def log_in(client: FlaskClient) -> None:
    form = {"name": "ann", "password": "correct horse", "token": token(client, "/login")}
    assert client.post("/login", data=form).status_code == 303


def token(client: FlaskClient, path: str) -> str:
    """Return the token of a page's forms."""
    return client.get(path).text.partition('name="token" value="')[2].partition('"')[0]


def test_headers_hold_anything(client: FlaskClient, post: Post) -> None:
    created = post("/playlists", json.dumps({"name": "Evening", "track_ids": [1]}))
    path = f"/api/v1/playlists/{created.get_json()['id']}"
    headers = {TOKEN_HEADER: client.get("/api/v1/session").get_json()["token"]}
    for odd in ('"\xff\x80"', "W/", "garbage,,", '"' * 5, "x" * 5000, '"a", W/"b", *x'):
        answer = client.put(
            path, json={"name": "x", "track_ids": []}, headers={**headers, "If-Match": odd}
        )
        assert answer.status_code == 412, odd
        assert client.get(path, headers={"If-None-Match": odd}).status_code == 200
    for name in (TOKEN_HEADER, "Authorization", "Cookie", "Origin"):
        sent = client.put(
            path, json={"name": "x", "track_ids": []}, headers={**headers, name: "\xff\x80"}
        )
        assert sent.status_code in (200, 403)


# Numbers


def numbers(value: Any) -> list[float]:
    """Return all numbers of an answer; a promised one that is null fails."""
    values: list[float] = []
    if isinstance(value, dict):
        for name, held in value.items():
            assert held is not None or name not in ("score", "similarity", "evidence", "amount")
            values += numbers(held)
    elif isinstance(value, list):
        for held in value:
            values += numbers(held)
    elif isinstance(value, float):
        values.append(value)
    return values


@pytest.mark.parametrize("number", [*SMALLEST, *NO_NUMBERS])
@pytest.mark.parametrize(
    "seed", ['"track", "ref": 1', '"artist", "ref": "Bix"', '"tag", "ref": "rock"']
)
def test_a_weight_has_an_effect_or_is_refused(post: Post, seed: str, number: str) -> None:
    other = '{"kind": "track", "ref": 20}'
    refused(post("/recommend", f'{{"seeds": [{{"kind": {seed}, "weight": {number}}}]}}'))
    refused(post("/recommend", f'{{"seeds": [{other}, {{"kind": {seed}, "weight": {number}}}]}}'))


@pytest.mark.parametrize("weight", ["0.000001", "-0.000001", "100", "-100"])
@pytest.mark.parametrize(
    "seed", ['"track", "ref": 1', '"artist", "ref": "Bix"', '"tag", "ref": "rock"']
)
def test_the_least_and_the_largest_weight_are_answered(post: Post, seed: str, weight: str) -> None:
    one = f'{{"kind": {seed}, "weight": {weight}}}'
    for seeds in (one, f'{one}, {{"kind": "track", "ref": 20, "weight": 100}}'):
        answer = post("/recommend", f'{{"seeds": [{seeds}], "k": 5}}')
        assert answer.status_code == 200
        assert len(answer.get_json()["tracks"]) == 5
        assert all(map(math.isfinite, numbers(answer.get_json())))


@pytest.mark.parametrize("number", [*SMALLEST, *NO_NUMBERS, "-0.0", "1.5"])
def test_a_control_gives_numbers_or_is_refused(post: Post, number: str) -> None:
    seeds = '[{"kind": "track", "ref": 1}, {"kind": "tag", "ref": "rock"}]'
    for control in CONTROLS:
        answer = post("/recommend", f'{{"seeds": {seeds}, "{control}": {number}}}')
        if answer.status_code == 200:
            assert all(map(math.isfinite, numbers(answer.get_json())))
        else:
            refused(answer)
        if number in NO_NUMBERS[:3]:
            assert answer.status_code == 400


@pytest.mark.parametrize(
    "number", [*SMALLEST, "nan", "inf", "-inf", "1e400", "9" * 5000, "²", "0x1", "1_0"]
)
def test_an_address_takes_numbers(client: FlaskClient, number: str) -> None:
    for path in WITH_NUMBERS:
        answer = client.get(path.format(number))
        assert answer.status_code in (200, 400, 404, 415), path
        if answer.status_code == 200 and answer.is_json:
            assert all(map(math.isfinite, numbers(answer.get_json())))


@pytest.mark.parametrize("digits", ["٣", "５", "१"])
def test_addresses_are_written_in_the_digits_of_addresses(client: FlaskClient, digits: str) -> None:
    for path in ("/tracks/{}", "/api/v1/tracks/{}", "/api/v1/tracks/{}/audio", "/playlists/{}"):
        assert client.get(path.format(digits)).status_code == 404
