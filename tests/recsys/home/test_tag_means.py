"""The file of the tags' mean log-odds: made once, of the index it belongs to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from small_library import Library, Song

from index.vector_index import Manifest, VectorIndex
from recsys.catalog import Catalog, CatalogError
from recsys.catalog.track_features import read_features
from recsys.home import index_arrays, tag_means
from recsys.home.files import TAG_MEANS_NAME
from recsys.home.library_tables import LibraryTables
from recsys.home.tag_means import TagColumns

COLUMNS = TagColumns(("model",), ("jazz", "Heavy Metal", "Party"))
SONGS = [Song([1, i], tags=(0.2 * i, 0.1, 0.9)) for i in range(4)]
MANIFEST = Manifest("model", "-", 3, 2, 4, "Flat", "")
IDS = np.arange(1, 5)


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog(tmp_path) as catalog:
        Library(catalog, SONGS)
        yield catalog


def test_means_are_those_of_the_features(catalog: Catalog) -> None:
    means = tag_means.compute(catalog, COLUMNS.names, np.array([2, 3, 99]))
    features = dict(read_features(catalog, COLUMNS.names, [2, 3]))
    for row, track_id in enumerate((2, 3)):
        assert means[row].tolist() == features[track_id][0].mean_logits().tolist()
    assert np.isnan(means[2]).all(), "a track without features"


def test_features_are_read_once(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    def means(manifest: Manifest) -> np.ndarray:
        return tag_means.load_or_compute(catalog.home, catalog, COLUMNS, IDS, manifest)

    def refuse(*_: object) -> NoReturn:
        raise CatalogError("The features are read.")

    first = means(MANIFEST)
    monkeypatch.setattr(tag_means, "read_features", refuse)
    assert np.array_equal(means(MANIFEST), first)
    path = catalog.home / TAG_MEANS_NAME
    whole = path.read_bytes()
    for damaged in (whole[:-5], whole[:4], b"", b"\xff" * 100):
        path.write_bytes(damaged)
        with pytest.raises(CatalogError):
            means(MANIFEST)
    path.write_bytes(whole)
    for other in (
        Manifest("model", "-", 4, 2, 4, "Flat", ""),
        Manifest("another", "-", 3, 2, 4, "Flat", ""),
    ):
        with pytest.raises(CatalogError):
            means(other)


def test_a_home_that_cannot_be_written_is_served(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> NoReturn:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(index_arrays, "replacing", refuse)
    found = tag_means.load_or_compute(catalog.home, catalog, COLUMNS, IDS, MANIFEST)
    assert found.shape == (4, 3)
    assert not (catalog.home / TAG_MEANS_NAME).exists()


@pytest.mark.parametrize("rows", [[0], [3, 1, 1], []])
def test_few_tracks_are_read_by_themselves_and_are_the_same(
    catalog: Catalog, rows: Sequence[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    index = VectorIndex.build(IDS, np.eye(4))
    tables = LibraryTables(catalog, index, lambda: COLUMNS)
    alone = tables.log_odds(np.array(rows, np.intp))
    tables.tags()
    monkeypatch.setattr("recsys.home.library_tables.read_features", None)
    assert np.array_equal(tables.log_odds(np.array(rows, np.intp)), alone)
