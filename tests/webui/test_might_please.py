"""What might please many: shown with its score, and only where it is told from chance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from flask.testing import FlaskClient

from recsys.catalog import Catalog
from recsys.home.home import open_home
from recsys.home.settings import Settings
from recsys.popularity.regression import Scorer
from recsys.popularity.stored import features_of, save_popularity

FIGURE = {"value": 0.21, "low": 0.14, "high": 0.28, "chance": 0.0}
REPORT = {"tracks": 1234, "spearman": {"ranking loss": FIGURE}}


def learn(home: Path) -> None:
    """Store that the more rock, the more popular; and let somebody play the first track."""
    with open_home(Settings(home)) as opened:
        weights = np.zeros(features_of(opened).shape[1])
        weights[opened.index.dim + opened.tables.tags().columns["rock"]] = 1.0
        save_popularity(opened, Scorer(weights, 0.0), REPORT)
    with Catalog(home) as catalog:
        listener = catalog.listener("ann", create=True)
        assert listener
        catalog.record_listens(listener.id, [(1, 100)])


def test_without_a_score_nothing_is_shown(client: FlaskClient) -> None:
    assert "Might please many" not in client.get("/tracks").text
    assert client.get("/tracks?sort=expected").status_code == 400
    refused = client.get("/api/v1/might-please-many")
    assert refused.status_code == 409
    assert "`earshot evaluate popularity` says" in refused.get_json()["detail"]
    assert "Might please" not in client.get("/tracks/2").text


def test_unplayed_tracks_are_listed_with_how_sure_that_is(home: Path, client: FlaskClient) -> None:
    learn(home)
    page = client.get("/tracks?sort=expected").text
    assert "rank correlation of 0.21 (0.14 to 0.28; 0 is chance" in page
    assert "on 1,234 played tracks" in page
    answer = client.get("/api/v1/might-please-many?limit=200").get_json()
    ids = [one["id"] for one in answer["tracks"]]
    assert len(ids) == 23 and 1 not in ids, "the one that somebody played is left out"
    assert np.mean(ids[:10]) < np.mean(ids[-10:]), "the first half of the home is rock"
    shares = [one["share_below"] for one in answer["tracks"]]
    assert shares == sorted(shares, reverse=True)
    assert (answer["spearman"], answer["spearman_low"]) == (0.21, 0.14)
    shown = client.get(f"/tracks/{ids[0]}").text
    assert "Might please many" in shown and "(rank correlation 0.21)" in shown
    assert "Might please" not in client.get("/tracks/1").text
