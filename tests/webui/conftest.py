from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

sys.path.append(str(Path(__file__).parents[1] / "scripts"))  # for made_home

from made_home import N_TRACKS, make_home, write_music

from recsys.settings import Settings
from webui.app import create_app


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
def client(home: Path) -> Iterator[FlaskClient]:
    app = create_app(Settings(home))
    yield app.test_client()
    app.extensions["served_home"].close()
