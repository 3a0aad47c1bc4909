"""Metrics against loops, scikit-learn and ranx."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import average_precision_score, ndcg_score

from recsys.evaluation.metrics import (
    attainable_precision,
    average_precision,
    bootstrap_means,
    in_degrees,
    interval,
    macro_mean,
    ndcg_at_k,
    paired_bootstrap,
    precision_at_k,
    r_precision,
    recall_at_k,
    sign_flip_test,
)

RANKED = {
    "recall": recall_at_k,
    "ndcg": ndcg_at_k,
    "map": average_precision,
    "r-precision": r_precision,
}
every_metric = pytest.mark.parametrize("name", RANKED)


def naive(name: str, row: list[bool], n_relevant: int) -> float:
    """One query, step by step."""
    if n_relevant == 0:
        return 0.0
    if name == "recall":
        return sum(row) / n_relevant
    if name == "ndcg":
        gain = sum(1 / np.log2(rank + 1) for rank, hit in enumerate(row, start=1) if hit)
        best = sum(1 / np.log2(rank + 1) for rank in range(1, min(n_relevant, len(row)) + 1))
        return float(gain / best)
    if name == "map":
        ranks = [rank for rank, hit in enumerate(row, start=1) if hit]
        return sum(hits / rank for hits, rank in enumerate(ranks, start=1)) / n_relevant
    return sum(row[:n_relevant]) / n_relevant


@every_metric
@given(hits=arrays(bool, st.tuples(st.integers(1, 6), st.integers(1, 12))), data=st.data())
def test_metrics_are_loops(name: str, hits: np.ndarray, data: st.DataObject) -> None:
    unseen = data.draw(arrays(int, len(hits), elements=st.integers(0, 5)))
    relevant = hits.sum(axis=1) + unseen
    values = RANKED[name](hits, relevant)
    expected = [naive(name, r.tolist(), n) for r, n in zip(hits, relevant.tolist(), strict=True)]
    assert values.tolist() == pytest.approx(expected)
    assert (values >= 0).all()
    assert (values <= 1 + 1e-12).all()


@every_metric
def test_perfect_rankings_are_one_and_empty_ones_zero(name: str) -> None:
    hits = [[True, True, False], [True, False, False], [False, False, False]]
    assert RANKED[name](hits, [2, 1, 0]).tolist() == pytest.approx([1, 1, 0])
    assert RANKED[name](hits, [2, 1, 4])[2] == 0
    assert RANKED[name](np.zeros((0, 3), bool), []).tolist() == []


@every_metric
def test_golden_values(name: str) -> None:
    """Worked by hand: hits at ranks 1, 3 and 6 of 6, four relevant."""
    hits = [[True, False, True, False, False, True]]
    golden = {
        "recall": 3 / 4,
        "ndcg": (1 + 1 / 2 + 1 / np.log2(7)) / (1 + 1 / np.log2(3) + 1 / 2 + 1 / np.log2(5)),
        "map": (1 / 1 + 2 / 3 + 3 / 6) / 4,
        "r-precision": 2 / 4,
    }
    assert RANKED[name](hits, [4])[0] == pytest.approx(golden[name])


@every_metric
def test_metrics_refuse(name: str) -> None:
    with pytest.raises(ValueError, match="wanted shape"):
        RANKED[name]([True], [1])
    with pytest.raises(ValueError, match=r"wanted shape \(2,\)"):
        RANKED[name]([[True], [False]], [1])
    with pytest.raises(ValueError, match="as many as hits"):
        RANKED[name]([[True, True]], [1])


RANX = """
import json, sys
from ranx import Qrels, Run, evaluate
qrels, run, names = json.load(sys.stdin)
means = evaluate(Qrels(qrels), Run(run), names)
print(json.dumps({name: float(value) for name, value in means.items()}))
"""


def ranx(
    qrels: dict[str, dict[str, int]], run: dict[str, dict[str, float]], names: Sequence[str]
) -> dict[str, float]:
    """Return ranx's means; in a process of its own, as numba takes minutes to compile it."""
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", RANX],
        input=json.dumps([qrels, run, names]),
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    means: dict[str, float] = json.loads(result.stdout)
    return means


def test_metrics_are_ranxs() -> None:
    hits = np.random.default_rng(0).random((20, 10)) < 0.4
    hits[:, 0] = True
    qrels = {
        f"q{q}": {f"d{d}": 1 for d in np.flatnonzero(row)} | {"x": 1} for q, row in enumerate(hits)
    }
    run = {f"q{q}": {f"d{d}": 10.0 - d for d in range(10)} for q in range(20)}
    names = ["recall@10", "ndcg@10", "map", "r-precision"]
    theirs = ranx(qrels, run, names)
    for name in names:
        ours = RANKED[name.split("@")[0]](hits, hits.sum(axis=1) + 1).mean()
        assert ours == pytest.approx(theirs[name], rel=1e-5), name


