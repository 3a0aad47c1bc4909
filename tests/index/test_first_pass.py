"""A first pass by codes changes no result: the same rows and scores as by all products."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from index import first_pass, vector_index
from index.arrays import Float32Array
from index.first_pass import FirstPass
from index.hubs import METHODS, deciding, highest_score, pair_scores
from index.vector_index import Ranking, VectorIndex

N, DIM = 3000, 25  # an odd dimension: codes are stored in pairs


def library(kind: str) -> VectorIndex:
    rng = np.random.default_rng(5)
    vectors = rng.standard_normal((N, DIM))
    if kind == "clustered":
        vectors += 3 * rng.standard_normal((40, DIM))[rng.integers(40, size=N)]
    vectors[N // 2 :: 50] = vectors[: N // 2 : 50]  # copies, whose scores are equal
    return VectorIndex.build(np.arange(10, 10 + N), vectors)


@pytest.fixture(params=["clustered", "spread"])
def index(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> VectorIndex:
    monkeypatch.setattr(first_pass, "LEAST", 1000)
    return library(request.param)


@pytest.mark.parametrize("hubs", METHODS)
@pytest.mark.parametrize("passes", [(400, 1600), (12,)])
def test_results_are_those_of_all_products(
    index: VectorIndex, hubs: str, passes: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vector_index, "FIRST_PASSES", passes)
    ids, exclude = index.ids[::150], index.ids[1::3]
    asked = index.vectors(ids), 10
    options = {"exclude": exclude, "hubs": hubs, "query_statistics": index.track_statistics(ids)}
    wanted = index.search(*asked, **options)
    index.prepare()
    for want, got in zip(wanted, index.search(*asked, **options), strict=True):
        assert want.ids.tolist() == got.ids.tolist()
        assert want.scores.tolist() == got.scores.tolist()


def test_most_queries_are_answered_by_few_products(
    index: VectorIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.prepare()
    monkeypatch.setattr(vector_index, "FIRST_PASSES", (N // 2, N - 1))
    left: list[int] = []
    exact = VectorIndex._exact

    def noting(self: VectorIndex, queries: Float32Array, *more: Any) -> Iterator[Ranking]:
        left.append(len(queries))
        return exact(self, queries, *more)

    monkeypatch.setattr(VectorIndex, "_exact", noting)
    assert len(index.search(index.vectors_at(np.arange(50)), 5)) == 50
    assert sum(left) < 10


def test_no_coded_cosine_is_further_from_the_true_one_than_the_margin(index: VectorIndex) -> None:
    vectors = index.vectors_at(np.arange(N))
    codes = FirstPass(vectors)
    assert 0 < codes.margin < 0.9
    for query in vectors[::100]:
        found = codes.nearest(query, N)
        assert sorted(found.rows.tolist()) == list(range(N))
        errors = np.abs(found.cosines - vectors[found.rows] @ query)
        assert errors[~np.isin(found.rows, codes.rough)].max() < codes.margin
    assert len(codes.rough) == 3


def test_candidates_hold_nearly_all_of_the_nearest(index: VectorIndex) -> None:
    queries = index.vectors_at(np.arange(0, N, 100))
    wanted = index.search(queries, 20)
    index.prepare()
    found = index.candidates(queries, 200)
    for query, rows in zip(queries, found, strict=True):
        (alone,) = index.candidates(query[None], 200)
        assert np.array_equal(np.sort(rows), np.sort(alone))
    shares = [np.isin(w.ids, index.ids[rows]).mean() for w, rows in zip(wanted, found, strict=True)]
    assert np.mean(shares) > 0.95


@pytest.mark.parametrize("hubs", METHODS)
def test_no_pair_scores_higher_than_the_highest(index: VectorIndex, hubs: str) -> None:
    tracks = index.statistics.tracks
    cosines = np.linspace(-1, 1, 21)
    for mine in tracks[::500]:
        for cosine in cosines:
            below = pair_scores(hubs, np.full(N, cosine), mine, tracks)
            highest = highest_score(hubs, cosine, mine, tracks)
            assert below.max() == pytest.approx(highest)
            assert highest == highest_score(hubs, cosine, mine, deciding(hubs, tracks))


def test_small_libraries_need_no_codes() -> None:
    small = library("spread")
    small.prepare()
    assert small._first_pass is None
