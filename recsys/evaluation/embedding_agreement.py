"""Agreement of one model's embeddings with another's: a distilled tagger's with its teachers'.

embedding_cosine  mean over clips of the cosine of both embeddings, which must be in the same
                  coordinates and centred
similarities      Spearman's correlation, over all pairs of clips, of the cosines by one model and
                  those by the other: 1 where both rank all pairs alike

Intervals are of the central 95 % of resamples of whole artists (`recsys.evaluation.metrics`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import spearmanr

from index.arrays import Float64Array, IndexArray
from recsys.evaluation.metrics import interval, resamples
from recsys.evaluation.tag_metrics import Figure

MAX_CLIPS = 500  # that pairs are made of; of more, so many are taken evenly
N_RESAMPLES = 200


def agreement(
    student: ArrayLike, teacher: ArrayLike, untrained: ArrayLike, artists: ArrayLike
) -> dict[str, Figure]:
    """Compare embeddings (n_clips, n_units) with the teacher's; `artists` are (n_clips,).

    A figure's chance is that of the `untrained` student. Raises ValueError for other shapes.
    """
    own, target, before = (np.asarray(rows, np.float64) for rows in (student, teacher, untrained))
    groups = np.asarray(artists)
    if own.shape != target.shape or own.shape != before.shape or groups.shape != own.shape[:1]:
        raise ValueError(f"wanted embeddings alike, got {own.shape}, {target.shape}")
    clips = np.linspace(0, len(own) - 1, min(len(own), MAX_CLIPS)).round().astype(int)
    own, target, before, groups = own[clips], target[clips], before[clips], groups[clips]
    draws = [np.arange(len(own)), *resamples(groups, N_RESAMPLES, 0)]
    measures = {"embedding_cosine": _cosine, "similarities": _similarities}
    figures = {}
    for name, measure in measures.items():
        value, *resampled = (measure(own, target, draw) for draw in draws)
        values = np.array(resampled)
        low, high = interval(values[np.isfinite(values)][:, None])
        figures[name] = Figure(
            value, float(low[0]), float(high[0]), measure(before, target, draws[0])
        )
    return figures


def _cosine(one: Float64Array, other: Float64Array, draw: IndexArray) -> float:
    return float((_unit(one) * _unit(other)).sum(axis=1)[draw].mean())


def _similarities(one: Float64Array, other: Float64Array, draw: IndexArray) -> float:
    """Correlate over pairs of different clips, not of a clip drawn twice; NaN where constant."""
    first, second = np.triu_indices(len(draw), 1)
    pairs = draw[first], draw[second]
    different = pairs[0] != pairs[1]
    cosines = [
        (unit @ unit.T)[pairs[0][different], pairs[1][different]]
        for unit in (_unit(one), _unit(other))
    ]
    undefined = not different.any() or min(map(np.ptp, cosines)) == 0
    return float("nan") if undefined else float(spearmanr(*cosines).statistic)


def _unit(rows: Float64Array) -> Float64Array:
    unit: Float64Array = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return unit
