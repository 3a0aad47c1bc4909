"""Tag scores against pairs counted one by one, and hand-made answers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from recsys.evaluation.labels import LabelsError
from recsys.evaluation.tag_scores import mean_scores, score_tags, truth_of_column, truth_of_columns


def test_scores_are_naive_loops() -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.random((40, 2)).round(1)  # with ties
    has = {"rock": rng.random(40) < 0.3, "jazz": rng.random(40) < 0.5}
    for score, column in zip(
        score_tags(probabilities, ["Rock", "jazz"], has), probabilities.T, strict=True
    ):
        truth = has[score.tag.casefold()]
        pairs = [
            1.0 if p > q else 0.5 if p == q else 0.0 for p in column[truth] for q in column[~truth]
        ]
        assert score.roc_auc == pytest.approx(np.mean(pairs))
        area, recall = 0.0, 0.0
        for threshold in sorted(set(column), reverse=True):
            chosen = column >= threshold
            new_recall = (chosen & truth).sum() / truth.sum()
            area += (new_recall - recall) * (chosen & truth).sum() / chosen.sum()
            recall = new_recall
        assert score.average_precision == pytest.approx(area)
        assert (score.n_positive, score.n) == (truth.sum(), 40)


def test_perfect_inverted_and_undefined() -> None:
    truth = {
        "a": np.array([True, True, False]),
        "none": np.zeros(3, bool),
        "all": np.ones(3, bool),
    }
    columns = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9]])
    good, bad = score_tags(columns, ["a", "A"], truth)
    assert (good.roc_auc, good.average_precision) == (1.0, 1.0)
    assert bad.roc_auc == 0.0
    assert score_tags(columns, ["none", "all"], truth) == []
    means = mean_scores([good, bad])
    assert means["roc_auc"] == 0.5
    assert means["chance_ap"] == pytest.approx(2 / 3)
    assert means["n_tags"] == 2
    with pytest.raises(ValueError, match=r"wanted shape \(n, 1\)"):
        score_tags(columns, ["a"], truth)


def test_truth_of_a_column() -> None:
    truth = truth_of_column(pd.DataFrame({"tags": ["Rock|guitar", "guitar", "jazz"]}), "tags")
    assert {tag: has.tolist() for tag, has in truth.items()} == {
        "guitar": [True, True, False],
        "jazz": [False, False, True],
        "rock": [True, False, False],
    }
    with pytest.raises(LabelsError, match='no column "mood"'):
        truth_of_column(pd.DataFrame({"tags": ["a"]}), "mood")


def test_truth_of_columns() -> None:
    table = pd.DataFrame({"Rock": ["1", "0", " true "], "mood": ["x", "y", "z"]})
    truth = truth_of_columns(table, ["rock", "jazz"])
    assert {tag: has.tolist() for tag, has in truth.items()} == {"rock": [True, False, True]}
    with pytest.raises(LabelsError, match='"Rock" has "2"'):
        truth_of_columns(pd.DataFrame({"Rock": ["1", "2"]}), ["rock"])
