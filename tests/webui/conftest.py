from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser, Page, expect, sync_playwright

sys.path.append(str(Path(__file__).parent))  # for browsing
sys.path.append(str(Path(__file__).parents[1] / "commands"))  # for made_home and sounds

from browsing import watched
from made_home import N_TRACKS, make_home, scanned_file, write_music
from served_app import serving

from earshot.transcoding import transcoded
from recsys.accounts import Accounts
from recsys.catalog import Catalog
from recsys.home.settings import Settings
from webui.app import create_app
from webui.uploads import SoundRefused

PATIENCE = 30  # s to wait for what ought to happen at once


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home and its music, to be copied, not written to."""
    folder = tmp_path_factory.mktemp("library")
    write_music(folder / "music", range(N_TRACKS))
    make_home(folder / "home", folder / "music")
    return folder


@pytest.fixture
def home(library: Path, tmp_path: Path) -> Path:
    """A home of one's own; its music is everybody's."""
    return shutil.copytree(library / "home", tmp_path / "home")


@pytest.fixture
def music(home: Path, library: Path, tmp_path: Path) -> Path:
    """The home's music, as files of one's own."""
    music = shutil.copytree(library / "music", tmp_path / "music")
    with Catalog(home) as catalog:
        moved = [scanned_file(n, music)._replace(track_id=n + 1) for n in range(N_TRACKS)]
        catalog.record_files(moved)
    return music


@pytest.fixture
def client(home: Path) -> Iterator[FlaskClient]:
    app = create_app(Settings(home))
    yield app.test_client()
    app.extensions["served_home"].close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium")
    if path is None and os.environ.get("EARSHOT_REQUIRE_BROWSER"):
        pytest.fail("There is no chromium on the PATH, and EARSHOT_REQUIRE_BROWSER asks for it.")
    if path is None:
        pytest.skip("There is no chromium on the PATH: apt-get install chromium.")
    expect.set_options(timeout=1000 * PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def app(home: Path) -> Flask:
    """The application without accounts."""

    def analyse(path: Path) -> tuple[str, Any]:
        """Find everything to sound like track 20."""
        served = app.extensions["served_home"].current()
        return served.projection_id, served.recommender.index.vectors([20])[0]

    app = create_app(Settings(home), analyse_file=analyse, transcode=transcoded)
    return app


@pytest.fixture
def two_people(home: Path) -> Iterator[Flask]:
    """The application with the accounts of an owner, Ann, and of Bob; it can analyse nothing."""

    def refuse(path: Path) -> Any:
        raise SoundRefused("It is not music.")

    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    with Catalog(home) as catalog:
        accounts = Accounts(catalog.people, hasher)
        accounts.add("ann", role="owner", password="correct horse")
        accounts.add("bob", password="correct horse")
        app = create_app(
            Settings(home),
            accounts=accounts,
            public_names={"music.example.org"},
            analyse_file=refuse,
        )
        yield app
        app.extensions["served_home"].close()


@pytest.fixture
def serve() -> Iterator[Callable[[Flask], str]]:
    """Serves applications until the test is over, and gives their addresses."""
    with ExitStack() as stack:
        yield lambda app: stack.enter_context(serving(app))


@pytest.fixture
def address(app: Flask, serve: Callable[[Flask], str]) -> str:
    """The application, served in a thread."""
    return serve(app)


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    context = browser.new_context(
        base_url=address, viewport={"width": 1200, "height": 900}, service_workers="block"
    )
    context.set_default_timeout(1000 * PATIENCE)
    yield from watched(context.new_page())
    context.close()
