"""npm's client subsonic-api against the server that people run.

npm install --prefix /tmp/npm subsonic-api
EARSHOT_TEST_NPM=/tmp/npm uv run pytest -n 0 tests/webui/subsonic/test_npm_client.py
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from made_home import N_TRACKS
from test_clients import PASSWORD, pitch, pitch_of

from recsys.accounts import Accounts

SCRIPT = Path(__file__).with_name("npm_client.mjs")


@pytest.fixture
def node() -> list[str]:
    """The beginning of the command that walks."""
    program, folder = shutil.which("node"), os.environ.get("EARSHOT_TEST_NPM", "")
    if program is None:
        pytest.skip("There is no node on the PATH: apt-get install nodejs.")
    if not Path(folder, "node_modules", "subsonic-api").is_dir() or not folder:
        pytest.skip("EARSHOT_TEST_NPM names no folder with npm's subsonic-api installed.")
    return [program, str(SCRIPT), folder]


@pytest.mark.parametrize("login", ["nobody", "application password", "key"])
@pytest.mark.parametrize("how", ["get", "post"])
def test_it_walks_through(
    login: str,
    how: str,
    node: list[str],
    mine: Flask,
    two_people: Flask,
    serve: Callable[[Flask], str],
) -> None:
    app, auth = mine, {"username": "me", "password": PASSWORD}
    if login != "nobody":
        app = two_people
        app.config["TRANSCODE"] = mine.config["TRANSCODE"]
        accounts: Accounts = app.extensions["accounts"]
        found = accounts.people.by_name("bob")
        assert found
        if login == "key":
            auth = {"apiKey": accounts.make_key(found[0], "test")[1]}
        else:
            password = accounts.make_application_password(found[0], "test")[1]
            auth = {"username": "bob", "password": password}
    arguments = [*node, serve(app), json.dumps(auth), how]
    done = subprocess.run(arguments, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    for name, sound in told.pop("sounds").items():
        assert pitch_of(base64.b64decode(sound)) == pytest.approx(pitch(9), abs=5), name
    similarities = told.pop("sonic")
    assert len(similarities) == 5 and similarities == sorted(similarities, reverse=True)
    assert "sonicSimilarity" in told.pop("extensions")
    path = told.pop("path")
    assert (path[0], path[-1], len(path)) == ("1", "24", 6)
    assert told == {
        "artists": ["Ada", "Bix", "Cleo", "Dinah", "Ella", "Fats"],
        "album": ["Ada live", ["Song 0", "Song 1", "Song 2", "Song 3"]],
        "listed": 3,
        "found": "Song 7",
        "genres": told["genres"],
        "similar": 5,
        "kept": ["Night", ["5", "9"]],
        "left": 0,
        "starred": [["3"], told["starred"][1]],
        "rating": 5,
        "plays": 1,
        "queue": [["1", "2", "1"], "2", 1500],
        "scanned": N_TRACKS,
    }
    assert sorted(told["genres"]) == ["Classical", "Rock"] and len(told["starred"][1]) == 1
