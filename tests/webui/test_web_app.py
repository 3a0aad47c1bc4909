"""The web app that browsers install, and the mixes of the first page."""

from __future__ import annotations

import io
import re
from html import unescape
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient
from PIL import Image

from recsys.catalog import Catalog

MANY = 1_600_000_000  # Unix seconds, long ago


def test_the_manifest_and_what_it_names(client: FlaskClient) -> None:
    answer = client.get("/manifest.webmanifest")
    assert answer.mimetype == "application/manifest+json"
    manifest = answer.get_json(force=True)
    for icon in manifest["icons"]:
        picture = Image.open(io.BytesIO(client.get(icon["src"], buffered=True).data))
        assert "x".join(map(str, picture.size)) == icon["sizes"]
    for shortcut in manifest["shortcuts"]:
        assert client.get(shortcut["url"]).status_code == 200
    page = client.get("/albums")
    assert 'rel="manifest" href="/manifest.webmanifest"' in page.text
    assert "manifest-src 'self'" in page.headers["Content-Security-Policy"]


def test_what_browsers_keep_is_of_nobody(two_people: Flask) -> None:
    client = two_people.test_client()  # who is not logged in
    for path in ("/manifest.webmanifest", "/service-worker.js", "/offline"):
        answer = client.get(path, headers={"Host": "music.example.org"}, buffered=True)
        assert answer.status_code == 200, path
        assert "earshot-token" not in answer.text
    name = "/service-worker.js"
    worker = client.get(name, headers={"Host": "music.example.org"}, buffered=True)
    assert worker.mimetype == "text/javascript"
    assert worker.headers["Cache-Control"] == "no-store"
    assert client.get("/albums", headers={"Host": "music.example.org"}).status_code == 302


def test_mixes_are_made_of_what_is_played(client: FlaskClient, home: Path) -> None:
    assert "Made for you" not in client.get("/").text  # of somebody unknown
    with Catalog(home) as catalog:
        me = catalog.listener("me", create=True)
        assert me
        plays = [(1, MANY), (1, MANY + 300), (1, MANY + 600), (5, MANY), (6, MANY), (21, MANY)]
        catalog.record_listens(me.id, plays)
        catalog.set_feedback(me.id, 13, "like", MANY)
    page = client.get("/").text
    titles = [unescape(one) for one in re.findall(r'data-say="([^"]* mix)\."', page)]
    assert titles[0] == "Ada mix"
    assert {"Rediscover", "Discover"} < set(re.findall(r'title="(\w+)"', page))
    addresses = {unescape(one) for one in re.findall(r'class="title" href="(/\?[^"]*)"', page)}
    named = [name for one in addresses for name in re.findall(r"artist%3A(\w+)", one)]
    assert sorted(named) == ["Ada", "Bix", "Dinah", "Fats"]  # each in one mix
    for address in addresses:
        assert client.get(address).text.count('class="row') > 5, address
    assert "Jump back in" in page and "Recently added" in page
    assert "Made for you" not in client.get("/?like=track:1").text
