"""Metrics of lists, against loops and hand-made answers."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_similarity

from recsys.evaluation.recommenders.list_metrics import (
    artist_repetition,
    coverage,
    gini,
    intra_list_similarity,
    novelty,
)
from recsys.interactions import unit_rows

LISTS = np.array([[0, 1, 2], [0, 1, -1], [0, -1, -1], [-1, -1, -1]])


def test_coverage_is_of_the_candidates() -> None:
    assert coverage(LISTS, np.ones(6, bool)) == 0.5
    assert coverage(LISTS, np.array([1, 1, 0, 1, 0, 0], bool)) == pytest.approx(2 / 3)


def test_gini_is_the_mean_difference() -> None:
    rng = np.random.default_rng(0)
    lists = rng.integers(-1, 9, (20, 5))
    exposure = np.bincount(lists[lists >= 0], minlength=12)[:12]
    apart = np.abs(exposure[:, None] - exposure[None]).mean() / 2
    assert gini(lists, np.ones(12, bool)) == pytest.approx(apart / exposure.mean())
    assert gini(np.array([[0, 1], [2, 3]]), np.ones(4, bool)) == 0
    assert gini(np.full((2, 2), -1), np.ones(4, bool)) == 0
    assert gini(np.zeros((9, 1), int), np.ones(100, bool)) == pytest.approx(0.99)


def test_novelty_is_bits() -> None:
    popularity = np.array([7, 3, 0])
    assert novelty(LISTS, popularity, 7) == pytest.approx([(0 + 1 + 3) / 3, 1 / 2, 0, 0])


def test_intra_list_similarity_is_a_loop_over_pairs() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((30, 4)).astype(np.float32)
    vectors[7] = 0
    lists = np.stack([rng.permutation(30)[:8] for _ in range(20)])
    lists[0, 5:] = -1
    cosines = cosine_similarity(vectors)
    similarities = intra_list_similarity(lists, vectors)
    for row, value in zip(lists.tolist(), similarities, strict=True):
        with_vector = [track for track in row if track not in (-1, 7)]
        pairs = [cosines[a, b] for a, b in itertools.combinations(with_vector, 2)]
        assert value == pytest.approx(np.mean(pairs), abs=1e-6)
    assert intra_list_similarity(LISTS[2:], vectors).tolist() == [0, 0]


def test_a_repeated_artist_counts_from_its_second_track() -> None:
    artists = np.array([5, 5, -1])
    assert artist_repetition(LISTS, artists) == pytest.approx([1 / 3, 1 / 2, 0, 0])
    assert artist_repetition(LISTS, np.full(3, -1)).tolist() == [0, 0, 0, 0]


def test_unit_rows_keep_zeros() -> None:
    units = unit_rows(np.array([[3, 4], [0, 0]], np.float32))
    assert units == pytest.approx(np.array([[0.6, 0.8], [0, 0]]))
