"""Effect of the re-ranking controls on accuracy and on the similarity within lists.

Similarity is also measured on half of the content that neither model nor re-ranking knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse

from index.arrays import BoolArray, Float32Array, Float64Array, IndexArray
from recsys.evaluation.metrics import attainable_recall_at_k, bootstrap_means, interval
from recsys.evaluation.recommenders.evaluation import LIST_LENGTH
from recsys.evaluation.recommenders.list_metrics import intra_list_similarity
from recsys.evaluation.recommenders.ranking import checked
from recsys.evaluation.recommenders.splits import Split, split
from recsys.evaluation.recommenders.systems import System, sample, tune, validation_splits
from recsys.interactions import Content, Interactions
from recsys.models.protocol import ListeningModel
from recsys.reranking import POOL, rerank

CONTROLS = ("consistency", "diversity")
LEVELS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
MEASURES = ("R@20", "intra-list similarity", "held-out similarity")


def halves(content: Content) -> tuple[Content, Float32Array]:
    """Split the content by every other column: the model's half, and the one lists are measured by.

    The latter's vectors are centred, so that 0 is the similarity of two random tracks.
    """
    given, measure = content.vectors[:, 0::2], content.vectors[:, 1::2]
    return (
        Content(given, content.known & given.any(axis=1), content.artists),
        Content(measure, content.known & measure.any(axis=1), content.artists).centred(),
    )


def sweep(
    interactions: Interactions,
    content: Content,
    system: System,
    control: str,
    protocol: str,
    n_seeds: int,
    levels: Sequence[float] = LEVELS,
) -> list[dict[str, Any]]:
    """Re-rank each listener's best `POOL` candidates at each level of a control of `rerank`.

    The model and the re-ranking know half of the content. For each level: R@20 and the intra-list
    similarity of lists of 20, in the half that was given and in the one held out, each with its
    mean, its 95 % interval over listeners, and the paired difference from the first level.

    Raises NothingHeldOut, ValueError for an unknown control.
    """
    if control not in CONTROLS:
        raise ValueError(f"control: wanted one of {', '.join(CONTROLS)}, got {control}")
    given, measure = halves(content)
    values: list[Float64Array] = []
    listeners = []
    for seed in range(n_seeds):
        outer = sample(split(interactions, content.artists, protocol, seed), seed)
        validation = validation_splits(outer, given, protocol, seed)
        estimator = system.make(**tune(system, validation, protocol, seed))
        model = estimator.fit(outer.train, given, seed)
        values.append(_measured(model, outer, given, measure, control, levels))
        listeners.append(outer.listeners)
    table, groups = np.concatenate(values), np.concatenate(listeners)
    rows: list[dict[str, Any]] = []
    for i, level in enumerate(levels):
        row: dict[str, Any] = {"level": level}
        means, differences = table[:, i], table[:, i] - table[:, 0]
        bounds = np.stack(interval(bootstrap_means(means, groups)), axis=1)
        difference_bounds = np.stack(interval(bootstrap_means(differences, groups)), axis=1)
        for j, name in enumerate(MEASURES):
            row[name] = {"mean": float(means[:, j].mean()), "ci": bounds[j].tolist()}
            row[name]["diff"] = float(differences[:, j].mean())
            row[name]["diff_ci"] = difference_bounds[j].tolist()
        rows.append(row)
    return rows


def _measured(
    model: ListeningModel,
    outer: Split,
    given: Content,
    measure: Float32Array,
    control: str,
    levels: Sequence[float],
) -> Float64Array:
    """Return the measures of each listener's list: (n_queries, n_levels, n_measures)."""
    units = given.directions()
    history = next(iter(outer.histories.values()))
    measured = np.zeros((history.shape[0], len(levels), len(MEASURES)))
    for i in range(history.shape[0]):
        rows, scores = _pool(model, history[i], outer.candidates & ~_stored(outer.seen[i]))
        relevant = outer.held_out[i].indices
        for j, level in enumerate(levels):
            consistency, diversity = (level, 0.0) if control == "consistency" else (0.0, level)
            order = rerank(
                scores, units[rows], LIST_LENGTH, consistency=consistency, diversity=diversity
            )
            listed = rows[order]
            hits = np.zeros(LIST_LENGTH, bool)
            hits[: len(listed)] = np.isin(listed, relevant)
            measured[i, j] = (
                attainable_recall_at_k(hits[None], [len(relevant)])[0],
                intra_list_similarity(listed[None], units)[0],
                intra_list_similarity(listed[None], measure)[0],
            )
    return measured


def _pool(
    model: ListeningModel, history: sparse.csr_matrix, candidates: BoolArray
) -> tuple[IndexArray, Float32Array]:
    """Return the best candidates of one listener and their scores, best first."""
    scores = checked(model.scores(history), history.shape)[0]
    (rows,) = np.nonzero(candidates)
    best = rows[np.argsort(-scores[rows], kind="stable")[:POOL]]
    return best, scores[best]


def _stored(row: sparse.csr_matrix) -> BoolArray:
    """Return which columns of a row are stored: bool (n_tracks,)."""
    stored = np.zeros(row.shape[1], bool)
    stored[row.indices] = True
    return stored
