"""Metrics of a tagger on test clips, each with its interval.

Conventions: `truth` is 0 or 1 and `scores` a tagger's probabilities, both (n_clips, n_tags); a
clip's score is the mean over its segments. Tags that no clip has, or every clip, have no area and
are left out of means over tags. The measures (Nam et al. 2019, "Evaluation"):

roc_auc            mean over tags of the area under the ROC curve; chance is .5
average_precision  mean over tags of the area under the precision-recall curve, as average
                   precision; chance is the mean share of clips with the tag
accuracy           share of clips whose most probable tag is right, where each has just one;
                   chance is the share of the commonest tag
precision, recall, f
                   means over tags at each tag's threshold; F = 2 P R / (P + R)
map                mean over clips of the average precision of their tags, ranked by score
p_at_1, p_at_10    mean over tags of the share of the K most probable clips that have the tag

Intervals are of the central 95 % of resamples of whole artists (`recsys.evaluation.metrics`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from index.arrays import BoolArray, Float64Array
from recsys.evaluation import metrics
from recsys.evaluation.metrics import interval

KS = (1, 10)
N_RESAMPLES = 1000
_MOST_VALUES = 20_000_000  # clips x tags x resamples; of larger data fewer resamples are drawn
_MIN_RESAMPLES = 100


class Figure(NamedTuple):
    """A measure, its 95 % interval, and its value by chance."""

    value: float
    low: float
    high: float
    chance: float


def tag_auc(truth: ArrayLike, scores: ArrayLike) -> float:
    """Return the mean over tags of the area under the ROC curve; .5 where no tag has one."""
    has, values = np.asarray(truth) > 0.5, np.asarray(scores)
    defined = has.any(axis=0) & ~has.all(axis=0)
    return float(roc_areas(has[:, defined], values[:, defined]).mean()) if defined.any() else 0.5


def roc_areas(has: BoolArray, scores: Float64Array) -> Float64Array:
    """Return each tag's area under the ROC curve, equal scores counting half: (n_tags,).

    Every tag must have clips with it and clips without it.

    The areas are U / (n m) of Mann and Whitney, computed for all tags at once.
    """
    n_having = has.sum(axis=0)
    ranks = (rankdata(scores, axis=0) * has).sum(axis=0)
    areas: Float64Array = (ranks / n_having - (n_having + 1) / 2) / (len(has) - n_having)
    return areas


def average_precisions(has: BoolArray, scores: Float64Array) -> Float64Array:
    """Return each tag's average precision, clips of equal scores sharing a rank: (n_tags,)."""
    order = np.argsort(-scores, axis=0, kind="stable")
    hits = np.take_along_axis(has, order, axis=0)
    ordered = np.take_along_axis(scores, order, axis=0)
    precision = np.cumsum(hits, axis=0) / np.arange(1, len(has) + 1)[:, None]
    last = np.append(ordered[1:] != ordered[:-1], np.ones((1, has.shape[1]), bool), axis=0)
    # Clips of equal scores all have the precision at the last of them.
    ranks = np.where(last, np.arange(len(has))[:, None], len(has))
    last_rank = np.minimum.accumulate(ranks[::-1], axis=0)[::-1]
    precision = np.take_along_axis(precision, last_rank, axis=0)
    areas: Float64Array = (precision * hits).sum(axis=0) / has.sum(axis=0)
    return areas


def best_thresholds(truth: ArrayLike, scores: ArrayLike) -> Float64Array:
    """Return each tag's threshold with the highest F: (n_tags,); .5 for a tag of no clip.

    Choose them on validation clips.
    """
    has, values = np.asarray(truth) > 0.5, np.asarray(scores, np.float64)
    thresholds = np.full(has.shape[1], 0.5)
    for tag in range(has.shape[1]):
        order = np.argsort(-values[:, tag], kind="stable")
        n_hits = np.cumsum(has[order, tag])
        if n_hits[-1]:
            f = 2 * n_hits / (np.arange(1, len(has) + 1) + n_hits[-1])
            thresholds[tag] = values[order[np.argmax(f)], tag]
    return thresholds


