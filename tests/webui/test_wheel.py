"""The wheel of tempo and key, and two tracks compared segment by segment."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from made_home import scanned_file
from playwright.sync_api import Page, expect

from recsys.catalog import Catalog
from recsys.home.settings import Settings
from recsys.track_map.wheel import wheel_points
from webui.app import create_app


def name_keys(home: Path, music: Path) -> None:
    with Catalog(home) as catalog:
        for number, key in ((1, "A minor"), (2, "C major"), (13, "A minor")):
            tags = replace(scanned_file(number - 1, music).tags, initial_key=key)
            catalog.record_tags({number: tags})


def test_points_lie_at_their_keys_and_tempos() -> None:
    tracks = [(1, "A minor", 130.0), (2, "C major", 40.0), (1, "A minor", 130.0)]
    minor, major, again = wheel_points(tracks)
    assert minor == again, "always at the same place"
    place = 7 * 30  # degrees of place 8
    assert 57.2958 * minor.angle == pytest.approx(place - 6.3, abs=5.3) and minor.radius == 0.5
    assert 57.2958 * major.angle == pytest.approx(place + 6.3, abs=5.3) and major.radius == 0
    assert minor.minor and not major.minor


def test_the_wheel_has_every_track_of_known_tempo_and_key(
    home: Path, client: FlaskClient, tmp_path: Path
) -> None:
    assert "No track has a known tempo and key yet" in client.get("/wheel").text
    app = create_app(Settings(home, named=Path("/music home")))
    assert "<code>earshot build --home &#39;/music home&#39;</code>" in (
        app.test_client().get("/wheel").text
    )
    missing = app.test_client().get("/api/v1/map").get_json()["detail"]
    assert missing.endswith("run `earshot build --home '/music home'`.")
    app.extensions["served_home"].close()
    name_keys(home, tmp_path)
    page = client.get("/wheel?track=1").text
    assert page.count("<title>Song") == 2, "track 13 has a key, and no tempo"
    assert page.count(" chosen") == 1 and "Song 0 · Ada: 90 BPM, A minor" in page
    assert '<a href="/words?q=8A"' in page and "91 BPM" in page
    assert '<td class="number">2</td>' in page, "both in A minor are counted"
    assert 'href="/wheel?track=1"' in client.get("/tracks/1").text
    assert "/wheel" not in client.get("/tracks/13").text.split("known-title")[1]
    assert client.get("/wheel?track=x").status_code == 200


def test_segments_of_two_tracks_are_compared(client: FlaskClient) -> None:
    answer = client.get("/api/v1/tracks/1/similar/2/segments").get_json()
    moments = answer["moments"]
    assert len(moments[0]) == len(answer["cosines"]) == 2
    assert all(len(row) == len(moments[1]) == 2 for row in answer["cosines"])
    i, j = answer["closest"]
    assert answer["cosines"][i][j] == max(map(max, answer["cosines"]))
    why = client.get("/api/v1/tracks/1/similar/2").get_json()
    assert why["moments"] == [moments[0][i], moments[1][j]]
    same = client.get("/api/v1/tracks/1/similar/1/segments").get_json()
    assert same["cosines"][0][0] == pytest.approx(1, abs=1e-3)
    assert client.get("/api/v1/tracks/1/similar/999/segments").status_code == 404


def test_the_comparison_is_drawn_and_played(page: Page) -> None:
    page.goto("/tracks/1")
    page.locator(".where summary").first.click()
    picture = page.locator(".compared canvas").first
    expect(picture).to_have_attribute("aria-label", re.compile("^Segments compared: "))
    painted = "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(v => v)"
    page.wait_for_function(f"({painted})(document.querySelector('.compared canvas'))")
    box = picture.bounding_box()
    assert box and 100 < box["width"] <= 360


def test_tracks_are_ordered_by_what_is_measured(
    home: Path, client: FlaskClient, tmp_path: Path
) -> None:
    name_keys(home, tmp_path)
    by_tempo = client.get("/tracks?sort=tempo").text
    assert by_tempo.count('class="song') == 12, "those whose tempo is known"
    assert by_tempo.index("90 BPM") < by_tempo.index("101 BPM")
    by_key = client.get("/tracks?sort=key").text
    assert by_key.count('class="song') == 3
    assert by_key.index("C major") < by_key.index("A minor")
    assert client.get("/tracks?sort=loudness").text.count('class="song') == 0
