"""An index built by shards: that of one shard, recall, damage, what is left of other formats."""

from dataclasses import replace
from itertools import pairwise

import faiss
import numpy as np
import pytest

from index import shards
from index.half_vectors import HalfVectors
from index.hubs import METHODS, reference_rows
from index.storage import DamagedIndex, Manifest, StaleIndex
from index.vector_index import VectorIndex, read_manifest

N, DIM, RECIPE = 3000, 16, "IVF16,PQ8x4"
NAMES = {"model": "vgg", "projection": "w1"}
CENTRES = np.random.default_rng(0).standard_normal((200, DIM))


def clustered(n, seed):
    rng = np.random.default_rng(seed)
    return CENTRES[rng.integers(200, size=n)] + 0.5 * rng.standard_normal((n, DIM))


IDS, VECTORS, QUERIES = np.arange(N) * 2 + 5, clustered(N, 1), clustered(50, 2)
MANIFEST = Manifest("vgg", "w1", 7, 0, 0, "", "")


@pytest.fixture(scope="module")
def training():
    rows = reference_rows(N)
    return shards.train(VECTORS[:2000], IDS[rows], VECTORS[rows], RECIPE)


def written(folder, training, *cuts):
    edges, paths = [0, *cuts, N], []
    for start, end in pairwise(edges):
        paths.append(folder / f"{start}.shard")
        shards.write_shard(paths[-1], training, IDS[start:end], VECTORS[start:end])
    return paths


@pytest.fixture(scope="module")
def path(tmp_path_factory, training):
    folder = tmp_path_factory.mktemp("shards")
    shards.merge(folder / "index", training, written(folder, training, 801, 2000), MANIFEST)
    return folder / "index"


@pytest.fixture
def index(path):
    return VectorIndex.load(path, **NAMES, dim=DIM)


@pytest.fixture(scope="module")
def flat():
    return VectorIndex.build(IDS, VECTORS)


def test_shards_make_the_index_that_one_makes(tmp_path, training, index):
    shards.merge(tmp_path / "one", training, written(tmp_path, training), MANIFEST)
    one = VectorIndex.load(tmp_path / "one", **NAMES, dim=DIM)
    assert (one.ids == index.ids).all() and one.recipe == index.recipe == RECIPE
    assert (one.vectors(IDS) == index.vectors(IDS)).all()
    np.testing.assert_allclose(one.statistics.tracks, index.statistics.tracks, atol=2e-6)
    np.testing.assert_allclose(one.statistics.quantiles, index.statistics.quantiles, atol=1e-4)
    for a, b in zip(one.search(QUERIES, 10), index.search(QUERIES, 10), strict=True):
        assert a.ids.tolist() == b.ids.tolist()
        assert a.scores.tolist() == b.scores.tolist()


@pytest.mark.parametrize("hubs", METHODS)
def test_nearly_all_is_found_and_scored_by_exact_cosines(index, flat, hubs, monkeypatch):
    monkeypatch.setattr(index, "_exact", lambda *_: iter(()))  # which answers what lists do not
    found, exact = (which.search(QUERIES, 10, hubs=hubs) for which in (index, flat))
    common = [np.isin(a.ids, b.ids).mean() for a, b in zip(found, exact, strict=True)]
    assert np.mean(common) >= 0.95
    pairs = [(a.scores[0], b.scores[0]) for a, b in zip(found, exact, strict=True)]
    np.testing.assert_allclose(*zip(*pairs, strict=True), atol=0.02 if hubs != "none" else 2e-4)


def test_statistics_are_those_of_an_index_in_memory(index, flat):
    np.testing.assert_allclose(index.statistics.tracks, flat.statistics.tracks, atol=5e-4)
    np.testing.assert_allclose(
        index.statistics.quantiles[0], flat.statistics.quantiles[0], atol=5e-3
    )


def test_a_stored_vector_finds_itself_with_cosine_one(index):
    for row, ranking in enumerate(index.search(index.vectors(IDS[:20]), 1)):
        assert ranking.ids.tolist() == [IDS[row]]
        assert ranking.scores == pytest.approx([1], abs=1e-6)


@pytest.mark.parametrize("k", [1, 2047, N, 10**6])
def test_k_is_met_whenever_there_are_as_many(index, k):
    (ranking,) = index.search(QUERIES[:1], k)
    assert len(ranking.ids) == len(set(ranking.ids.tolist())) == min(k, N)


def test_products_and_candidates_are_those_of_the_vectors(index):
    unit = QUERIES[0] / np.linalg.norm(QUERIES[0])
    products = index.products(unit.astype(np.float32))
    np.testing.assert_allclose(products, index.vectors(IDS) @ unit, atol=1e-5)
    (rows,) = index.candidates(QUERIES[:1], 300)
    assert np.isin(np.argsort(-products)[:10], rows).all()
    index.prepare()  # has nothing to do


def test_where_faiss_maps_no_files_its_lists_are_in_memory(path, index, monkeypatch):
    expected = index.search(QUERIES, 10)
    monkeypatch.delattr(faiss, "OnDiskInvertedLists")
    in_memory = VectorIndex.load(path, **NAMES, dim=DIM)
    for a, b in zip(expected, in_memory.search(QUERIES, 10), strict=True):
        assert a.ids.tolist() == b.ids.tolist()


