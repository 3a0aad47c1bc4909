"""Metrics of taggers, against scikit-learn, by hand, and against chance."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    label_ranking_average_precision_score,
    precision_recall_fscore_support,
    roc_auc_score,
)

from recsys.evaluation.tag_metrics import (
    average_precisions,
    best_thresholds,
    roc_areas,
    tag_auc,
    tag_figures,
)

RNG = np.random.default_rng(0)
ARTISTS = np.repeat(np.arange(30), 4)


def truth_and_scores(signal: float, exclusive: bool) -> tuple[np.ndarray, np.ndarray]:
    if exclusive:
        truth = np.eye(5)[RNG.integers(5, size=len(ARTISTS))]
    else:
        truth = (RNG.random((len(ARTISTS), 5)) < 0.3).astype(float)
        truth[truth.sum(axis=1) == 0, 0] = 1
    noise = RNG.standard_normal(truth.shape)
    return truth, 1 / (1 + np.exp(-(signal * truth + noise)))


@pytest.mark.parametrize("exclusive", [True, False])
def test_measures_are_scikit_learns(exclusive: bool) -> None:
    truth, scores = truth_and_scores(2.0, exclusive)
    limits = best_thresholds(truth, scores)
    figures = tag_figures(truth, scores, ARTISTS, limits, exclusive=exclusive, n_resamples=20)
    p, r, f, _ = precision_recall_fscore_support(truth, scores >= limits, average="macro")
    expected = {
        "roc_auc": roc_auc_score(truth, scores),
        "average_precision": average_precision_score(truth, scores),
        "precision": p,
        "recall": r,
        "f": f,
        "map": label_ranking_average_precision_score(truth, scores),
    }
    for k in (1, 10):
        best = np.argsort(-scores, axis=0)[:k]
        expected[f"p_at_{k}"] = np.mean([truth[best[:, t], t].mean() for t in range(5)])
    if exclusive:
        expected["accuracy"] = accuracy_score(truth.argmax(axis=1), scores.argmax(axis=1))
    assert set(figures) == set(expected)
    for name, value in expected.items():
        assert figures[name].value == pytest.approx(value), name
    assert tag_auc(truth, scores) == pytest.approx(expected["roc_auc"])


def test_equal_scores_are_taken_together() -> None:
    truth, scores = truth_and_scores(1.0, False)
    coarse = np.round(scores, 1)
    has = truth > 0.5
    expected = [
        (roc_auc_score(has[:, t], coarse[:, t]), average_precision_score(has[:, t], coarse[:, t]))
        for t in range(5)
    ]
    results = zip(roc_areas(has, coarse), average_precisions(has, coarse), strict=True)
    np.testing.assert_allclose(list(results), expected)


def test_thresholds_are_those_of_the_highest_f() -> None:
    truth, scores = truth_and_scores(1.0, False)
    limits = best_thresholds(truth, scores)
    for tag in range(5):
        f = [
            precision_recall_fscore_support(
                truth[:, tag], scores[:, tag] >= limit, average="binary", zero_division=0
            )[2]
            for limit in scores[:, tag]
        ]
        chosen = precision_recall_fscore_support(
            truth[:, tag], scores[:, tag] >= limits[tag], average="binary"
        )[2]
        assert chosen == pytest.approx(max(f))
    assert best_thresholds(np.zeros((3, 1)), np.ones((3, 1))).tolist() == [0.5]


def test_random_scores_get_what_chance_gives() -> None:
    """Over many draws the interval of random scores holds chance about as often as it says."""
    held = {"roc_auc": 0, "p_at_10": 0, "average_precision": 0}
    for seed in range(40):
        rng = np.random.default_rng(seed)
        truth = np.eye(4)[rng.integers(4, size=len(ARTISTS))]
        scores = rng.random(truth.shape)
        figures = tag_figures(truth, scores, ARTISTS, [0.5] * 4, exclusive=True, n_resamples=60)
        for name in held:
            held[name] += figures[name].low <= figures[name].chance <= figures[name].high
    assert held["roc_auc"] >= 33
    assert held["p_at_10"] >= 33


def test_the_interval_is_of_artists_not_clips() -> None:
    """Four copies of each clip by one artist tell no more than one."""
    truth, scores = truth_and_scores(1.0, True)
    one = truth[::4], scores[::4], ARTISTS[::4]
    copies = np.repeat(one[0], 4, axis=0), np.repeat(one[1], 4, axis=0), ARTISTS
    alone, copied = (
        tag_figures(*given, [0.5] * 5, exclusive=True, n_resamples=300)["accuracy"]
        for given in (one, copies)
    )
    assert copied.value == alone.value
    assert copied.high - copied.low == pytest.approx(alone.high - alone.low, rel=0.15)


def test_tags_of_no_clip_or_of_all_are_left_out() -> None:
    truth = np.array([[1, 0, 1], [0, 0, 1], [1, 0, 1], [0, 0, 1.0]])
    scores = np.array([[0.9, 0.1, 0.2], [0.1, 0.9, 0.3], [0.8, 0.2, 0.4], [0.2, 0.3, 0.5]])
    figures = tag_figures(truth, scores, [0, 1, 2, 3], [0.5] * 3, exclusive=False, n_resamples=50)
    assert figures["roc_auc"].value == 1.0
    assert figures["average_precision"].chance == 0.5
    with pytest.raises(ValueError, match="wanted truth and scores alike"):
        tag_figures(truth, scores[:2], [0, 1, 2, 3], [0.5] * 3, exclusive=False)
