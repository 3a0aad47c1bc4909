"""Artists: who sounds like whom, who is played by whom, and their albums."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[2] / "commands"))  # for made_home

from made_home import ARTISTS, N_TRACKS, make_home, scanned_file

from recsys.home.home import open_home
from recsys.home.settings import Settings
from recsys.recommendation.recommender import Recommender
from recsys.similarity.artists import Artists


@pytest.fixture
def artists(tmp_path: Path) -> Iterator[Artists]:
    make_home(tmp_path / "home", tmp_path / "music")
    with open_home(Settings(tmp_path / "home")) as home:
        table = Recommender(home).track_table
        yield Artists(home.catalog, home.index, "none", table, recount_after=0)


def test_the_similar_are_those_of_the_nearest_means(artists: Artists) -> None:
    """Against the naive way, with shares of all pairs of artists."""
    ids = np.arange(1, N_TRACKS + 1)
    means = artists._index.vectors(ids).astype(float).reshape(len(ARTISTS), 4, -1).mean(axis=1)
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    cosines = means @ means.T
    pairs = cosines[np.triu_indices(len(ARTISTS), 1)]
    for number, name in enumerate(ARTISTS):
        found = artists.similar(name, k=10)
        expected = [i for i in np.argsort(-cosines[number]).tolist() if i != number]
        assert [other.name for other in found] == [ARTISTS[i] for i in expected]
        shares = [float((pairs < cosines[number, i]).mean()) for i in expected]
        assert [other.similarity for other in found] == pytest.approx(shares, abs=1 / len(pairs))
    assert {other.name for other in artists.similar("ADA", k=2)} == {"Bix", "Cleo"}  # of its genre
    assert artists.similar("Nobody") == []


def test_who_is_played_by_the_same_people(artists: Artists) -> None:
    catalog = artists._catalog
    assert artists.co_listened("Ada") == []
    heard = {"p": [1, 2, 5, 9], "q": [3, 5, 6], "r": [4, 9, 13], "s": [17], "t": [5]}
    for person, ids in heard.items():
        listener = catalog.listener(person, create=True)
        assert listener
        catalog.record_listens(listener.id, [(i, 1_700_000_000 + i) for i in ids])
    found = artists.co_listened("Ada")
    # Bix by p, q and t, two of them Ada's; Cleo by p and r, both Ada's; Dinah by r alone.
    expected = [("Cleo", 2 / np.sqrt(6), 2, 3), ("Bix", 2 / 3, 2, 3)]
    assert [one.name for one in found] == ["Cleo", "Bix"]
    assert [one[1:] for one in found] == [pytest.approx(one[1:]) for one in expected]


def test_albums_are_in_order_in_any_spelling(artists: Artists) -> None:
    catalog = artists._catalog
    changes = [
        (1, {"album": "Late", "year": 1999, "track_number": 2}),
        (2, {"album": "late", "year": 2001, "track_number": 1}),
        (3, {"album": "Early", "year": 1970}),
        (4, {"album": None, "artist": "ÁDA"}),
        (5, {"artist": "!!!", "album": "Myth/Takes"}),
    ]
    seen = [scanned_file(number - 1, Path("/music")) for number, _ in changes]
    catalog.record_files(
        [
            one._replace(track_id=number, tags=replace(one.tags, **change))
            for one, (number, change) in zip(seen, changes, strict=True)
        ]
    )
    found = [
        (album.name, album.year, [track.id for track in album.tracks])
        for album in artists.albums("ada")
    ]
    assert found == [("Early", 1970, [3]), ("Late", 1999, [2, 1]), ("", None, [4])]
    assert [track.id for album in artists.albums("!!!") for track in album.tracks] == [5]
    assert artists.similar("!!!") == []  # nothing of its name can be compared
    assert artists.albums("Nobody") == []
