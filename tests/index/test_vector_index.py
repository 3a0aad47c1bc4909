"""What every recipe must do, against naive cosines, scikit-learn and answers known beforehand."""

import math
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import faiss
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.neighbors import NearestNeighbors

from index import vector_index
from index.vector_index import VectorIndex

RECIPES = {  # and search parameters that leave them something to miss
    "Flat": "",
    "IVF25,Flat": "nprobe=4",
    "IVF25,SQ8": "nprobe=4",
    "PCA8,IVF8,Flat": "nprobe=2",
    "HNSW16": "efSearch=16",
    "SQ8": "",
    "PQ8x4": "",
}
DIM = 16


def clustered(n, seed=0):
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).standard_normal((20, DIM))
    return centres[rng.integers(20, size=n)] + 0.5 * rng.standard_normal((n, DIM))


def naive_cosine(a, b):
    dot = sum(float(x) * float(y) for x, y in zip(a, b, strict=True))
    return dot / (math.hypot(*map(float, a)) * math.hypot(*map(float, b)))


VECTORS = clustered(1000)
IDS = np.random.default_rng(1).permutation(5000)[:1000]
VECTOR_OF = dict(zip(IDS.tolist(), VECTORS, strict=True))
QUERIES = clustered(20, seed=2)


@pytest.fixture(scope="module", params=RECIPES)
def index(request):
    return VectorIndex.build(IDS, VECTORS, request.param, RECIPES[request.param])


class TestEveryRecipe:
    def test_a_stored_vector_finds_itself_with_cosine_one(self, index):
        for row, ranking in enumerate(index.search(3 * VECTORS[:20], 1)):
            assert ranking.ids.tolist() == [IDS[row]]
            assert ranking.scores == pytest.approx([1], abs=1e-6)

    def test_what_is_nearby_holds_the_nearest(self, index):
        wanted = index.search(QUERIES, 10)
        found = index.candidates(3 * QUERIES, 100)
        hits = [
            np.isin(ranking.ids, index.ids[rows])
            for ranking, rows in zip(wanted, found, strict=True)
        ]
        assert np.mean(hits) == 1 if index.recipe == "Flat" else np.mean(hits) > 0.8
        assert all(len(np.unique(rows)) == len(rows) <= 100 for rows in found)
        assert set(index.candidates(QUERIES[:1], 9000)[0]) <= set(range(len(IDS)))
        assert (index.vectors_at(found[0]) == index.vectors(index.ids[found[0]])).all()
        with pytest.raises(ValueError, match="k: wanted at least 1, got 0"):
            index.candidates(QUERIES, 0)

    def test_scores_are_exact_cosines_best_first_of_unique_ids(self, index):
        for query, (ids, scores) in zip(QUERIES, index.search(QUERIES, 25), strict=True):
            assert ids.dtype == np.int64 and scores.dtype == np.float32
            assert len(set(ids.tolist())) == 25
            assert scores.tolist() == sorted(scores.tolist(), reverse=True)
            expected = [naive_cosine(query, VECTOR_OF[i]) for i in ids.tolist()]
            np.testing.assert_allclose(scores, expected, atol=1e-6)

    def test_finds_nearly_all_that_exact_search_finds(self, index):
        exact = VectorIndex.build(IDS, VECTORS).search(QUERIES, 10)
        found = index.search(QUERIES, 10)
        common = [len(set(e.ids) & set(f.ids)) for e, f in zip(exact, found, strict=True)]
        assert np.mean(common) >= 9

    @pytest.mark.parametrize("k", [1, 999, 1000, 1001, 10**6])
    def test_k_is_met_whenever_there_are_as_many(self, index, k):
        (ranking,) = index.search(QUERIES[:1], k)
        assert len(ranking.ids) == len(ranking.scores) == len(set(ranking.ids)) == min(k, 1000)

    @pytest.mark.parametrize("n_excluded", [1, 30, 700, 995, 1000])
    def test_excluded_ids_make_room_for_the_next_best(self, index, n_excluded):
        everything = index.search(QUERIES[:3], 1000)
        for query, ranking in zip(QUERIES, everything, strict=False):
            excluded, rest = ranking.ids[:n_excluded], ranking.ids[n_excluded:]
            (found,) = index.search([query], 10, exclude=[*excluded, -1, 10**9])
            assert len(found.ids) == min(10, len(rest))
            assert not set(found.ids) & set(excluded)
            if index.recipe == "Flat":
                assert found.ids.tolist() == rest[:10].tolist()

    def test_a_batch_gives_what_single_queries_give(self, index):
        for query, (ids, scores) in zip(QUERIES, index.search(QUERIES, 10), strict=True):
            (alone,) = index.search(query[None], 10)
            assert ids.tolist() == alone.ids.tolist()
            assert scores.tolist() == alone.scores.tolist()

    def test_threads_search_at_once(self, index):
        expected = [r.ids.tolist() for r in index.search(QUERIES, 10)]
        with ThreadPoolExecutor(8) as pool:
            found = pool.map(lambda i: index.search(QUERIES[i : i + 1], 10), list(range(20)) * 10)
            assert [r.ids.tolist() for (r,) in found] == expected * 10

    def test_no_queries_no_rankings(self, index):
        assert index.search(np.empty((0, DIM)), 10) == []

    def test_an_empty_index_finds_nothing(self, index):
        empty = VectorIndex.build([], np.empty((0, DIM)), index.recipe)
        assert (len(empty), empty.dim, empty.recipe) == (0, DIM, index.recipe)
        rankings = empty.search(QUERIES, 10, exclude=[1])
        assert [(len(r.ids), len(r.scores)) for r in rankings] == [(0, 0)] * 20

    def test_knows_its_recipe_size_and_ids(self, index):
        assert (len(index), index.dim, index.manifest) == (1000, DIM, None)
        assert index.ids.tolist() == sorted(IDS.tolist())


