"""Logging in through a player: every way, and every error."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import md5
from pathlib import Path
from typing import Any

from asking import PASSWORD
from flask import Flask
from flask.testing import FlaskClient

from recsys.accounts import Accounts
from recsys.catalog import Account, Catalog
from recsys.secret_box import KEY_NAME

Strange = Callable[..., Any]


def person(accounts: Accounts, name: str) -> Account:
    found = accounts.people.by_name(name)
    assert found is not None
    return found[0]


def salted(password: str, salt: str = "c19b2d") -> dict[str, str]:
    return {"t": md5(f"{password}{salt}".encode()).hexdigest(), "s": salt}


def error(answer: Any) -> int:
    assert answer["status"] == "failed" and answer["error"]["message"]
    code: int = answer["error"]["code"]
    return code


def test_the_ways_in(strange: Strange, proving: Accounts) -> None:
    ann = person(proving, "ann")
    key = proving.make_key(ann, "player")[1]
    secret = proving.make_application_password(ann, "old player")[1]
    coded = PASSWORD.encode().hex()
    for given in (
        {"apiKey": key},
        {"u": "ann", "p": PASSWORD},
        {"u": "Ann", "p": f"enc:{coded}"},
        {"u": "ann", "p": secret},
        {"u": "ann", **salted(secret)},
        {"u": "ANN", **salted(secret, "ü")},
    ):
        assert strange(**given)["status"] == "ok", given


def test_the_errors_by_the_book(strange: Strange, proving: Accounts) -> None:
    key = proving.make_key(person(proving, "ann"), "player")[1]
    assert error(strange()) == 10
    assert error(strange(u="ann")) == 10
    assert error(strange(u="ann", t="x")) == 10
    assert error(strange(u="ann", s="x")) == 10
    assert error(strange(u="ann", p="wrong horse")) == 40
    assert error(strange(u="nobody", p=PASSWORD)) == 40
    assert error(strange(u="bob", p="enc:zz")) == 40
    answer = strange(u="ann", **salted(PASSWORD))
    assert error(answer) == 41  # nobody has an application password, which a token is made of
    assert answer["error"]["helpUrl"].endswith("/account")
    proving.make_application_password(person(proving, "bob"), "player")
    for name in ("ann", "bob", "nobody"):  # whether somebody has one is not told
        assert error(strange(u=name, **salted(PASSWORD))) == 40
    for more in ({"u": "ann"}, {"p": "x"}, {"t": "x"}, {"s": "x"}):
        assert error(strange(apiKey=key, **more)) == 43
    assert error(strange(u="ann", p=PASSWORD, **salted("x"))) == 43
    assert error(strange(apiKey="earshot_wrong")) == 44
    assert error(strange(u="ann", p=PASSWORD, v="2.0.0")) == 30
    assert error(strange(u="ann", p=PASSWORD, v="0.9")) == 20


def test_other_ways_are_not_supported(two_people: Flask) -> None:
    client = two_people.test_client()
    answer = client.get("/rest/ping?f=json", auth=("ann", PASSWORD)).get_json()
    assert error(answer["subsonic-response"]) == 42


def test_extensions_are_told_without_a_login(two_people: Flask, mine: Flask) -> None:
    def named(app: Flask) -> set[str]:
        answer = app.test_client().get("/rest/getOpenSubsonicExtensions?f=json").get_json()
        return {one["name"] for one in answer["subsonic-response"]["openSubsonicExtensions"]}

    always = {
        "formPost",
        "indexBasedQueue",
        "playbackReport",
        "songLyrics",
        "sonicSimilarity",
        "topSongsByArtistId",
    }
    assert named(two_people) == always | {"apiKeyAuthentication"}  # it transcodes nothing
    assert named(mine) == always | {"transcodeOffset"}  # it has no accounts


def test_what_is_revoked_is_worth_nothing(strange: Strange, proving: Accounts) -> None:
    ann = person(proving, "ann")
    made, secret = proving.make_application_password(ann, "player")
    other = proving.make_application_password(ann, "other player")[1]
    listed = {one.id: one.kind for one in proving.people.keys(ann.id)}
    assert listed[made.id] == "password"
    assert strange(u="ann", **salted(secret))["status"] == "ok"
    proving.people.revoke_key(ann.id, made.id)
    assert error(strange(u="ann", **salted(secret))) == 40
    assert error(strange(u="ann", p=secret)) == 40
    assert strange(u="ann", **salted(other))["status"] == "ok"


def test_a_changed_password_counts_at_once(strange: Strange, proving: Accounts) -> None:
    assert strange(u="ann", p=PASSWORD)["status"] == "ok"
    proving.reset_password(person(proving, "ann"), "battery staple")
    assert error(strange(u="ann", p=PASSWORD)) == 40
    assert strange(u="ann", p="battery staple")["status"] == "ok"


def test_wrong_passwords_are_limited_and_repeated_ones_count_once(
    strange: Strange, proving: Accounts, two_people: Flask
) -> None:
    for _ in range(12):  # an old device that goes on asking
        assert error(strange(u="ann", p="old password")) == 40
    assert strange(u="ann", p=PASSWORD)["status"] == "ok"
    codes = [error(strange(u="ann", p=f"guess number {n}")) for n in range(4)]
    assert codes == [40] * 4
    client = two_people.test_client()
    answer = client.get("/rest/ping?f=json&u=ann&p=one+more+guess")
    assert (answer.status_code, int(answer.headers["Retry-After"]) > 0) == (429, True)
    right = client.get("/rest/ping", query_string={"u": "ann", "p": PASSWORD})
    assert right.status_code == 429  # or a guess that is right would tell so
    secret = proving.make_application_password(person(proving, "ann"), "player")[1]
    assert strange(u="ann", **salted(secret))["status"] == "ok"  # which nobody guesses
    assert strange(u="bob", p=PASSWORD)["status"] == "ok"


def test_wrong_keys_are_limited(strange: Strange, proving: Accounts, two_people: Flask) -> None:
    key = proving.make_key(person(proving, "ann"), "player")[1]
    client = two_people.test_client()
    answers = [client.get(f"/rest/ping?apiKey={n}").status_code for n in range(62)]
    assert answers == [200] * 60 + [429] * 2
    assert strange(apiKey=key)["status"] == "ok"


def test_a_password_of_a_player_is_encrypted_and_its_key_lies_outside_the_database(
    proving: Accounts, home: Path, strange: Strange
) -> None:
    secret = proving.make_application_password(person(proving, "ann"), "player")[1]
    assert (home / KEY_NAME).stat().st_mode & 0o777 == 0o600
    stored = b"".join(path.read_bytes() for path in home.glob("catalogue.db*"))
    assert secret.encode() not in stored
    (home / KEY_NAME).unlink()  # a database alone logs nobody in by token
    assert error(strange(u="ann", **salted(secret))) == 40
    again = proving.make_application_password(person(proving, "ann"), "player")[1]
    assert strange(u="ann", **salted(again))["status"] == "ok"


def test_a_session_of_a_browser_counts_for_nothing(two_people: Flask) -> None:
    client: FlaskClient = two_people.test_client()
    accounts: Accounts = two_people.extensions["accounts"]
    token = accounts.log_in("ann", PASSWORD)
    assert token
    client.set_cookie("earshot", token)
    assert client.get("/account").status_code == 200
    answer = client.get("/rest/ping?f=json").get_json()["subsonic-response"]
    assert error(answer) == 10
    assert client.get("/rest/ping").headers["Access-Control-Allow-Origin"] == "*"


def test_without_accounts_nobody_logs_in_but_other_sites_are_refused(mine: Flask) -> None:
    client = mine.test_client()
    assert client.get("/rest/star?id=1&f=json").get_json()["subsonic-response"]["status"] == "ok"
    for headers in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
    ):
        answer = client.get("/rest/star?id=2&f=json", headers=headers)
        assert error(answer.get_json()["subsonic-response"]) == 50, headers
        assert "Access-Control-Allow-Origin" not in answer.headers
    with Catalog(mine.config["HOME"]) as catalog:
        listener = catalog.listener("me")
        assert listener
        assert [one.track_id for one in catalog.feedback(listener.id)] == [1]


def test_the_account_page_makes_and_revokes_passwords_of_players(
    two_people: Flask, strange: Strange
) -> None:
    client = two_people.test_client()
    accounts: Accounts = two_people.extensions["accounts"]
    token = accounts.log_in("bob", PASSWORD)
    assert token
    client.set_cookie("earshot", token)
    write = {"token": client.get("/api/v1/session").get_json()["token"]}
    page = client.post("/account/players", data={**write, "name": "Symfonium"})
    secret = page.get_data(as_text=True).partition("<p><code>")[2].partition("</code>")[0]
    assert strange(u="bob", **salted(secret))["status"] == "ok"
    listed = client.get("/account").get_data(as_text=True)
    assert "Symfonium" in listed and secret not in listed
    (made,) = accounts.people.keys(person(accounts, "bob").id)
    assert client.post(f"/account/keys/{made.id}/revoke", data=write).status_code == 303
    assert error(strange(u="bob", **salted(secret))) == 41


def test_a_player_has_a_name(two_people: Flask) -> None:
    client = two_people.test_client()
    accounts: Accounts = two_people.extensions["accounts"]
    client.set_cookie("earshot", accounts.log_in("bob", PASSWORD) or "")
    write = {"token": client.get("/api/v1/session").get_json()["token"]}
    for name in ("a\nb", " ", "x" * 65):
        assert client.post("/account/players", data={**write, "name": name}).status_code == 400
