"""Paths: exact, without repetition, and smoother than the naive way."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from recsys.recommendation.track_path import SAME_ARTIST, progress, smooth_path, waypoints


def arc(*degrees: float) -> NDArray[np.float32]:
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def nobody(n: int) -> NDArray[np.int64]:
    return np.full(n, -1)


def cloud(seed: int, n: int = 300, dim: int = 6) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).standard_normal((n, dim))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_a_known_way() -> None:
    vectors = arc(0, 90, 15, 29, 30, 31, 45, 61, 75)
    assert smooth_path(vectors, nobody(9), 0, 1, 4).tolist() in ([0, 4, 7, 1], [0, 3, 7, 1])
    assert smooth_path(vectors, nobody(9), 0, 1, 3).tolist() == [0, 6, 1]
    assert smooth_path(vectors, nobody(9), 0, 1, 2).tolist() == [0, 1]


def test_waypoints_are_evenly_spaced() -> None:
    points = waypoints(*arc(0, 90), 4)
    assert points == pytest.approx(arc(0, 30, 60, 90), abs=1e-6)
    assert np.isfinite(waypoints(*arc(0, 180), 5)).all()


@pytest.mark.parametrize("length", [2, 3, 7, 20])
def test_length_ends_and_progress(length: int) -> None:
    for seed in range(20):
        vectors = cloud(seed)
        path = smooth_path(vectors, nobody(300), 5, 9, length)
        assert len(path) == length == len(set(path.tolist()))
        assert (path[0], path[-1]) == (5, 9)
        assert (np.diff(progress(vectors[path], vectors[5], vectors[9])) > 0).all()


def test_the_best_of_all_ways() -> None:
    for seed in range(10):
        vectors, artists = cloud(seed, 9, 3), np.random.default_rng(seed).integers(-1, 3, 9)

        def cost(path: tuple[int, ...], vectors=vectors, artists=artists) -> float:  # type: ignore[no-untyped-def]
            steps = itertools.pairwise(path)
            return sum(
                float(1 - vectors[a] @ vectors[b]) ** 2
                + SAME_ARTIST * bool(artists[a] == artists[b] >= 0)
                for a, b in steps
            )

        places = progress(vectors, vectors[0], vectors[1])
        inside = [i for i in range(2, 9) if 0 < places[i] < 1]
        inside.sort(key=lambda i: places[i])
        for length in range(3, 3 + len(inside)):
            ways = [(0, *w, 1) for w in itertools.combinations(inside, length - 2)]
            found = tuple(smooth_path(vectors, artists, 0, 1, length).tolist())
            assert cost(found) == pytest.approx(min(map(cost, ways)), abs=1e-5)


def naive(vectors: NDArray[np.float32], start: int, end: int, length: int) -> list[int]:
    """Take the nearest unused track to each point between the ends."""
    path = [start]
    for point in waypoints(vectors[start], vectors[end], length)[1:-1]:
        order = np.argsort(-(vectors @ point))
        path.append(next(int(i) for i in order if i not in (*path, end)))
    return [*path, end]


def largest_step(vectors: NDArray[np.float32], path: list[int]) -> float:
    return float(1 - np.vecdot(vectors[path[1:]], vectors[path[:-1]]).min())


def test_smoother_than_the_nearest_to_a_straight_line() -> None:
    smooth, straight = [], []
    for seed in range(30):
        vectors = cloud(seed)
        smooth.append(largest_step(vectors, smooth_path(vectors, nobody(300), 0, 1, 8).tolist()))
        straight.append(largest_step(vectors, naive(vectors, 0, 1, 8)))
    assert np.mean(smooth) < 0.8 * np.mean(straight)


def test_one_artist_twice_in_a_row_is_avoided_where_it_can_be() -> None:
    vectors = arc(0, 90, 30, 31, 60, 61)
    artists = np.array([-1, -1, 7, 8, 7, 7])
    path = smooth_path(vectors, artists, 0, 1, 4)
    assert path.tolist() in ([0, 3, 4, 1], [0, 3, 5, 1])


def test_too_few_on_the_way_take_others_and_too_few_at_all_are_all() -> None:
    vectors = arc(0, 90, 45, -20, 120, 170)
    assert smooth_path(vectors, nobody(6), 0, 1, 4).tolist() == [0, 3, 2, 1]
    assert sorted(smooth_path(vectors, nobody(6), 0, 1, 9).tolist()) == [0, 1, 2, 3, 4, 5]


def test_wrong_arguments() -> None:
    with pytest.raises(ValueError, match="length: wanted at least 2, got 1"):
        smooth_path(arc(0, 90), nobody(2), 0, 1, 1)
    with pytest.raises(ValueError, match="end: wanted another row"):
        smooth_path(arc(0, 90), nobody(2), 1, 1, 3)