@pytest.mark.parametrize("recipe", ["Flat", "IVF8,Flat", "HNSW16"])
def test_equal_scores_come_by_ascending_id(recipe):
    copies = np.repeat(VECTORS[:1], 200, axis=0) * np.linspace(0.1, 9, 200)[:, None]
    vectors = np.concatenate([copies, VECTORS])
    ids = np.random.default_rng(3).permutation(1200)
    twins = sorted(ids[:201].tolist())  # VECTORS[0] itself is the last of them
    built = VectorIndex.build(ids, vectors, recipe)
    for k in (5, 150, 201):
        assert built.search(VECTORS[:1], k)[0].ids.tolist() == twins[:k]


@pytest.mark.parametrize("recipe", ["Flat", "HNSW16", "SQ8"])
def test_one_vector_is_enough_where_there_are_no_centroids(recipe):
    one = VectorIndex.build([7], VECTORS[:1], recipe)
    assert one.search(QUERIES, 10)[0].ids.tolist() == [7]


@pytest.mark.parametrize("recipe", ["Flat", "IVF25,Flat", "HNSW16", "SQ8"])
def test_building_and_searching_is_silent(recipe, capfd):
    VectorIndex.build(IDS, VECTORS, recipe).search(QUERIES, 10)
    assert capfd.readouterr() == ("", "")


class TestExactSearch:
    def test_the_answer_of_a_case_one_can_draw(self):
        index = VectorIndex.build([30, 10, 20, 40], [[0, 2], [5, 0], [3, 3], [-1, 0]])
        (ranking,) = index.search([[1, 0]], 4)
        assert ranking.ids.tolist() == [10, 20, 30, 40]
        assert ranking.scores == pytest.approx([1, math.sqrt(0.5), 0, -1])

    def test_agrees_with_scikit_learn(self):
        ids = np.arange(1000)
        neighbours = NearestNeighbors(n_neighbors=12, metric="cosine").fit(VECTORS)
        distances, rows = neighbours.kneighbors(QUERIES)
        for i, ranking in enumerate(VectorIndex.build(ids, VECTORS).search(QUERIES, 12)):
            assert ranking.ids.tolist() == rows[i].tolist()
            np.testing.assert_allclose(1 - ranking.scores, distances[i], atol=1e-6)

    @given(
        # Few distinct directions, so that equal scores abound.
        vectors=arrays(
            np.int8, st.tuples(st.integers(1, 30), st.just(3)), elements=st.integers(0, 2)
        ),
        k=st.integers(1, 35),
    )
    def test_nothing_better_is_left_out(self, vectors, k):
        vectors = vectors[vectors.any(axis=1)]
        index = VectorIndex.build(np.arange(len(vectors)) * 2, vectors)
        query = [1, 2, 0]
        (ranking,) = index.search([query], k)
        cosines = {2 * i: naive_cosine(query, vector) for i, vector in enumerate(vectors)}
        best = sorted(cosines, key=lambda i: (-round(cosines[i], 6), i))[:k]
        assert ranking.ids.tolist() == best
        np.testing.assert_allclose(ranking.scores, [cosines[i] for i in best], atol=1e-6)

    @pytest.mark.parametrize("scale", [1e-300, 1e-30, 1e30, 1e300])
    def test_length_does_not_matter(self, scale):
        (scaled,) = VectorIndex.build(IDS, VECTORS * scale).search(QUERIES[:1] / scale, 10)
        (plain,) = VectorIndex.build(IDS, VECTORS).search(QUERIES[:1], 10)
        assert scaled.ids.tolist() == plain.ids.tolist()

    def test_many_queries_are_answered_in_blocks(self, monkeypatch):
        index = VectorIndex.build(IDS, VECTORS)
        expected = [r.ids.tolist() for r in index.search(QUERIES, 10)]
        monkeypatch.setattr(vector_index, "BLOCK", 3000)
        blocks = VectorIndex.build(IDS, VECTORS)
        assert [r.ids.tolist() for r in blocks.search(QUERIES, 10)] == expected


