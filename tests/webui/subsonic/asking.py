"""Asking by OpenSubsonic in tests, and a library to ask about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from flask.testing import FlaskClient

from encoders.features import AudioInfo, TrackFeatures
from encoders.projection import fit_projection
from index.vector_index import VectorIndex
from recsys.catalog import Catalog, ScannedFile, Tags
from recsys.home.files import INDEX_NAME, PROJECTION_NAME

PASSWORD = "correct horse"
Tree = Any


class Rest:
    """Asks a server, always with the same login."""

    def __init__(self, client: FlaskClient, **login: str) -> None:
        self.client = client
        self.login = {"v": "1.16.1", "c": "test", "f": "json", **login}

    def raw(self, name: str, /, **given: Any) -> Any:
        """Return the whole answer."""
        query = {**self.login, **given}
        return self.client.get(f"/rest/{name}", query_string=query, buffered=True)

    def ask(self, name: str, /, **given: Any) -> Tree:
        """Return the tree of an answer that is no error."""
        tree = self.raw(name, **given).get_json()["subsonic-response"]
        assert tree["status"] == "ok", tree
        return tree

    def error(self, name: str, /, **given: Any) -> int:
        """Return the number of the error that is answered."""
        tree = self.raw(name, **given).get_json()["subsonic-response"]
        assert tree["status"] == "failed", tree
        number: int = tree["error"]["code"]
        assert tree["error"]["message"]
        return number


TRACKS = (  # folder, tags
    ("a/one", Tags("First", "The Kinks", "The Kinks", "One", 1, 1, 1970, ("Rock",))),
    ("a/one", Tags("Second", "The Kinks", "The Kinks", "One", 2, 1, 1970, ("Rock", "Pop"))),
    ("a/one", Tags("Third", "The Kinks", "The Kinks", "One", 1, 2, 1970, ("Rock",))),
    ("a/two", Tags("Guest", "Anna & The Kinks", None, "Two", 2, None, 1980,
                   artists=("Anna", "The Kinks"))),
    ("a/two", Tags("Lead", "The Kinks", None, "Two", 1, None, 1980)),
    ("a/two", Tags("Tail", "the kinks", None, "Two", 3, None, 1980)),
    ("v/hits", Tags("Hit", "Anna", None, "Hits", 1, year=1999, compilation=True)),
    ("v/hits", Tags("Miss", "Émile", None, "Hits", 2, year=1999, compilation=True)),
    ("v/mixed", Tags("Uno", "Anna", None, "Mixed", 1)),
    ("v/mixed", Tags("Due", "Émile", None, "Mixed", 2)),
    ("w/blue", Tags("Blue one", "Weezer", "Weezer", "Weezer", 1, year=1994)),
    ("w/green", Tags("Green one", "Weezer", "Weezer", "Weezer", 1, year=2001)),
    ("x", Tags("Nameless", "")),
)  # fmt: skip


def library_of(folder: Path) -> Path:
    """Make a home of TRACKS, and return it; each file is there, and is no music."""
    home, rng = folder / "shelf", np.random.default_rng(0)
    with Catalog(home) as catalog:
        files = []
        for number, (place, tags) in enumerate(TRACKS):
            path = folder / place / f"{number}.flac"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(bytes([number]) * 1000)
            info = AudioInfo(100.0 + number, 44_100, 2, "flac", f"{number:032x}")
            files.append(ScannedFile(None, path, 1000, 1, info, tags))
        catalog.record_files(files)
        rows = [_features(rng) for _ in files]
        catalog.store_features("model", list(enumerate(rows, start=1)))
        zeros = np.zeros(8, np.float32), np.zeros(2, np.float32)
        heard = [(one,) for one in rows]
        projection = fit_projection(heard, len(rows), ("model",), ("rock", "calm"), *zeros)
        projection.save(home / PROJECTION_NAME)
        index = VectorIndex.build(list(range(1, len(rows) + 1)), projection.embed(heard))
        index.save(
            home / INDEX_NAME,
            model="model",
            projection=projection.id,
            catalogue_revision=catalog.revision,
        )
    return home


def _features(rng: np.random.Generator) -> TrackFeatures:
    tags = rng.uniform(0.1, 0.9, (2, 2)).astype(np.float16)
    layer = rng.standard_normal((2, 8)).astype(np.float16)
    return TrackFeatures(np.array([0, 3], np.float32), tags, layer, np.repeat(layer[0], 2))
