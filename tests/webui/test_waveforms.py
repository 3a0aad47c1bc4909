"""The player's picture of a track: read once, kept, and sent in a few hundred bytes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from browsing import played
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Page, Request, expect

from earshot.waveforms import levels_of
from recsys.catalog import Catalog
from recsys.home.settings import Settings
from webui.app import create_app

ADDRESS = "/api/v1/tracks/5/waveform"


@pytest.fixture
def app(home: Path) -> Flask:
    return create_app(Settings(home), read_levels=levels_of)


@pytest.fixture
def client(app: Flask) -> Iterator[FlaskClient]:
    yield app.test_client()
    app.extensions["served_home"].close()


def kept(catalog: Catalog, track_id: int) -> bytes | None:
    track = catalog.track(track_id)
    assert track and track.audio_hash
    return catalog.levels(track.audio_hash)


def test_a_waveform_is_read_once(client: FlaskClient, home: Path, music: Path) -> None:
    first = client.get(ADDRESS)
    levels = first.get_json()["levels"]
    assert (first.status_code, len(levels), max(levels)) == (200, 300, 255)
    assert min(levels) > 200, "a tone of one loudness"
    with Catalog(home) as catalog:
        assert kept(catalog, 5) == bytes(levels)
    (music / "4.wav").unlink()
    again = client.get(ADDRESS, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert "max-age" in first.headers["Cache-Control"]
    assert client.get(ADDRESS).get_json() == first.get_json()


def test_what_cannot_be_drawn_is_said_and_not_tried_again(
    client: FlaskClient, home: Path, music: Path
) -> None:
    (music / "4.wav").write_bytes(b"no music" * 99)
    for _ in range(2):
        answer = client.get(ADDRESS)
        assert answer.status_code == 404
        assert "no waveform" in answer.get_json()["detail"]
    with Catalog(home) as catalog:
        assert kept(catalog, 5) == b""
    (music / "5.wav").unlink()
    assert client.get("/api/v1/tracks/6/waveform").status_code == 404
    with Catalog(home) as catalog:
        assert kept(catalog, 6) is None, "its drive may come back"
    client.application.config["READ_LEVELS"] = None
    assert client.get("/api/v1/tracks/7/waveform").status_code == 404


def test_a_track_is_downloaded_once_and_drawn(page: Page) -> None:
    asked: Counter[str] = Counter()

    def count(request: Request) -> None:
        if "/tracks/" in request.url:
            asked[request.url.rpartition("/tracks/")[2]] += 1

    page.on("request", count)
    page.goto("/?like=track:5")
    number = page.locator("#rows .row").first.get_attribute("data-track")
    page.locator("#rows [data-play]").first.click()
    expect(page.locator("#waveform")).to_be_visible()
    played(page, 0.2)
    drawn = page.evaluate(
        """() => {
            const canvas = document.getElementById("waveform");
            const [pen, { width, height }] = [canvas.getContext("2d"), canvas];
            const { data } = pen.getImageData(0, 0, width, height);
            return data.filter((value, at) => at % 4 === 3 && value).length / (data.length / 4);
        }"""
    )
    assert 0.3 < drawn < 1, "two thirds of a loud track"
    assert (asked[f"{number}/audio"], asked[f"{number}/waveform"]) == (1, 1)
