"""Albums, artists, tracks and genres through a client: their orders, filters and pages."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

sys.path.append(str(Path(__file__).parent / "subsonic"))  # for asking

from asking import TRACKS, library_of

from recsys.catalog import Catalog
from recsys.home.settings import Settings
from webui.app import create_app
from webui.pages import browse, history

OLD, NEW = 1_700_000_000, 1_700_100_000


@pytest.fixture(scope="module")
def shelves(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """A library with albums of every kind, some of whose tracks were played and liked."""
    home = library_of(tmp_path_factory.mktemp("shelves"))
    with Catalog(home) as catalog:
        me = catalog.listener("me", create=True)
        assert me
        catalog.record_listens(me.id, [(11, OLD), (11, OLD + 300), (7, NEW), (1, OLD - 300)])
        catalog.set_feedback(me.id, 2, "like", OLD)
    app = create_app(Settings(home))
    yield app
    app.extensions["served_home"].close()


@pytest.fixture
def client(shelves: Flask) -> FlaskClient:
    return shelves.test_client()


def shown(client: FlaskClient, address: str) -> list[str]:
    """Return the titles on a page's cards and rows, in their order."""
    page = client.get(address)
    assert page.status_code == 200, page.text
    return [
        unescape(one)
        for one in re.findall(r'class="title" href="[^"]*" title="([^"]*)"', page.text)
    ]


def test_albums_in_every_order(client: FlaskClient) -> None:
    assert shown(client, "/albums") == [
        *("One", "Two", "[Unknown album]", "Hits", "Mixed", "Weezer", "Weezer")
    ]
    assert shown(client, "/albums?sort=name")[:3] == ["Hits", "Mixed", "One"]
    assert shown(client, "/albums?sort=year")[:3] == ["Weezer", "Hits", "Weezer"]
    assert shown(client, "/albums?sort=played") == [
        "Weezer",
        *shown(client, "/albums?sort=played")[1:],
    ]
    assert shown(client, "/albums?sort=recent") == ["Hits", "Weezer", "One"]
    never = ["Mixed", "Two", "Weezer", "[Unknown album]"]
    assert sorted(shown(client, "/albums?sort=never")) == never
    assert len(shown(client, "/albums?sort=newest")) == 7


def test_tracks_and_artists_in_every_order(client: FlaskClient) -> None:
    by_title = shown(client, "/tracks")
    assert by_title == sorted((tags.title for _, tags in TRACKS), key=str.casefold)
    assert shown(client, "/tracks?sort=artist")[:3] == ["First", "Second", "Third"]
    assert shown(client, "/tracks?sort=played")[0] == "Blue one"
    assert shown(client, "/tracks?sort=recent") == ["Hit", "Blue one", "First"]
    assert len(shown(client, "/tracks?sort=never")) == len(TRACKS) - 3
    assert shown(client, "/tracks?sort=newest")[0] == "Nameless"
    assert "2 plays" in client.get("/tracks?sort=played").text
    everybody = ["Anna", "Émile", "The Kinks", "[Unknown artist]", "Various Artists", "Weezer"]
    assert shown(client, "/artists") == everybody
    assert shown(client, "/artists?sort=played")[0] == "Weezer"
    assert shown(client, "/artists?sort=never") == ["Émile", "[Unknown artist]"]
    assert shown(client, "/artists?sort=tracks")[0] == "The Kinks"
    assert shown(client, "/artists?sort=newest")[0] == "[Unknown artist]"


def test_lists_are_filtered(client: FlaskClient) -> None:
    assert shown(client, "/tracks?q=blue") == ["Blue one"]
    assert shown(client, "/tracks?genre=rock") == ["First", "Second", "Third"]
    assert shown(client, "/tracks?genre=rock&liked=1") == ["Second"]
    assert shown(client, "/albums?q=hits") == ["Hits"]
    assert shown(client, "/albums?genre=POP") == ["One"]
    assert shown(client, "/artists?q=emile") == ["Émile"]
    assert shown(client, "/artists?genre=pop") == ["The Kinks"]
    assert "No track fits" in client.get("/tracks?q=nothing+of+it").text
    assert client.get("/genres").text.index("Rock") < client.get("/genres").text.index("Pop")
    page = client.get("/genre?name=rock").text
    assert "3 tracks" in page and "One" in page


def test_long_lists_have_pages_that_letters_lead_to(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(browse.ON_PAGE, "tracks", 3)
    monkeypatch.setattr(browse, "MIN_LETTERED", 5)
    everything = shown(client, "/tracks")
    for page in (2, 3, 4, 5):
        everything += shown(client, f"/tracks?page={page}")
    assert len(everything) == len(TRACKS) and everything == sorted(everything, key=str.casefold)
    page = client.get("/tracks").text
    letters = re.findall(r'<a href="(/tracks(?:\?page=\d)?)#([^"]*)">(.)</a>', page)
    assert [letter for *_, letter in letters] == sorted({title[0] for title in everything})
    for address, place, letter in letters:
        begins = client.get(address).text.partition(f'id="{place}"')[2]
        assert re.search(r'data-title="(.)', begins)[1] == letter  # type: ignore[index]
    assert 'rel="next" href="/tracks?page=2"' in page
    assert client.get("/tracks?page=6").status_code == 404
    for wrong in ("page=0", "page=x", "sort=nothing"):
        assert client.get(f"/tracks?{wrong}").status_code == 400


def test_pages_of_albums_and_of_everybody_who_has_one(client: FlaskClient) -> None:
    addresses = re.findall(r'class="title" href="(/albums/[^"]+)"', client.get("/albums").text)
    for address in addresses:
        assert shown(client, address)
    one = client.get(addresses[0]).text
    assert one.index("Disc 1") < one.index("Second") < one.index("Disc 2") < one.index("Third")
    assert "More by" in one
    for name in ("Various Artists", "[Unknown artist]", "Anna & The Kinks", "the kinks"):
        assert client.get("/artist", query_string={"name": name}).status_code == 200, name
    assert "Appears on" in client.get("/artist?name=Anna").text
    for missing in ("/albums/al-0", "/genre?name=none", "/genre"):
        assert client.get(missing).status_code == 404


def test_the_history_by_days(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    page = client.get("/history")
    assert "4 listens" in page.text
    assert shown(client, "/history") == ["Hit", "Blue one", "Blue one", "First"]
    assert page.text.count('class="day"') == 2
    monkeypatch.setattr(history, "ON_PAGE", 3)
    older = re.search(r'rel="next" href="(/history[^"]+)"', client.get("/history").text)
    assert older and shown(client, unescape(older[1])) == ["First"]
    assert client.get("/history?before=x").status_code == 400