def test_metrics_are_scikit_learns() -> None:
    hits = np.random.default_rng(1).random((20, 15)) < 0.3
    hits[:, 3] = True
    scores = np.arange(15.0)[::-1]
    relevant = hits.sum(axis=1)
    for row, value in zip(hits, average_precision(hits, relevant), strict=True):
        assert value == pytest.approx(average_precision_score(row, scores))
    for row, value in zip(hits, ndcg_at_k(hits[:, :5], relevant), strict=True):
        assert value == pytest.approx(ndcg_score(row[None], scores[None], k=5))


def test_attainable_precision() -> None:
    assert attainable_precision([0, 1, 5, 9], 5).tolist() == [0, 0.2, 1, 1]
    with pytest.raises(ValueError, match="at least 1"):
        attainable_precision([1], 0)


def test_precision_known_answers() -> None:
    hits = [[True, True], [True, False], [False, False]]
    assert precision_at_k(hits).tolist() == [1.0, 0.5, 0.0]


@given(arrays(bool, st.tuples(st.integers(1, 6), st.integers(1, 12))))
def test_precision_is_a_loop(hits: np.ndarray) -> None:
    for row, value in zip(hits, precision_at_k(hits), strict=True):
        assert value == pytest.approx(sum(bool(hit) for hit in row) / len(row))


def test_precision_is_ranxs() -> None:
    hits = np.random.default_rng(0).random((20, 10)) < 0.4
    qrels = {
        f"q{q}": {f"d{d}": 1 for d in np.flatnonzero(row)} | {"x": 1} for q, row in enumerate(hits)
    }
    run = {f"q{q}": {f"d{d}": 10.0 - d for d in range(10)} for q in range(20)}
    theirs = ranx(qrels, run, ["precision@10", "map"])  # of one it returns no dict
    assert precision_at_k(hits).mean() == pytest.approx(theirs["precision@10"])


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


def test_bootstrap_is_a_naive_loop_over_drawn_queries() -> None:
    rng = np.random.default_rng(2)
    groups = np.array(["x", "x", "y", "z", "z", "z", "w"])
    labels = np.array(["a", "b", "a", "c", "c", "b", "d"])
    values = rng.random((7, 2))
    names = np.unique(groups)
    draws = np.random.default_rng(3).integers(4, size=(50, 4))
    micro = bootstrap_means(values, groups, n_resamples=50, seed=3)
    macro = bootstrap_means(values, groups, labels, n_resamples=50, seed=3)
    for i, drawn in enumerate(draws):
        queries = [q for g in drawn for q in np.flatnonzero(groups == names[g])]
        assert micro[i] == pytest.approx(values[queries].mean(axis=0))
        for column in range(2):
            expected = macro_mean(values[queries, column], labels[queries])
            assert macro[i, column] == pytest.approx(expected)


def test_bootstrap_is_the_same_again_and_not_only_within_a_chunk() -> None:
    values = np.random.default_rng(0).random((30, 1))
    first = bootstrap_means(values, np.arange(30), n_resamples=450)
    assert len(first) == 450
    assert (first == bootstrap_means(values, np.arange(30), n_resamples=450)).all()
    assert len(np.unique(first)) > 440
    low, high = interval(first)
    assert low[0] < values.mean() < high[0]


def test_bootstrap_refuses() -> None:
    with pytest.raises(ValueError, match="a group a query"):
        bootstrap_means([1.0, 2.0], ["x", "y"])
    with pytest.raises(ValueError, match="a label a query"):
        bootstrap_means([[1.0], [2.0]], ["x", "y"], ["a"])


def test_sign_flips_of_few_groups_are_all_of_them() -> None:
    """Two groups with equal differences: of four signs two reach the observed sum."""
    p = sign_flip_test([[0.5], [0.25], [0.25]], ["x", "y", "y"], n_resamples=20_000)
    assert p[0] == pytest.approx(0.5, abs=0.02)


def test_sign_flips_find_a_difference_and_no_other() -> None:
    rng = np.random.default_rng(0)
    groups = np.arange(80)
    columns = np.stack([rng.normal(0.5, 1, 80), rng.normal(0, 1, 80), np.zeros(80)], axis=1)
    p = sign_flip_test(columns, groups)
    assert p[0] < 0.01
    assert p[1] > 0.05
    assert p[2] == 1.0
    alike = [sign_flip_test(rng.normal(0, 1, (40, 1)), np.arange(40))[0] for _ in range(60)]
    assert np.mean(np.array(alike) < 0.1) < 0.25  # about one in ten


def test_sign_flips_refuse_a_mismatch() -> None:
    with pytest.raises(ValueError, match="a group a query"):
        sign_flip_test([[1.0]], ["x", "y"])
