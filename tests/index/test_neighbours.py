"""Neighbours of every point, against scikit-learn's exact search."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from index import neighbours as module
from index.neighbours import nearest, neighbours

K = 12


def clustered(n: int, dim: int = 10) -> NDArray[np.float32]:
    rng = np.random.default_rng(0)
    centres = 3 * rng.standard_normal((20, dim))
    points = centres[rng.integers(20, size=n)] + rng.standard_normal((n, dim))
    return points.astype(np.float32)


def test_few_points_are_compared_with_all() -> None:
    points = clustered(400)
    rows, distances = neighbours(points, K)
    wanted, oracle = NearestNeighbors(n_neighbors=K).fit(points).kneighbors()
    np.testing.assert_array_equal(rows, oracle)
    np.testing.assert_allclose(distances, wanted, rtol=1e-3)


def test_lists_find_nearly_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EXACT", 100)
    points = clustered(6000)
    rows, distances = neighbours(points, K)
    oracle = NearestNeighbors(n_neighbors=K).fit(points).kneighbors(return_distance=False)
    found = [len(np.intersect1d(*pair)) / K for pair in zip(rows, oracle, strict=True)]
    assert np.mean(found) > 0.95
    assert (np.diff(distances, axis=1) >= 0).all()
    again, _ = neighbours(points, K)
    np.testing.assert_array_equal(again, rows)


def test_lists_that_hold_too_few_are_made_up_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EXACT", 100)
    monkeypatch.setattr(module, "N_PROBE", 1)
    points = clustered(4000)
    rows, _ = nearest(points, points[:50], 300)
    oracle = NearestNeighbors(n_neighbors=300).fit(points)
    wanted = oracle.kneighbors(points[:50], return_distance=False)
    np.testing.assert_array_equal(np.sort(rows), np.sort(wanted))


def test_no_point_is_its_own_neighbour_not_even_among_copies() -> None:
    points = np.repeat(clustered(4), 5, axis=0)
    rows, distances = neighbours(points, 7)
    assert not (rows == np.arange(20)[:, None]).any()
    assert (rows[:, :4] // 5 == np.arange(20)[:, None] // 5).all()
    assert (distances[:, :4] == 0).all()
    assert neighbours(points, 90)[0].shape == (20, 19)
