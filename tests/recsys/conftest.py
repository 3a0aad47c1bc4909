from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from recsys.catalog import Catalog
from recsys.recommendation.recommender import Recommender

sys.path.append(str(Path(__file__).parent))  # for audio_files and small_library

from small_library import Library


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """A fresh database: None for SQLite in the home, or the URL of one in PostgreSQL."""
    if request.param == "sqlite":
        yield None
        return
    server = os.environ.get("EARSHOT_TEST_POSTGRESQL")
    if not server:
        pytest.skip("EARSHOT_TEST_POSTGRESQL names no server: see .ci/postgresql")
    name = f"earshot_{uuid.uuid4().hex}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield make_url(server).set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def catalog(home: Path, database: str | None) -> Iterator[Catalog]:
    with Catalog(home, database) as catalog:
        yield catalog


@pytest.fixture
def sqlite_catalog(home: Path) -> Iterator[Catalog]:
    """A catalogue in SQLite alone, for what is no matter of the database."""
    with Catalog(home) as catalog:
        yield catalog


@pytest.fixture
def library(request: pytest.FixtureRequest, sqlite_catalog: Catalog) -> Library:
    """A library of the songs that a test's module names SONGS."""
    return Library(sqlite_catalog, request.module.SONGS)


@pytest.fixture
def recommender(library: Library) -> Recommender:
    return Recommender(library.home)
