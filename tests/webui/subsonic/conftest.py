from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

sys.path.append(str(Path(__file__).parent))  # for official and asking

from asking import PASSWORD, Rest, library_of
from made_home import N_TRACKS, scanned_file

from earshot.transcoding import transcoded
from recsys.accounts import Accounts
from recsys.catalog import Catalog
from recsys.home.settings import Settings
from webui.app import create_app


@pytest.fixture
def sized(home: Path, library: Path) -> Path:
    """The home, whose files have their real sizes."""
    with Catalog(home) as catalog:
        files = [scanned_file(n, library / "music") for n in range(N_TRACKS)]
        catalog.record_files(
            [
                file._replace(track_id=n, size=file.path.stat().st_size)
                for n, file in enumerate(files, start=1)
            ]
        )
    return home


@pytest.fixture
def mine(sized: Path) -> Iterator[Flask]:
    """The application without accounts."""
    app = create_app(Settings(sized), transcode=transcoded)
    yield app
    app.extensions["served_home"].close()


@pytest.fixture
def rest(mine: Flask) -> Rest:
    """Asks as the one person here."""
    return Rest(mine.test_client())


@pytest.fixture
def shelves(tmp_path: Path) -> Iterator[Rest]:
    """A library with albums of every kind, whose files are real."""
    app = create_app(Settings(library_of(tmp_path)))
    yield Rest(app.test_client())
    app.extensions["served_home"].close()


@pytest.fixture
def ann(two_people: Flask) -> Rest:
    """Asks as Ann, by an API key."""
    return Rest(two_people.test_client(), apiKey=_key(two_people, "ann"))


@pytest.fixture
def bob(two_people: Flask) -> Rest:
    """Asks as Bob."""
    return Rest(two_people.test_client(), apiKey=_key(two_people, "bob"))


@pytest.fixture
def strange(two_people: Flask) -> Callable[..., Any]:
    """Asks for a ping with what is given, and returns the whole answer."""
    client: FlaskClient = two_people.test_client()

    def ask(**given: str) -> Any:
        query = {"f": "json", "v": "1.16.1", "c": "test", **given}
        return client.get("/rest/ping", query_string=query).get_json()["subsonic-response"]

    return ask


@pytest.fixture
def proving(two_people: Flask) -> Accounts:
    found: Accounts = two_people.extensions["accounts"]
    return found


def _key(app: Flask, name: str) -> str:
    accounts: Accounts = app.extensions["accounts"]
    found = accounts.people.by_name(name)
    assert found is not None and PASSWORD
    return accounts.make_key(found[0], "test")[1]
