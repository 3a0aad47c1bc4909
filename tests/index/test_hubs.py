"""Scores against hubs: naive loops for each, exactness of the search, and fewer hubs."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, skew

from index import hubs
from index.hubs import METHODS, library_statistics, pair_scores, track_statistics
from index.vector_index import VectorIndex

CORRECTED = [method for method in METHODS if method != "none"]


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def random_vectors(n, dim=12, seed=0):
    return unit(np.random.default_rng(seed).standard_normal((n, dim)) + 0.3)


VECTORS = random_vectors(90)
IDS = np.random.default_rng(1).permutation(500)[:90]


def naive_surroundings(vector, others):
    """Local scale, mean and deviation of one vector among others, neighbour by neighbour."""
    cosines = sorted(
        sum(float(a) * float(b) for a, b in zip(vector, o, strict=True)) for o in others
    )
    cosines = cosines[::-1]
    last = min(30, len(cosines))
    first = min(6, (len(cosines) + 1) // 2)
    near = [1 - cosine for rank, cosine in enumerate(cosines, 1) if first <= rank <= last]
    mean = sum(cosines) / len(cosines)
    variance = sum((cosine - mean) ** 2 for cosine in cosines) / len(cosines)
    return sum(near) / len(near), mean, math.sqrt(variance)


def naive_score(method, cosine, mine, theirs):
    (s, mean, deviation), (s_, mean_, deviation_) = mine, theirs
    if method == "nicdm":
        return -(1 - cosine) / math.sqrt(s * s_)
    if method == "csls":
        return 2 * cosine - (1 - s) - (1 - s_)
    if method == "mutual-proximity":
        return math.log(norm.cdf(cosine, mean, deviation) * norm.cdf(cosine, mean_, deviation_))
    return cosine


def naive_ranking(method, query, mine, allowed):
    """Ids best first of every track in `allowed`, equal scores by id."""
    scored = []
    for row in allowed:
        cosine = sum(float(a) * float(b) for a, b in zip(query, VECTORS[row], strict=True))
        theirs = naive_surroundings(VECTORS[row], np.delete(VECTORS, row, axis=0))
        scored.append((-naive_score(method, cosine, mine, theirs), int(IDS[row])))
    return [(track_id, -score) for score, track_id in sorted(scored)]


@pytest.fixture(scope="module")
def index():
    return VectorIndex.build(IDS, VECTORS)


@pytest.mark.parametrize("n", [2, 3, 8, 11, 12, 31, 32, 90])
def test_surroundings_are_a_naive_loop(n):
    got = library_statistics(VECTORS[:n], np.arange(n)).tracks
    for row in range(n):
        others = np.delete(VECTORS[:n], row, axis=0)
        assert got[row] == pytest.approx(
            np.maximum(naive_surroundings(VECTORS[row], others), [1e-4, -1, 1e-4]), abs=2e-6
        )
    outside = random_vectors(4, seed=9)
    for vector, found in zip(outside, track_statistics(outside, VECTORS[:n]), strict=True):
        naive = np.maximum(naive_surroundings(vector, VECTORS[:n]), [1e-4, -1, 1e-4])
        assert found == pytest.approx(naive, abs=2e-6)


def test_a_large_library_is_described_by_a_part_of_it(monkeypatch):
    monkeypatch.setattr(hubs, "MAX_REFERENCES", 40)
    monkeypatch.setattr(hubs, "_BLOCK", 300)  # several blocks, references among each
    rows = hubs.reference_rows(90)
    assert len(rows) == 40 and len(set(rows)) == 40 and rows.min() >= 0 and rows.max() < 90
    got = library_statistics(VECTORS, np.arange(90)).tracks
    for row in range(90):
        others = VECTORS[[r for r in rows if r != row]]
        assert got[row] == pytest.approx(naive_surroundings(VECTORS[row], others), abs=2e-6)


@pytest.mark.parametrize("method", METHODS)
class TestScores:
    def test_the_search_is_a_naive_loop(self, index, method):
        excluded = IDS[:5].tolist()
        for row in (7, 30):
            mine = naive_surroundings(VECTORS[row], np.delete(VECTORS, row, axis=0))
            expected = naive_ranking(method, VECTORS[row], mine, range(5, 90))
            (got,) = index.search(
                VECTORS[row : row + 1],
                60,
                exclude=excluded,
                hubs=method,
                query_statistics=index.track_statistics([IDS[row]]),
            )
            assert got.ids.tolist() == [track_id for track_id, _ in expected[:60]]
            assert got.scores == pytest.approx([s for _, s in expected[:60]], rel=1e-4, abs=1e-4)

    def test_a_vector_from_outside_too(self, index, method):
        for query in random_vectors(2, seed=4):
            expected = naive_ranking(method, query, naive_surroundings(query, VECTORS), range(90))
            (got,) = index.search(3 * query[None], 200, hubs=method)
            assert got.ids.tolist() == [track_id for track_id, _ in expected]

    @given(st.floats(-1, 1), st.floats(-1, 1), st.integers(0, 89), st.integers(0, 89))
    def test_scores_grow_with_the_cosine_and_are_symmetric(self, method, one, other, i, j):
        usual = library_statistics(VECTORS, np.arange(90)).tracks
        low, high = pair_scores(method, np.array(sorted([one, other])), usual[i], usual[j])
        assert low <= high
        back = pair_scores(method, np.array(sorted([one, other])), usual[j], usual[i])
        assert back.tolist() == [low, high]

    def test_k_is_met_and_equal_vectors_come_by_id(self, method):
        vectors = np.repeat(random_vectors(8), 5, axis=0)
        built = VectorIndex.build(np.arange(40), vectors)
        for k in (1, 4, 5, 6, 39, 40, 100):
            usual = built.track_statistics([0])
            (got,) = built.search(vectors[:1], k, hubs=method, query_statistics=usual)
            assert len(got.ids) == len(set(got.ids.tolist())) == min(k, 40)
            assert (np.diff(got.scores) <= 0).all()
            for score in np.unique(got.scores):
                equal = got.ids[got.scores == score]
                assert equal.tolist() == sorted(equal.tolist())
            if method in ("none", "nicdm"):
                assert got.ids[:5].tolist() == [0, 1, 2, 3, 4][:k]

    @pytest.mark.parametrize("recipe", ["IVF16,Flat", "HNSW16", "IVF16,SQ8"])
    def test_approximate_recipes_order_what_they_propose(self, method, recipe):
        vectors = random_vectors(1500, seed=3)
        exact = VectorIndex.build(np.arange(1500), vectors)
        other = VectorIndex.build(np.arange(1500), vectors, recipe)
        options = {"hubs": method, "query_statistics": exact.track_statistics(np.arange(40))}
        common = [
            np.isin(a.ids, b.ids).mean()
            for a, b in zip(
                exact.search(vectors[:40], 10, **options),
                other.search(vectors[:40], 10, **options),
                strict=True,
            )
        ]
        assert np.mean(common) > 0.9

    def test_one_track_and_two(self, method):
        alone = VectorIndex.build([5], [[1.0, 2.0]])
        (got,) = alone.search([[2.0, 1.0]], 3, hubs=method)
        assert got.ids.tolist() == [5] and np.isfinite(got.scores).all()
        (itself,) = alone.search(
            [[1, 2]], 3, hubs=method, query_statistics=alone.track_statistics([5])
        )
        assert np.isfinite(itself.scores).all()
        assert np.isnan(alone.statistics.quantiles).all(), "there are no pairs"
        two = VectorIndex.build([5, 6], [[1.0, 2.0], [1.0, 2.0]])
        (got,) = two.search([[1, 2]], 3, hubs=method, query_statistics=two.track_statistics([5]))
        assert got.ids.tolist() == [5, 6] and np.isfinite(got.scores).all()


@pytest.mark.parametrize("method", CORRECTED)
def test_there_are_fewer_hubs(method):
    """Gaussians off the origin in many dimensions: the classic case of hubs."""
    vectors = unit(np.random.default_rng(0).standard_normal((600, 60)) + 0.35)
    index = VectorIndex.build(np.arange(600), vectors)
    usual = index.track_statistics(np.arange(600))

    def in_degrees(hubs):
        found = index.search(vectors, 11, hubs=hubs, query_statistics=usual)
        lists = [r.ids[r.ids != i][:10] for i, r in enumerate(found)]
        return np.bincount(np.concatenate(lists), minlength=600)

    before, after = in_degrees("none"), in_degrees(method)
    assert after.max() < 0.6 * before.max()
    assert skew(after) < 0.5 * skew(before)
    assert (after == 0).sum() < 0.5 * (before == 0).sum()


def test_quantiles_are_those_of_the_scores_of_pairs_of_different_recordings():
    recordings = np.arange(90) // 2  # every second is a copy
    statistics = library_statistics(VECTORS, recordings)
    for method, found in zip(METHODS, statistics.quantiles, strict=True):
        scores = [
            float(pair_scores(method, VECTORS[i] @ VECTORS[j], *statistics.tracks[[i, j]]))
            for i in range(90)
            for j in range(i)
            if recordings[i] != recordings[j]
        ]
        assert len(scores) == 90 * 89 / 2 - 45
        expected = np.quantile(scores, hubs.SHARES, method="hazen")
        assert found == pytest.approx(expected, rel=1e-5, abs=1e-5)


def test_a_part_of_the_pairs_is_enough(monkeypatch):
    everything = library_statistics(VECTORS, np.arange(90)).quantiles
    monkeypatch.setattr(hubs, "N_PAIRS", 2000)
    part = library_statistics(VECTORS, np.arange(90)).quantiles
    assert (part != everything).any()
    middle = hubs.SHARES <= 0.95
    spread = everything.max(axis=1) - everything.min(axis=1)
    assert (np.abs(part - everything)[:, middle] < 0.05 * spread[:, None]).all()


def test_statistics_are_kept_in_the_file_and_the_same_each_time(tmp_path, index):
    names = {"model": "m", "projection": "p", "catalogue_revision": 1}
    first = index.save(tmp_path / "a.index", **names)
    order = np.random.default_rng(2).permutation(90)
    again = VectorIndex.build(IDS[order], VECTORS[order]).save(tmp_path / "b.index", **names)
    assert first.sha256 == again.sha256
    loaded = VectorIndex.load(tmp_path / "a.index", model=None, projection=None, dim=None)
    for kept, made in zip(loaded.statistics, index.statistics, strict=True):
        assert (kept == made).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hubs": "cosine"}, "hubs: wanted one of none, nicdm, csls, mutual-proximity"),
        (
            {"hubs": "nicdm", "query_statistics": [1, 2, 3]},
            r"query_statistics: wanted shape \(1, 3\)",
        ),
    ],
)
def test_wrong_options_are_refused(index, options, message):
    with pytest.raises(ValueError, match=message):
        index.search(VECTORS[:1], 3, **options)
    with pytest.raises(KeyError, match="999"):
        index.track_statistics([999])
    with pytest.raises(ValueError, match="method: wanted one of"):
        pair_scores("cosine", np.zeros(1), *np.ones((2, 3)))
