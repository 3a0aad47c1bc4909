"""Indexing a library by shards: what a build finds done, and what damaged ones cost."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from small_catalog import MODEL, heard, seen

from encoders.features import TrackFeatures
from index.arrays import Float32Array
from index.storage import DamagedIndex, Manifest
from index.vector_index import VectorIndex
from recsys.catalog import Catalog
from recsys.home import index_arrays, tag_means
from recsys.home.files import INDEX_NAME, INDEX_SHARDS_NAME
from recsys.library.sharded_index import index_by_shards

N, DIM = 700, 8
MADE_OF = Manifest(MODEL, "p", 3, 0, 0, "IVF4,PQ4x4", "")


class Embedding:
    """Gives each track the vector of its features' pools; counts tracks, and stops after some."""

    def __init__(self, most: int = 10**9) -> None:
        self.n, self.most = 0, most

    def embed(self, tracks: Sequence[Sequence[TrackFeatures]]) -> Float32Array:
        self.n += len(tracks)
        if self.n > self.most:
            raise KeyboardInterrupt
        return np.array([one[0].pooled[:DIM] for one in tracks], np.float32)


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory):
    pools = np.random.default_rng(0).standard_normal((N, DIM)).astype(np.float16)
    tags = np.full((1, 3), 0.5, np.float16)
    with Catalog(tmp_path_factory.mktemp("home")) as catalog:
        catalog.record_files([seen(f"{number}.flac") for number in range(N)])
        features = [TrackFeatures(heard().starts[:1], tags, tags, one) for one in pools]
        catalog.store_features(MODEL, list(enumerate(features, start=1)))
        yield catalog


def index(catalog: Catalog, embedding: Embedding, size: int = 300) -> VectorIndex:
    ids = [*range(1, 400), *range(401, N + 1)]
    index_by_shards(catalog, [MODEL], ids, embedding, MADE_OF, lambda _: None, size)
    return VectorIndex.load(catalog.home / INDEX_NAME, model=MODEL, projection="p", dim=DIM)


def test_an_interrupted_build_goes_on_where_it_stopped(catalog: Catalog) -> None:
    whole = index(catalog, Embedding(), N)
    assert len(whole) == N - 1 and not (catalog.home / INDEX_SHARDS_NAME).exists()
    assert tag_means.load(catalog.home, index_arrays.made_of(MODEL, 3, whole.ids)) is not None
    with pytest.raises(KeyboardInterrupt):
        index(catalog, Embedding(most=N + 500))  # the sample is projected first
    rest = Embedding()
    again = index(catalog, rest)
    assert rest.n == N - 1 - 300
    queries = whole.vectors(whole.ids[:50])
    for a, b in zip(whole.search(queries, 5), again.search(queries, 5), strict=True):
        assert a.ids.tolist() == b.ids.tolist()


def test_a_damaged_shard_is_named_and_made_anew_by_the_next_build(catalog: Catalog) -> None:
    with pytest.raises(KeyboardInterrupt):
        index(catalog, Embedding(most=N + 500))
    (shard,) = (catalog.home / INDEX_SHARDS_NAME).rglob("0.shard")
    content = bytearray(shard.read_bytes())
    content[-200] ^= 1
    shard.write_bytes(content)
    with pytest.raises(DamagedIndex, match=r"0\.shard is damaged"):
        index(catalog, Embedding())
    assert len(index(catalog, Embedding())) == N - 1
