"""The similarity as a share of pairs, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.hubs import METHODS, library_statistics, pair_scores
from recsys.similarity.percentile import Similarity, shown


def library(n: int, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((n, 20)) + 0.5
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


VECTORS = library(120)
SURVEY = library_statistics(VECTORS, np.arange(120))


def scores_of_pairs(method: str) -> np.ndarray:
    one, other = np.triu_indices(120, 1)
    cosines = (VECTORS[one] * VECTORS[other]).sum(axis=1)
    return pair_scores(method, cosines, SURVEY.tracks[one], SURVEY.tracks[other])


@pytest.mark.parametrize("method", METHODS)
def test_it_is_the_share_of_pairs_that_are_less_alike(method: str) -> None:
    scores = scores_of_pairs(method)
    got = Similarity(SURVEY, method).of(scores)
    shares = np.array([(scores < score).mean() for score in scores])
    assert np.abs(got - shares).max() < 0.006
    assert np.abs(got - shares)[shares > 0.9].max() < 0.002
    assert got.max() < 1


@given(st.sampled_from(METHODS), st.lists(st.floats(-50, 4), min_size=2, max_size=20))
@settings(deadline=None)
def test_it_grows_with_any_score_within_bounds(method: str, scores: list[float]) -> None:
    got = Similarity(SURVEY, method).of(sorted(scores))
    assert (np.diff(got) >= 0).all()
    assert ((got >= 0) & (got < 1)).all()


def test_a_few_more_tracks_hardly_change_it() -> None:
    grown = library_statistics(np.concatenate([VECTORS, library(4, seed=1)]), np.arange(124))
    for method in METHODS:
        scores = scores_of_pairs(method)
        before, after = Similarity(SURVEY, method), Similarity(grown, method)
        assert np.abs(before.of(scores) - after.of(scores)).max() < 0.03


def test_small_libraries() -> None:
    alone = Similarity(library_statistics(VECTORS[:1], np.arange(1)), "nicdm")
    assert alone.of([-1.0, 0.0]).tolist() == [0, 0]
    copies = Similarity(library_statistics(VECTORS[:2], np.zeros(2, np.int64)), "nicdm")
    assert copies.of([-1.0]).tolist() == [0]
    two = library_statistics(VECTORS[:2], np.arange(2))
    only = two.quantiles[METHODS.index("none"), 0]
    got = Similarity(two, "none").of([only - 0.1, only, only + 0.1])
    assert got[0] == 0
    assert got[1] == pytest.approx(0.5, abs=0.01), "there is no other pair to compare it with"
    assert got[2] < 1


def test_what_is_shown_is_rounded_down() -> None:
    assert shown(0.9999999) == 0.999999
    assert shown(0.123456) == 0.123456
    assert shown(0.99996, 4) == 0.9999
    assert shown(1.0) == shown(1.0, 4) == 1.0