class TestStoredVectors:
    def test_are_unit_length_copies_by_id(self):
        vectors = VECTORS.astype(np.float32)
        before = vectors.copy()
        index = VectorIndex.build(IDS, vectors)
        found = index.vectors(IDS[[5, 3, 5]])
        assert found.dtype == np.float32
        expected = before[[5, 3, 5]] / np.linalg.norm(before[[5, 3, 5]], axis=1, keepdims=True)
        np.testing.assert_allclose(found, expected, atol=1e-6)
        vectors[:] = 0
        found[:] = 0
        assert index.vectors(IDS[:1]).any()

    def test_searching_leaves_the_queries_alone(self):
        queries = 3 * QUERIES.astype(np.float32)
        before = queries.copy()
        VectorIndex.build(IDS, VECTORS).search(queries, 3)
        assert (queries == before).all()

    def test_float16_and_lists_are_welcome(self):
        index = VectorIndex.build([1, 2], np.array([[1, 0], [0, 1]], dtype=np.float16))
        assert index.vectors([2]).tolist() == [[0, 1]]
        assert index.vectors([]).shape == (0, 2)

    @pytest.mark.parametrize("unknown", [-1, 0, 15, 99])
    def test_unknown_ids_are_named(self, unknown):
        index = VectorIndex.build([10, 20], [[1, 0], [0, 1]])
        with pytest.raises(KeyError, match=rf"\[{unknown}\]"):
            index.vectors([10, unknown])

    def test_ids_cannot_be_changed(self):
        with pytest.raises(ValueError, match="read-only"):
            VectorIndex.build([1], [[1.0]]).ids[0] = 2


class TestRefusals:
    @pytest.mark.parametrize(
        ("ids", "vectors", "message"),
        [
            ([1, 2, 1], np.ones((3, 2)), r"ids: wanted each once, got 1 more than once"),
            ([1, 2], np.ones((3, 2)), r"wanted shape \(2, dim\), got \(3, 2\)"),
            ([1], np.ones(2), r"wanted shape \(1, dim\), got \(2,\)"),
            ([1], np.ones((1, 0)), r"wanted shape \(1, dim\), got \(1, 0\)"),
            ([], [], r"wanted shape \(0, dim\), got \(0,\)"),
            ([1.0], np.ones((1, 2)), r"ids: wanted integers \(n,\), got float64 \(1,\)"),
            ([[1]], np.ones((1, 2)), r"ids: wanted integers \(n,\), got int64 \(1, 1\)"),
            ([9, 8], [[1, 0], [np.nan, 1]], r"vectors: .* got NaN or infinity in row 1"),
            ([9, 8], [[1, 0], [0, -np.inf]], r"vectors: .* got NaN or infinity in row 1"),
            ([9, 8], [[1, 0], [0, 0]], r"vectors: .* got only zeros in row 1"),
        ],
    )
    def test_of_vectors(self, ids, vectors, message):
        with pytest.raises(ValueError, match=message):
            VectorIndex.build(ids, vectors)

    @pytest.mark.parametrize(
        ("queries", "k", "message"),
        [
            (np.ones((1, 3)), 1, r"queries: wanted shape \(n, 2\), got \(1, 3\)"),
            (np.ones(2), 1, r"queries: wanted shape \(n, 2\), got \(2,\)"),
            ([[1, 0], [np.nan, 0]], 1, "queries: .* got NaN or infinity in row 1"),
            ([[0, 0]], 1, "queries: .* got only zeros in row 0"),
            ([[1, 0]], 0, "k: wanted at least 1, got 0"),
        ],
    )
    def test_of_queries(self, queries, k, message):
        with pytest.raises(ValueError, match=message):
            VectorIndex.build([1], [[1, 0]]).search(queries, k)

    def test_of_a_mask_for_excluded_ids(self):
        with pytest.raises(ValueError, match="wanted integers"):
            VectorIndex.build([1], [[1, 0]]).search([[1, 0]], 1, exclude=np.array([True]))

    @pytest.mark.parametrize("n", [0, 1000])
    @pytest.mark.parametrize(
        ("recipe", "search", "message"),
        [
            ("Nonsense", "", "could not parse index string"),
            ("", "", "could not parse index string"),
            ("PQ7x4", "", "multiple of the number of subquantizers"),
            ("IVF0,Flat", "", "wanted at least 1 list"),
            ("HNSW1", "", "2 links, got 'HNSW1'"),
            ("Flat", "nprobe=4", "wanted parameters of this recipe, got 'nprobe=4'"),
            ("IVF8,Flat", "efSearch=4", "could not set parameter efSearch"),
            ("IVF8,Flat", "nonsense", "could not interpret parameters nonsense"),
        ],
    )
    def test_of_recipes(self, recipe, search, message, n):
        with pytest.raises(ValueError, match=message):
            VectorIndex.build(IDS[:n], VECTORS[:n], recipe, search)

    def test_of_recipes_that_bring_their_own_ids(self):
        with pytest.raises(ValueError, match=r"'IDMap,Flat' \(add does not make sense"):
            VectorIndex.build(IDS, VECTORS, "IDMap,Flat")

    @pytest.mark.parametrize(
        ("recipe", "needed"), [("IVF26,Flat", 1014), ("PQ4", 9984), ("OPQ4,IVF8,PQ4x5", 1248)]
    )
    def test_of_too_few_vectors_to_train_on(self, recipe, needed, capfd):
        with pytest.raises(ValueError, match=f"at least {needed} vectors .*got 1000"):
            VectorIndex.build(IDS, VECTORS, recipe)
        assert capfd.readouterr() == ("", "")


