"""What a home stores, as tests compare it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from encoders.features import TrackFeatures
from recsys.catalog import Catalog


def query(home: Path, sql: str) -> list[tuple[Any, ...]]:
    """Ask the catalogue of a home, also while a build writes it."""
    path = home / "catalogue.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        return database.execute(sql).fetchall()


def content(home: Path) -> tuple[list[tuple[Any, ...]], dict[tuple[int, str], TrackFeatures]]:
    """All rows of the tracks but for the time they were added, and all features."""
    columns = [row[1] for row in query(home, "PRAGMA table_info(tracks)") if row[1] != "added_at"]
    rows = query(home, f"SELECT {', '.join(columns)} FROM tracks ORDER BY id")
    with Catalog(home) as catalog:
        features = {
            (track_id, name): heard
            for name in catalog.extractors()
            for track_id, heard in catalog.iter_features(name)
        }
    return rows, features