def test_a_mapped_index_outlives_its_file(tmp_path, path, index):
    copy = tmp_path / "index"
    copy.write_bytes(path.read_bytes())
    loaded = VectorIndex.load(copy, **NAMES, dim=DIM)
    copy.unlink()
    assert (
        loaded.search(QUERIES[:1], 5)[0].ids.tolist()
        == index.search(QUERIES[:1], 5)[0].ids.tolist()
    )


def test_the_manifest_says_what_it_is(path):
    manifest = read_manifest(path)
    assert (manifest.model, manifest.projection, manifest.catalogue_revision) == ("vgg", "w1", 7)
    assert (manifest.dim, manifest.ntotal, manifest.recipe) == (DIM, N, RECIPE)


def test_a_training_is_kept_for_other_processes(tmp_path, training):
    training.save(tmp_path / "training")
    again = shards.Training.load(tmp_path / "training")
    assert again.id == training.id
    shards.write_shard(tmp_path / "a", again, IDS[:100], VECTORS[:100])
    shards.write_shard(tmp_path / "b", training, IDS[:100], VECTORS[:100])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_shard_is_an_index_of_its_own(tmp_path, training):
    (path, _) = written(tmp_path, training, 500)
    shard = VectorIndex.load(path, model=None, projection=None, dim=DIM)
    assert shard.search(VECTORS[:1], 1)[0].ids.tolist() == [IDS[0]]


class TestRefusals:
    def test_a_flipped_byte_anywhere(self, tmp_path, path):
        whole, damaged = path.read_bytes(), tmp_path / "index"
        for spot in [0, 90, 4096, 4110, *range(6000, len(whole), len(whole) // 12), len(whole) - 1]:
            changed = bytearray(whole)
            changed[spot] ^= 0x40
            damaged.write_bytes(changed)
            with pytest.raises(DamagedIndex, match=r"is damaged \(.*\): run `earshot build` again"):
                VectorIndex.load(damaged, **NAMES, dim=DIM)

    def test_a_damaged_shard_is_named_and_the_old_index_stays(self, tmp_path, training, path):
        (tmp_path / "index").write_bytes(path.read_bytes())
        paths = written(tmp_path, training, 1000)
        content = bytearray(paths[1].read_bytes())
        content[len(content) // 2] ^= 1
        paths[1].write_bytes(content)
        with pytest.raises(DamagedIndex, match=r"1000\.shard is damaged"):
            shards.merge(tmp_path / "index", training, paths, MANIFEST)
        paths[1].unlink()
        with pytest.raises(DamagedIndex, match=r"There is no index at .*1000\.shard"):
            shards.merge(tmp_path / "index", training, paths, MANIFEST)
        assert (tmp_path / "index").read_bytes() == path.read_bytes()

    def test_a_shard_of_another_training(self, tmp_path, training):
        other = replace(training, reference_ids=training.reference_ids + 1)
        with pytest.raises(StaleIndex, match="made by another training"):
            shards.merge(tmp_path / "index", other, written(tmp_path, training), MANIFEST)

    def test_shards_out_of_order(self, tmp_path, training):
        paths = written(tmp_path, training, 1500)
        with pytest.raises(ValueError, match="ascend from shard to shard"):
            shards.merge(tmp_path / "index", training, paths[::-1], MANIFEST)

    def test_an_index_that_is_copied_into_memory(self, tmp_path, training, flat):
        flat.save(tmp_path / "flat", **NAMES, catalogue_revision=1)
        with pytest.raises(DamagedIndex, match="it is not one of inverted lists"):
            shards.merge(tmp_path / "index", training, [tmp_path / "flat"], MANIFEST)

    @pytest.mark.parametrize(
        ("recipe", "message"),
        [
            ("Flat", "wanted IVF…,PQ…, got 'Flat'"),
            ("IVF64,PQ5", "multiple"),
            ("IVF4096,PQ4", "at least 159744 vectors"),
        ],
    )
    def test_of_recipes(self, recipe, message):
        with pytest.raises(ValueError, match=message):
            shards.train(VECTORS, IDS, VECTORS, recipe)

    def test_a_mapped_index_is_not_saved(self, index, tmp_path):
        with pytest.raises(ValueError, match=r"index\.shards\.merge"):
            index.save(tmp_path / "index", **NAMES, catalogue_revision=1)


@pytest.mark.parametrize(
    ("n", "dim", "recipe"),
    [
        (1, 384, "Flat"),
        (1_000_000, 384, "Flat"),
        (1_000_001, 384, "IVF1024,PQ96"),
        (10_000_000, 600, "IVF4096,PQ150"),
        (10_000_000, 383, "IVF4096,PQ1"),
        (100_000_000, 384, "IVF8192,PQ96"),
    ],
)
def test_the_usual_recipe(n, dim, recipe):
    assert shards.usual_recipe(n, dim) == recipe


def test_half_vectors_are_of_unit_length():
    unit = (VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True)).astype(np.float32)
    halves = HalfVectors(unit.astype(np.float16))
    assert np.linalg.norm(halves[:], axis=1) == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(halves[np.array([3, 1])], unit[[3, 1]], atol=1e-3)
