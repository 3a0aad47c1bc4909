"""Leave-one-out retrieval against a naive loop and hand-made answers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from recsys.evaluate import LabelsError, evaluate_retrieval, hub_report, rank


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def library() -> tuple[np.ndarray, pd.DataFrame]:
    rng = np.random.default_rng(0)
    labels = pd.DataFrame(
        {
            "artist": rng.choice(["a", "b", "c", "d", "e", ""], 80),
            "genre": rng.choice(["x", "y", "z"], 80, p=[0.6, 0.3, 0.1]),
        }
    )
    return unit(rng.standard_normal((80, 6))), labels


def naive(
    vectors: np.ndarray, labels: pd.DataFrame, by: str, k: int, exclude: str | None, least: int
) -> dict[int, float]:
    values = {}
    for i in range(len(vectors)):
        if labels[by][i] == "" or (labels[by] == labels[by][i]).sum() < least:
            continue
        scored = []
        for j in range(len(vectors)):
            same = exclude and labels[exclude][i] == labels[exclude][j] != ""
            if i != j and not same:
                scored.append((-float(vectors[i] @ vectors[j]), j))
        best = [j for _, j in sorted(scored)[:k]]
        values[i] = sum(labels[by][j] == labels[by][i] for j in best) / k
    return values


@pytest.mark.parametrize(
    ("by", "exclude", "least"), [("genre", None, 1), ("genre", "artist", 1), ("artist", None, 15)]
)
def test_retrieval_is_a_naive_loop(
    library: tuple[np.ndarray, pd.DataFrame], by: str, exclude: str | None, least: int
) -> None:
    vectors, labels = library
    result = evaluate_retrieval(vectors, labels, by, [3, 10], exclude_same=exclude, min_group=least)
    for k in (3, 10):
        expected = naive(vectors, labels, by, k, exclude, least)
        assert result.per_query[k].tolist() == pytest.approx(list(expected.values()))
        summary = result.summary()[f"P@{k}"]
        assert summary["n"] == len(expected)
        assert summary["micro"] == pytest.approx(np.mean(list(expected.values())))
        by_label = pd.Series(expected).groupby(labels[by][list(expected)]).mean()
        assert summary["macro"] == pytest.approx(by_label.mean())


def test_perfect_and_hopeless() -> None:
    vectors = unit(np.array([[1, 0.01], [1, 0], [0, 1], [0.01, 1]]))
    labels = pd.DataFrame({"near": ["a", "a", "b", "b"], "far": ["a", "b", "a", "b"]})
    assert evaluate_retrieval(vectors, labels, "near", [1]).summary()["P@1"]["micro"] == 1.0
    assert evaluate_retrieval(vectors, labels, "far", [1]).summary()["P@1"]["micro"] == 0.0


def test_a_list_that_is_shorter_counts_as_misses() -> None:
    vectors = unit(np.array([[1, 0.1], [1, 0.0], [1, 0.2]]))
    labels = pd.DataFrame({"genre": ["a", "a", "a"]})
    precision = evaluate_retrieval(vectors, labels, "genre", [10]).summary()["P@10"]["micro"]
    assert precision == pytest.approx(0.2)


def test_unknown_columns_and_empty_labels_are_refused() -> None:
    vectors = unit(np.eye(2))
    labels = pd.DataFrame({"genre": ["", ""]})
    with pytest.raises(LabelsError, match='no column "mood"'):
        evaluate_retrieval(vectors, labels, "mood", [1])
    with pytest.raises(LabelsError, match='no column "artist"'):
        evaluate_retrieval(vectors, labels, "genre", [1], exclude_same="artist")
    with pytest.raises(LabelsError, match="No track has a label"):
        evaluate_retrieval(vectors, labels, "genre", [1])


def test_ranks_come_in_order_without_the_query() -> None:
    vectors = unit(np.random.default_rng(1).standard_normal((30, 4)))
    rows = rank(vectors, np.arange(30), 29, None)
    for i, row in enumerate(rows):
        assert sorted(row) == [j for j in range(30) if j != i]
        assert (np.diff(vectors[row] @ vectors[i]) <= 1e-6).all()


def test_a_hub_is_reported() -> None:
    rng = np.random.default_rng(0)
    spokes = rng.standard_normal((60, 40))
    hub = np.ones((1, 40)) * 0
    centred = unit(np.concatenate([spokes + 1.0, hub + 1.0]))
    report = hub_report(centred)
    assert report["max_in_degree"] == 60
    assert report["skewness"] > 1
    even = unit(np.exp(2j * np.pi * np.arange(60) / 60).view(float).reshape(60, 2))
    assert hub_report(even)["orphans"] == 0.0
    assert hub_report(even)["max_in_degree"] <= 12
