"""The pages of tracks and artists through a client."""

from __future__ import annotations

import html
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pytest
from flask.testing import FlaskClient
from made_home import N_TRACKS, NAMES, scanned_file

from encoders.errors import AudioError
from recsys.catalog import Catalog
from recsys.similarity.explanation import mean_logits

STRANGE = "AC/DC \u202eevil\u202c & <b>“ß?#%2F</b>"


def test_a_taggram_is_what_was_heard(client: FlaskClient, home: Path) -> None:
    answer = client.get("/api/v1/tracks/3/taggram").get_json()
    assert answer["track_id"] == 3
    assert len(answer["moments"]) == 2
    with Catalog(home) as catalog:
        one, other = (dict(catalog.iter_features(name, [3]))[3] for name in NAMES)
    rows = {row["tag"]: row["probabilities"] for row in answer["tags"]}
    assert set(rows) == {"rock", "classical", "calm", "party", "piano"}
    assert rows["calm"] == pytest.approx(one.tags[:, 2], abs=2e-3)
    both = (one.logits()[:, 0] + other.logits()[:, 0]) / 2  # two taggers know rock
    assert rows["rock"] == pytest.approx(1 / (1 + np.exp(-both)), abs=2e-3)
    sure = [tag for tag, _ in sorted(rows.items(), key=lambda row: -np.mean(row[1]))]
    assert [row["tag"] for row in answer["tags"]][:2] == sure[:2]
    assert mean_logits([one]).shape == (4,)


def test_a_track_that_is_not_analysed_says_so(client: FlaskClient, home: Path) -> None:
    with Catalog(home) as catalog:
        broken = scanned_file(1, Path("/new"))._replace(audio=AudioError("Its file is <damaged>."))
        catalog.record_files([broken])
    page = client.get(f"/tracks/{N_TRACKS + 1}")
    assert page.status_code == 200
    assert "Its file is &lt;damaged&gt;." in page.text
    problem = client.get(f"/api/v1/tracks/{N_TRACKS + 1}/taggram")
    assert (problem.status_code, problem.content_type) == (409, "application/problem+json")
    assert "Its file is <damaged>." in problem.get_json()["detail"]
    for path in ("/tracks/999", "/tracks/99999999999", "/artist?name=Nobody", "/artist"):
        missing = client.get(path)
        assert (missing.status_code, missing.mimetype) == (404, "text/html")


def test_history_and_copies_are_shown(client: FlaskClient, home: Path) -> None:
    with Catalog(home) as catalog:
        copy = scanned_file(4, Path("/copies"))  # the same audio in another file
        catalog.record_files([copy._replace(tags=replace(copy.tags, album="Best of"))])
        me = catalog.listener("me", create=True)
        assert me
        catalog.record_listens(me.id, [(5, 1_700_000_000), (5, 1_700_000_500), (6, 1_700_001_000)])
        catalog.set_feedback(me.id, 5, "like", 1_700_002_000)
        assert catalog.plays(me.id, 5, limit=1).times == (1_700_000_500,)
    page = client.get("/tracks/5").text
    assert "Played 2 times." in page
    assert "You like it, since" in page
    assert f'href="/tracks/{N_TRACKS + 1}"' in page
    assert "Best of" in page
    assert "Played once." in client.get("/tracks/6").text
    assert "Not played yet." in client.get("/tracks/7").text


def test_any_name_of_an_artist_leads_to_the_page(client: FlaskClient, home: Path) -> None:
    with Catalog(home) as catalog:
        seen = scanned_file(8, Path("/music"))
        catalog.record_files([seen._replace(track_id=9, tags=replace(seen.tags, artist=STRANGE))])
    page = client.get(f"/artist?{urlencode({'name': STRANGE})}")
    assert page.status_code == 200
    assert f"<h1><bdi>{html.escape(STRANGE)}</bdi></h1>" in page.text
    link = html.escape(f"/artist?{urlencode({'name': STRANGE})}")
    assert link in client.get("/?like=track:10&length=24").text
    assert client.get("/artist?name=ada").text.count('class="song ') == 4


def test_what_sounds_like_a_part_is_answered_and_shown(client: FlaskClient) -> None:
    answer = client.get("/api/v1/tracks/5/similar-moments?from=0&to=3&k=4").get_json()
    assert set(answer["compared"]) == {"start", "end"}
    found = answer["tracks"]
    assert len(found) == 4
    assert 5 not in {track["id"] for track in found}
    assert all(0 <= track["moment"]["start"] < track["moment"]["end"] for track in found)
    page = client.get("/tracks/5?from=0:00&to=0:03").text
    assert f'data-start="{found[0]["moment"]["start"]}' in page
    assert "Compared from 0:00" in page
    assert "Write times as 1:05" in client.get("/tracks/5?from=soon").text
    assert "is behind its end" in client.get("/tracks/5?from=59:00").text
    refused = client.get("/api/v1/tracks/5/similar-moments?from=5000")
    assert refused.status_code == 409
    assert "is behind its end" in refused.get_json()["detail"]
