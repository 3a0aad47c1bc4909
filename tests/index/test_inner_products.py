"""The greatest products, against all of them."""

import numpy as np
import pytest

from index import inner_products
from index.inner_products import InnerProductIndex, top_n

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("dim", [16, 17])
def test_many_vectors_are_answered_nearly_as_by_comparing_all(dim, monkeypatch):
    lengths = 0.1 + RNG.random((6000, 1)) ** 3
    vectors = (lengths * RNG.standard_normal((6000, dim))).astype(np.float32)
    queries = RNG.standard_normal((30, dim)).astype(np.float32)
    exact = InnerProductIndex(vectors)
    monkeypatch.setattr(inner_products, "EXACT", 1000)
    by_codes = InnerProductIndex(vectors)
    recalls = []
    for query in queries:
        best = np.argsort(-(vectors @ query))[:20]
        assert set(exact.candidates(query, 20)) == set(best)
        recalls.append(np.isin(best, by_codes.candidates(query, 160)).mean())
    assert np.mean(recalls) >= 0.95
    assert len(by_codes) == len(by_codes.candidates(queries[0], 10_000)) == 6000


@pytest.mark.parametrize("n", [0, 1, 5, 1000, 200_000])
@pytest.mark.parametrize("equal", [False, True])
def test_the_greatest_are_those_of_a_sort(n, equal):
    values = np.round(RNG.random(n), 1 if equal else 9).astype(np.float32)
    values[n // 2 :] = -np.inf
    for k in (1, 7, 300):
        found = top_n(values, k)
        assert len(np.unique(found)) == len(found) == min(k, n)
        assert np.sort(values[found]).tolist() == np.sort(values)[-len(found) or n :].tolist()