def tag_figures(
    truth: ArrayLike,
    scores: ArrayLike,
    artists: ArrayLike,
    thresholds: ArrayLike,
    *,
    exclusive: bool,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> dict[str, Figure]:
    """Measure a tagger; `thresholds` (n_tags,), `artists` (n_clips,).

    `exclusive`: each clip has just one tag. Raises ValueError for shapes that do not match.
    """
    has, values = np.asarray(truth) > 0.5, np.asarray(scores, np.float64)
    groups = np.asarray(artists)
    limits = np.asarray(thresholds, np.float64)
    if has.ndim != 2 or has.shape != values.shape or groups.shape != has.shape[:1]:
        raise ValueError(f"wanted truth and scores alike, got {has.shape}, {values.shape}")
    if limits.shape != has.shape[1:]:
        raise ValueError(f"thresholds: wanted {has.shape[1:]}, got {limits.shape}")
    n = min(n_resamples, max(_MOST_VALUES // max(has.size, 1), _MIN_RESAMPLES))
    measured = _measures(has, values, limits, exclusive)
    resampled = [
        _measures(has[rows], values[rows], limits, exclusive)
        for rows in metrics.resamples(groups, n, seed)
    ]
    chances = _chances(has, exclusive)
    figures = {}
    for name, value in measured.items():
        column = np.array([measures[name] for measures in resampled])
        low, high = interval(column[np.isfinite(column)][:, None])
        figures[name] = Figure(value, float(low[0]), float(high[0]), chances[name])
    return figures


def _measures(
    has: BoolArray, values: Float64Array, limits: Float64Array, exclusive: bool
) -> dict[str, float]:
    """Return each measure by its name, NaN where no tag is defined."""
    n_having = has.sum(axis=0)
    defined = np.flatnonzero((n_having > 0) & (n_having < len(has)))
    if not len(defined):
        return dict.fromkeys(_names(exclusive), float("nan"))
    truth, scores = has[:, defined], values[:, defined]
    chosen = scores >= limits[defined]
    n_hits = (chosen & truth).sum(axis=0)
    precision = n_hits / np.maximum(chosen.sum(axis=0), 1)
    recall = n_hits / truth.sum(axis=0)
    f = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    result = {
        "roc_auc": float(roc_areas(truth, scores).mean()),
        "average_precision": float(average_precisions(truth, scores).mean()),
        "precision": float(precision.mean()),
        "recall": float(recall.mean()),
        "f": float(f.mean()),
    }
    ranked = np.take_along_axis(has, np.argsort(-values, axis=1, kind="stable"), axis=1)
    result["map"] = float(metrics.average_precision(ranked, has.sum(axis=1)).mean())
    best = np.take_along_axis(truth, np.argsort(-scores, axis=0, kind="stable"), axis=0)
    for k in KS:
        result[f"p_at_{k}"] = float(best[:k].sum(axis=0).mean() / min(k, len(best)))
    if exclusive:
        correct = has[np.arange(len(has)), values.argmax(axis=1)]
        result["accuracy"] = float(correct.mean())
    return result


def _names(exclusive: bool) -> list[str]:
    names = ["roc_auc", "average_precision", "precision", "recall", "f", "map"]
    return [*names, *(f"p_at_{k}" for k in KS), *(["accuracy"] if exclusive else [])]


def _chances(has: BoolArray, exclusive: bool) -> dict[str, float]:
    """Return each measure by chance: every clip scored by the tags' shares, or at random.

    Precision, recall and F are those of every tag for every clip.
    """
    share = has.mean(axis=0)
    defined = share[(share > 0) & (share < 1)]
    ranked = has[:, np.argsort(-share, kind="stable")]
    chances = {
        "roc_auc": 0.5,
        "average_precision": float(defined.mean()),
        "precision": float(defined.mean()),
        "recall": 1.0,
        "f": float((2 * defined / (1 + defined)).mean()),
        "map": float(metrics.average_precision(ranked, has.sum(axis=1)).mean()),
        "accuracy": float(share.max()),
    }
    chances |= {f"p_at_{k}": float(defined.mean()) for k in KS}
    return {name: chances[name] for name in _names(exclusive)}