class TestSearchParameters:
    @pytest.mark.parametrize(
        ("recipe", "default"),
        [
            ("Flat", ""),
            ("SQ8", ""),
            ("IVF16,Flat", "nprobe=16"),
            ("IVF25,Flat", "nprobe=20"),
            ("HNSW8", "efSearch=128"),
        ],
    )
    def test_defaults(self, recipe, default):
        assert VectorIndex.build(IDS, VECTORS, recipe).search_parameters == default

    def test_take_effect(self):
        unclustered = np.random.default_rng(0).standard_normal((1000, DIM))

        def found(recipe, search):
            index = VectorIndex.build(IDS, unclustered, recipe, search)
            return [r.ids.tolist() for r in index.search(QUERIES, 10)]

        assert found("IVF16,Flat", "nprobe=16") == found("Flat", "")
        assert found("IVF16,Flat", "nprobe=1") != found("Flat", "")


class TestDevices:
    """The machine's own device, and stand-ins for faiss's functions of a machine with a GPU."""

    def test_without_a_gpu_all_recipes_run_on_the_cpu(self, index):
        assert faiss.get_num_gpus() > 0 or index.device == "cpu"

    @pytest.mark.skipif(faiss.get_num_gpus() == 0, reason="needs a GPU")
    def test_with_a_gpu_flat_vectors_are_searched_there(self, index):
        assert (index.device == "gpu") == (index.recipe in ("Flat", "IVF25,Flat"))

    @pytest.fixture
    def moved(self, monkeypatch):
        moved = []

        def index_cpu_to_gpu(resources, device, index):
            moved.append(type(index).__name__)
            return index

        stand_ins = {
            "get_num_gpus": lambda: 1,
            "StandardGpuResources": lambda: None,
            "index_cpu_to_gpu": index_cpu_to_gpu,
            "index_gpu_to_cpu": lambda index: index,
        }
        for name, stand_in in stand_ins.items():
            monkeypatch.setattr(faiss, name, stand_in, raising=False)
        return moved

    def test_a_gpu_without_room_leaves_it_to_the_cpu(self, moved, monkeypatch):
        def full(resources, device, index):
            raise RuntimeError("out of memory")

        monkeypatch.setattr(faiss, "index_cpu_to_gpu", full, raising=False)
        built = VectorIndex.build(IDS, VECTORS)
        assert built.device == "cpu"
        assert built.search(VECTORS[:1], 1)[0].ids.tolist() == [IDS[0]]

    @pytest.mark.parametrize("recipe", ["Flat", "IVF8,Flat", "IVF8,SQ8", "HNSW16"])
    def test_with_a_gpu_what_was_tried_there_runs_there(self, moved, recipe, tmp_path):
        names = {"Flat": ["IndexFlat"], "IVF8,Flat": ["IndexIVFFlat"]}.get(recipe, [])
        built = VectorIndex.build(IDS, VECTORS, recipe)
        built.save(tmp_path / "index", model="m", projection="p", catalogue_revision=1)
        loaded = VectorIndex.load(tmp_path / "index", model="m", projection="p", dim=DIM)
        assert moved == names * 2
        for index in (built, loaded):
            assert index.device == ("gpu" if names else "cpu")
            assert index.search(VECTORS[:1], 1)[0].ids.tolist() == [IDS[0]]


def test_importing_the_package_loads_no_other_layer():
    code = "import sys, index.vector_index; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in run.stdout.split()}
    assert "faiss" in loaded
    assert not loaded & {"torch", "sqlalchemy", "flask", "implicit", "pandas", "encoders", "recsys"}
