"""Metrics against loops, scikit-learn and ranx."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from ranx import Qrels, Run
from ranx import evaluate as ranx_evaluate

from recsys.metrics import in_degrees, macro_mean, paired_bootstrap, precision_at_k


def test_precision_known_answers() -> None:
    hits = [[True, True], [True, False], [False, False]]
    assert precision_at_k(hits).tolist() == [1.0, 0.5, 0.0]


@given(arrays(bool, st.tuples(st.integers(1, 6), st.integers(1, 12))))
def test_precision_is_a_loop(hits: np.ndarray) -> None:
    for row, value in zip(hits, precision_at_k(hits), strict=True):
        assert value == pytest.approx(sum(bool(hit) for hit in row) / len(row))


@pytest.mark.filterwarnings("ignore:unsafe cast")  # numba, of ranx's code
def test_precision_is_ranxs() -> None:
    hits = np.random.default_rng(0).random((20, 10)) < 0.4
    qrels = {
        f"q{q}": {f"d{d}": 1 for d in np.flatnonzero(row)} | {"x": 1} for q, row in enumerate(hits)
    }
    run = {f"q{q}": {f"d{d}": 10.0 - d for d in range(10)} for q in range(20)}
    theirs = ranx_evaluate(Qrels(qrels), Run(run), "precision@10")
    assert precision_at_k(hits).mean() == pytest.approx(theirs)


@pytest.mark.parametrize("hits", [[], [[]], [True]])
def test_precision_refuses(hits: list[object]) -> None:
    with pytest.raises(ValueError, match="wanted shape"):
        precision_at_k(hits)


def test_macro_mean_weighs_groups_alike() -> None:
    assert macro_mean([1, 1, 1, 0], ["a", "a", "a", "b"]) == 0.5
    with pytest.raises(ValueError, match="wanted as many"):
        macro_mean([1, 2], ["a"])
    with pytest.raises(ValueError, match="wanted as many"):
        macro_mean([], [])


def test_in_degrees() -> None:
    assert in_degrees([[1, 2], [2, -1], [0, 1]], 4).tolist() == [1, 2, 2, 0]


def test_bootstrap_of_nothing_but_a_shift_is_certain() -> None:
    a = np.array([0.3, 0.6, 0.9])
    interval = paired_bootstrap(a, a - 0.1, ["x", "y", "y"])
    assert interval == pytest.approx((0.1, 0.1, 0.1))


def test_bootstrap_covers_the_truth() -> None:
    """About 95 of 100 intervals hold the true difference: here at least 85."""
    rng = np.random.default_rng(0)
    covered = 0
    for seed in range(100):
        a, b = rng.normal(0.5, 0.2, 60), rng.normal(0.4, 0.2, 60)
        interval = paired_bootstrap(a, b, np.arange(60), n_resamples=400, seed=seed)
        covered += interval.low <= 0.1 <= interval.high
    assert 85 <= covered <= 100


def test_bootstrap_by_group_is_wider_where_groups_agree() -> None:
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(10), 20)
    difference = rng.normal(0, 1, 10)[groups]
    grouped = paired_bootstrap(difference, np.zeros(200), groups)
    alone = paired_bootstrap(difference, np.zeros(200), np.arange(200))
    assert grouped.high - grouped.low > 2 * (alone.high - alone.low)


def test_bootstrap_refuses_a_mismatch() -> None:
    with pytest.raises(ValueError, match="a group a query"):
        paired_bootstrap([1, 2], [1, 2], ["x"])
