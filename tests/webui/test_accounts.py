"""Accounts through a client."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from made_home import N_TRACKS, scanned_file
from werkzeug.routing import AnyConverter, IntegerConverter

from encoders.errors import AudioError
from encoders.features import AudioInfo
from recsys.accounts import Accounts
from recsys.catalog import Catalog
from recsys.home.files import INDEX_NAME
from recsys.home.settings import Settings
from webui.app import create_app
from webui.security import TOKEN_HEADER

PASSWORD = "correct horse"
OPEN = {
    ("static", "GET"),
    ("health", "GET"),
    ("life", "GET"),
    ("accounts.login", "GET"),
    ("accounts.log_in", "POST"),
    ("links.linked_list", "GET"),  # its token is in the address: test_links.py
    ("links.linked_audio", "GET"),
    ("links.linked_mp3", "GET"),
    ("web_app.manifest", "GET"),  # of nobody: test_web_app.py
    ("web_app.worker", "GET"),
    ("web_app.offline", "GET"),
}
OWNERS = {  # what only they may ask for
    "accounts.add_member",
    "accounts.change_member",
    "builds.follow_build",
    "builds.show_build",
    "builds.start_build",
    "builds.stop_build",
    "evaluation_page.page",
    "folders.folders",
    "import_page.claim",
    "library_api.failures",
}
FEEDBACK = "/api/v1/tracks/5/feedback"


@pytest.fixture
def app(two_people: Flask) -> Flask:
    return two_people


def accounts_of(app: Flask) -> Accounts:
    service: Accounts = app.extensions["accounts"]
    return service


def form_token(client: FlaskClient, page: str = "/login", **options: Any) -> str:
    match = re.search(r'name="token" value="(\w+)"', client.get(page, **options).text)
    assert match
    return match[1]


def log_in(client: FlaskClient, name: str, password: str = PASSWORD, **fields: str) -> Any:
    sent = {"token": form_token(client), "name": name, "password": password} | fields
    return client.post("/login", data=sent)


def logged_in(app: Flask, name: str) -> tuple[FlaskClient, dict[str, str]]:
    """Return a browser of a person, and the header that writing takes."""
    client = app.test_client()
    assert log_in(client, name).status_code == 303
    token = client.get("/api/v1/session").get_json()["token"]
    return client, {TOKEN_HEADER: token}


def routes(app: Flask) -> Iterator[tuple[str, str, str]]:
    """Give endpoint, method and an address of each route but those open to anybody."""
    adapter = app.url_map.bind("localhost")
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/rest/"):  # players prove who they are: subsonic/test_privacy.py
            continue
        values: dict[str, str | int] = {}
        for name, converter in rule._converters.items():
            if isinstance(converter, IntegerConverter):
                values[name] = 1
            elif isinstance(converter, AnyConverter):
                values[name] = "remove"
            else:
                values[name] = "m3u8"
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            if (rule.endpoint, method) not in OPEN:
                yield rule.endpoint, method, adapter.build(rule.endpoint, values, method)


def test_every_route_demands_login(app: Flask) -> None:
    app.add_url_rule("/new", "forgotten", lambda: "something of somebody")
    client = app.test_client()
    headers = {TOKEN_HEADER: form_token(client)}  # a stranger's: it opens the form alone
    seen = set()
    for endpoint, method, address in routes(app):
        authorization: dict[str, str]
        for authorization in ({}, {"Authorization": "Bearer earshot_unknown"}):
            answer = client.open(address, method=method, headers=headers | authorization)
            if answer.status_code == 302:
                assert answer.location.startswith("/login?next="), (method, address)
            else:
                assert answer.status_code == 401, (method, address)
                assert answer.content_type == "application/problem+json"
                assert answer.headers["WWW-Authenticate"].startswith("Bearer")
                assert "Bearer KEY" in json.loads(answer.data)["detail"]
        seen.add(endpoint)
    assert {"pages.workbench", "accounts.account", "forgotten"} < seen
    assert len(seen) > 20
    for address in ("/livez", "/healthz", "/login", "/static/earshot.css"):
        with client.get(address) as answer:
            assert answer.status_code == 200


def test_every_writing_route_demands_the_token(app: Flask) -> None:
    client, headers = logged_in(app, "ann")
    n = 0
    for _, method, address in [*routes(app), ("accounts.log_in", "POST", "/login")]:
        if method == "GET":
            continue
        n += 1
        for wrong in (
            {},
            {TOKEN_HEADER: "x"},
            headers | {"Origin": "https://evil.example"},
            headers | {"Origin": "null"},
            headers | {"Sec-Fetch-Site": "cross-site"},
        ):
            answer = client.open(address, method=method, headers=wrong)
            assert answer.status_code == 403, (method, address, wrong)
    assert n > 10
    other, foreign = logged_in(app, "bob")
    assert client.put(FEEDBACK, json={"kind": "like"}, headers=foreign).status_code == 403
    same_site = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    assert (
        client.put(FEEDBACK, json={"kind": "like"}, headers=headers | same_site).status_code == 200
    )
    del other


def test_logging_in_changes_the_session_and_logging_out_ends_it(app: Flask) -> None:
    client = app.test_client()
    token = form_token(client)
    planted = client.get_cookie("earshot")
    assert planted
    answer = log_in(client, "Ann", next="/?like=track:5")
    assert (answer.status_code, answer.location) == (303, "/?like=track:5")
    for flag in ("HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=2592000"):
        assert flag in answer.headers["Set-Cookie"]
    cookie = client.get_cookie("earshot")
    assert cookie and cookie.value != planted.value
    assert form_token(client, "/account") != token
    assert client.get("/login").status_code == 302  # who is logged in need not
    other = app.test_client()
    other.set_cookie("earshot", planted.value)
    assert other.get("/api/v1/session").status_code == 401
    assert client.post("/logout").status_code == 403
    out = client.post("/logout", data={"token": form_token(client, "/account")})
    assert (out.status_code, out.location) == (303, "/login")
    assert client.get_cookie("earshot") is None
    other.set_cookie("earshot", cookie.value)
    assert other.get("/api/v1/session").status_code == 401
    client, headers = logged_in(app, "ann")
    cookie = client.get_cookie("earshot")
    sent = {"name": "bob", "password": PASSWORD}
    assert client.post("/login", data=sent, headers=headers).status_code == 303
    assert client.get("/api/v1/session").get_json()["listener"] == "bob"
    assert cookie and accounts_of(app).of_session(cookie.value) is None  # Ann has left


def test_behind_https_the_cookie_is_for_this_host_alone(app: Flask) -> None:
    client = app.test_client()
    here = {"base_url": "https://music.example.org"}
    token = form_token(client, **here)
    answer = client.post(
        "/login", data={"token": token, "name": "ann", "password": PASSWORD}, **here
    )
    assert answer.status_code == 303
    assert answer.headers["Set-Cookie"].startswith("__Host-earshot=")
    assert "Secure" in answer.headers["Set-Cookie"]
    assert client.get("/api/v1/session", **here).get_json()["listener"] == "ann"
    assert client.get("/healthz", base_url="https://evil.example").status_code == 400
    assert client.get("/api/v1/search?q=a", **here).headers["Cache-Control"] == "private"


ELSEWHERE = [
    "https://evil.example/",
    "https:evil.example",
    "http:///evil.example",
    "//evil.example/",
    "///evil.example/x",
    "////evil.example/x",
    "/////evil.example",
    "/\\evil.example/",
    "/\\/evil.example/",
    "\\\\evil.example",
    "\\/evil.example",
    "/?\\evil",
    "/\t/evil.example/",
    "/\n/evil.example/",
    "\t//evil.example",
    " //evil.example",
    "/\x7f/evil.example",
    "/\u2028/evil.example",
    "/%2f/evil.example",
    "/%2F%2Fevil.example",
    "/%5cevil.example",
    "/%09/evil.example",
    "%2f%2fevil.example",
    "/.//evil.example/",
    "/..//evil.example/",
    "/%2e%2e//evil.example",
    "/tracks/..//..//evil.example",
    "//user@evil.example",
    "/@evil.example",
    "///?@evil.example",
    "javascript:alert(1)",
    "java\nscript:alert(1)",
    "data:text/html,x",
    "http:evil",
    "evil.example",
    "//[",
    "/nowhere",
    "/logout",
    "",
]


@pytest.mark.parametrize("address", ELSEWHERE)
def test_no_form_leads_elsewhere(app: Flask, address: str) -> None:
    client = app.test_client()
    assert 'name="next" value="/"' in client.get("/login", query_string={"next": address}).text
    assert log_in(client, "ann", next=address).location == "/"
    assert client.get("/login", query_string={"next": address}).location == "/"


def test_an_address_that_is_no_text_is_refused(app: Flask) -> None:
    client = app.test_client()
    address = "/\0/evil.example"
    assert client.get("/login", query_string={"next": address}).status_code == 400
    assert log_in(client, "ann", next=address).status_code == 400


@pytest.mark.parametrize(
    "address",
    ["/", "/?like=track:5&unlike=tag:a%2F%2Fb", "/tracks/5", "/artist?name=AC%2FDC", "/map#x"],
)
def test_the_form_leads_back_to_pages(app: Flask, address: str) -> None:
    assert log_in(app.test_client(), "ann", next=address).location == address


def test_a_key_speaks_for_its_person_until_it_is_revoked(app: Flask) -> None:
    client, headers = logged_in(app, "bob")
    page = client.post("/account/keys", data={"name": "<b>phone"}, headers=headers).text
    key = re.search(r"<code>(earshot_[\w-]{43})</code>", page)
    assert key
    assert "&lt;b&gt;phone" in page and "<b>phone" not in page
    assert key[1] not in client.get("/account").text
    program, authorization = app.test_client(), {"Authorization": f"Bearer {key[1]}"}
    assert program.put(FEEDBACK, json={"kind": "like"}, headers=authorization).status_code == 200
    answer = program.get("/api/v1/session", headers=authorization).get_json()
    assert (answer["listener"], answer["token"]) == ("bob", "")
    assert program.get(f"/api/v1/session?key={key[1]}").status_code == 401
    for address in ("/account", "/"):  # pages are for people
        assert program.get(address, headers=authorization).location.startswith("/login")
    owned = program.post("/account/keys", data={"name": "more"}, headers=authorization)
    assert owned.location.startswith("/login")
    number = accounts_of(app).people.keys(2)[0].id
    other, foreign = logged_in(app, "ann")
    assert other.post(f"/account/keys/{number}/revoke", headers=foreign).status_code == 400
    assert program.get("/api/v1/session", headers=authorization).status_code == 200
    assert client.post(f"/account/keys/{number}/revoke", headers=headers).status_code == 303
    assert program.get("/api/v1/session", headers=authorization).status_code == 401


def guess(client: FlaskClient, name: str, address: str, password: str = "wrong horse") -> Any:
    sent = {"token": form_token(client), "name": name, "password": password}
    return client.post("/login", data=sent, environ_base={"REMOTE_ADDR": address})


def test_guesses_are_limited(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    client, now = app.test_client(), time.time()
    monkeypatch.setattr(time, "time", lambda: now)
    for n_allowed, wait in ((5, 60), (5, 900), (10, 10_800)):
        for _ in range(n_allowed):
            now += 5
            answer = guess(client, "Ann", "10.0.0.1")
            assert answer.status_code == 403
            assert "Wrong name or password." in answer.text
            now += 5
            if n_allowed == 10:
                now += 600
        answer = guess(client, "ＡNN ", "10.0.0.1")  # however it is written
        assert answer.status_code == 429
        assert 0 < int(answer.headers["Retry-After"]) <= wait  # longer each time
        assert "Too many attempts to log in under this name from your address" in answer.text
        now += int(answer.headers["Retry-After"])
    assert guess(client, "ann", "10.0.0.1").status_code == 403


def test_many_names_from_one_address_are_limited(app: Flask) -> None:
    client = app.test_client()
    for n in range(30):  # from anywhere in one network
        assert guess(client, f"nobody {n}", f"2001:db8::{n}").status_code == 403
    assert guess(client, "nobody", "2001:db8::ff").status_code == 429
    assert guess(client, "nobody", "2001:db8:0:1::ff").status_code == 403


def test_guesses_of_others_keep_nobody_out(app: Flask) -> None:
    owner, headers = logged_in(app, "ann")
    stranger = app.test_client()
    for network in range(4):
        while guess(stranger, "ann", f"10.0.{network}.1").status_code == 403:
            pass
    assert guess(app.test_client(), "ann", "10.0.9.1", PASSWORD).status_code == 303
    form = {"old": PASSWORD, "new": "battery staple", "again": "battery staple"}
    here = {"REMOTE_ADDR": "10.0.0.1"}  # where the stranger is
    changed = owner.post("/account/password", data=form, headers=headers, environ_base=here)
    assert (changed.status_code, changed.location) == (303, "/account?said=password")


def test_who_errs_and_then_gets_in_begins_anew(app: Flask) -> None:
    for _ in range(3):
        for _ in range(4):
            assert guess(app.test_client(), "ann", "10.0.0.1").status_code == 403
        assert guess(app.test_client(), "ann", "10.0.0.1", PASSWORD).status_code == 303


def test_a_session_that_is_stolen_guesses_no_password(app: Flask) -> None:
    client, headers = logged_in(app, "ann")
    form = {"old": "wrong horse", "new": "battery staple", "again": "battery staple"}
    statuses = [
        client.post("/account/password", data=form, headers=headers).status_code for _ in range(11)
    ]
    assert statuses == 10 * [400] + [429]


def test_analyses_are_limited_for_each_account(app: Flask) -> None:
    def upload(client: FlaskClient, headers: dict[str, str]) -> Any:
        return client.post(
            "/api/v1/sounds?name=x.mp3",
            data=b"words",
            content_type="application/octet-stream",
            headers=headers,
        )

    bob = logged_in(app, "bob")
    for _ in range(30):
        assert upload(*bob).status_code == 400
    refused = upload(*bob)
    assert (refused.status_code, refused.content_type) == (429, "application/problem+json")
    assert "Too many files to analyse: try again in 60 minutes." in refused.text
    assert int(refused.headers["Retry-After"]) > 3500
    assert upload(*logged_in(app, "ann")).status_code == 400


def test_people_are_apart(app: Flask, home: Path) -> None:
    (ann, as_ann), (bob, as_bob) = logged_in(app, "ann"), logged_in(app, "bob")
    mix = "/api/v1/mix?like=track:6&length=30"

    def feedback_of(client: FlaskClient) -> dict[int, str]:
        rows = client.get(f"{mix}&keep=5@1").get_json()["tracks"]
        return {row["id"]: row["feedback"] for row in rows if row["feedback"]}

    before = bob.get(mix).get_json()["tracks"]
    assert ann.put(FEEDBACK, json={"kind": "like"}, headers=as_ann).status_code == 200
    assert (
        ann.put("/api/v1/tracks/7/feedback", json={"kind": "dislike"}, headers=as_ann).status_code
        == 200
    )
    assert ann.post("/api/v1/listens", json={"track_id": 8}, headers=as_ann).status_code == 201
    assert feedback_of(ann) == {5: "like"}
    assert 7 not in {row["id"] for row in ann.get(mix).get_json()["tracks"]}
    assert feedback_of(bob) == {}
    assert bob.get(mix).get_json()["tracks"] == before
    unplayed = f"{mix}&unplayed=1"
    assert 8 not in {row["id"] for row in ann.get(unplayed).get_json()["tracks"]}
    assert 8 in {row["id"] for row in bob.get(unplayed).get_json()["tracks"]}
    assert bob.put(FEEDBACK, json={"kind": "dislike"}, headers=as_bob).status_code == 200
    assert bob.delete("/api/v1/tracks/7/feedback", headers=as_bob).status_code == 204
    assert feedback_of(ann) == {5: "like"}
    with Catalog(home) as catalog:
        stored = {
            name: {one.track_id: one.kind for one in catalog.feedback(row.id)}
            for name in ("ann", "bob")
            if (row := catalog.listener(name))
        }
    assert stored == {"ann": {5: "like", 7: "dislike"}, "bob": {5: "dislike"}}


def test_only_owners_look_after_people(app: Flask) -> None:
    (ann, as_ann), (bob, as_bob) = logged_in(app, "ann"), logged_in(app, "bob")
    assert "bob" in ann.get("/account").text
    assert "ann" not in bob.get("/account").text
    for address in (
        "/account/members",
        *(f"/account/members/1/{what}" for what in ("password", "remove", "owner", "member")),
        "/account/members/2/owner",
    ):
        assert bob.post(address, data={"name": "eve"}, headers=as_bob).status_code == 403
    assert [one.name for one in accounts_of(app).people.accounts()] == ["ann", "bob"]
    added = ann.post("/account/members", data={"name": "cleo"}, headers=as_ann).text
    password = re.search(r"<code>([a-z0-9-]{23})</code>", added)
    assert password
    assert log_in(app.test_client(), "cleo", password[1]).status_code == 303
    taken = ann.post("/account/members", data={"name": "Cleo"}, headers=as_ann)
    assert taken.status_code == 400 and "There is an account Cleo already" in taken.text
    reset = ann.post("/account/members/2/password", headers=as_ann).text
    assert bob.get("/api/v1/session").status_code == 401  # logged out everywhere
    password = re.search(r"<code>([a-z0-9-]{23})</code>", reset)
    assert password and log_in(bob, "bob", password[1]).status_code == 303
    assert ann.post("/account/members/1/remove", headers=as_ann).status_code == 403  # oneself
    assert ann.post("/account/members/2/owner", headers=as_ann).status_code == 303
    assert "Name of the new person" in bob.get("/account").text
    assert ann.post("/account/members/2/remove", headers=as_ann).status_code == 303
    assert bob.get("/api/v1/session").status_code == 401
    gone = ann.post("/account/members/2/remove", headers=as_ann)
    assert gone.status_code == 400 and "removed already" in gone.text


def test_a_password_is_changed_and_other_browsers_leave(app: Flask) -> None:
    (here, headers), (there, _) = logged_in(app, "bob"), logged_in(app, "bob")
    new = {"old": PASSWORD, "new": "battery staple", "again": "battery staple"}
    for wrong, words in (
        ({"old": "x"}, "nothing was changed"),
        ({"again": "x"}, "differ"),
        ({"new": "short", "again": "short"}, "10 to 1000 characters"),
    ):
        answer = here.post("/account/password", data=new | wrong, headers=headers)
        assert answer.status_code == 400 and words in answer.text
    answer = here.post("/account/password", data=new, headers=headers)
    assert answer.status_code == 303
    assert "every other browser is logged out" in here.get(answer.location).text
    assert there.get("/api/v1/session").status_code == 401
    assert log_in(there, "bob").status_code == 403
    assert log_in(there, "bob", "battery staple").status_code == 303
    assert here.post("/account/elsewhere", headers=headers).status_code == 303
    assert there.get("/api/v1/session").status_code == 401
    assert here.get("/api/v1/session").status_code == 200


def test_without_accounts_nobody_logs_in(client: FlaskClient) -> None:
    assert client.get("/login").status_code == client.get("/account").status_code == 404
    assert client.get("/api/v1/session").get_json()["listener"] == "me"
    assert "Account of" not in client.get("/").text
    assert client.get("/healthz", headers={"Host": "music.example.org"}).status_code == 400


def test_nothing_of_one_person_is_shown_to_another_or_changed(app: Flask) -> None:
    (ann, as_ann), (bob, as_bob) = logged_in(app, "ann"), logged_in(app, "bob")
    written = {"name": "Ann’s own quartz", "track_ids": [3, 1, 4]}
    created = ann.post("/api/v1/playlists", json=written, headers=as_ann)
    assert created.status_code == 201
    mine = f"/api/v1/playlists/{created.get_json()['id']}"
    assert mine.endswith("/1")  # what every route is asked for
    before = ann.get(mine).data
    refused = set()
    for endpoint, method, address in list(routes(app)):
        if endpoint == "accounts.log_out":
            continue
        written = {"name": "Bob’s", "append": [5], "track_ids": [5]}
        for body in (None,) if method == "GET" else ({}, written):
            with bob.open(address, method=method, json=body, headers=as_bob) as answer:
                assert answer.status_code < 500 or answer.status_code == 503, (method, address)
                assert b"own quartz" not in answer.data, (method, address)
                if answer.status_code == 403:
                    refused.add(endpoint)
    assert ann.get(mine).data == before
    assert refused == OWNERS
    assert bob.get("/api/v1/session").get_json()["listener"] == "bob"


def test_where_files_lie_is_for_owners(app: Flask, home: Path, library: Path) -> None:
    with Catalog(home) as catalog:
        info = AudioInfo(1.0, 16_000, 1, "flac", "f" * 32)
        catalog.record_files([scanned_file(0, library / "new")._replace(audio=info)])
        failed = AudioError(f"{library}/new/0.wav is empty.")
        catalog.store_features("x", [(N_TRACKS + 1, failed)])
    of_failed = [f"/tracks/{N_TRACKS + 1}", f"/api/v1/tracks/{N_TRACKS + 1}/taggram"]
    (ann, _), (bob, as_bob) = logged_in(app, "ann"), logged_in(app, "bob")
    response = bob.post("/api/v1/playlists", json={"name": "x", "track_ids": [2]}, headers=as_bob)
    assert response.status_code == 201
    read = [route for route in routes(app) if route[1] == "GET"]
    addresses = [address for name, _, address in read if "export" not in name]  # those name files
    for address in (*addresses, *of_failed):
        with bob.get(address) as answer:
            assert not re.search(rf"{library}|{home}".encode(), answer.data), address
    for address in (*of_failed, "/library"):
        assert str(failed) in ann.get(address).text, address
    (home / INDEX_NAME).unlink()
    again = create_app(Settings(home), accounts=accounts_of(app))
    (ann, _), (bob, _) = logged_in(again, "ann"), logged_in(again, "bob")
    for address in ("/", "/library", "/healthz", "/api/v1/tracks"):
        assert "earshot build" in ann.get(address).text or address == "/healthz"
        assert "the server's log says why" in bob.get(address).text.replace("&#39;", "'")
    again.extensions["served_home"].close()
