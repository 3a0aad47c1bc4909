"""How well stored tag probabilities agree with labels: ROC-AUC and average precision, per tag.

The measures by which auto-tagging is compared (Nam et al. 2019, Table 2). A tagger's probability
of a tag is its mean over a track's segments. Where a tag has no positive or no negative track,
neither measure is defined and the tag is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from index.arrays import BoolArray, Float32Array
from recsys.catalog import Catalog
from recsys.catalog.track_features import read_features
from recsys.evaluation.labels import LabelsError, split_labels

_TRUE, _FALSE = frozenset({"1", "1.0", "true", "yes"}), frozenset({"0", "0.0", "false", "no", ""})


class TagScore(NamedTuple):
    """One tag of one tagger.

    roc_auc            probability that a random track with the tag is given a higher probability
                       than one without it, ties counting half; .5 is chance
    average_precision  mean precision at the ranks of the tracks with the tag; chance is their
                       share, n_positive / n
    """

    tag: str
    roc_auc: float
    average_precision: float
    n_positive: int
    n: int


def score_tags(
    probabilities: NDArray[np.floating], tags: Sequence[str], truth: Mapping[str, BoolArray]
) -> list[TagScore]:
    """Score each tag that `truth` knows, in the order of `tags`.

    probabilities  (n_tracks, n_tags)
    truth          by tag in lower case, whether each track has it: (n_tracks,)
    """
    if probabilities.ndim != 2 or probabilities.shape[1] != len(tags):
        raise ValueError(f"probabilities: wanted shape (n, {len(tags)}), got {probabilities.shape}")
    scores = []
    for tag, column in zip(tags, probabilities.T, strict=True):
        has = truth.get(tag.casefold())
        if has is not None and has.any() and not has.all():
            scores.append(
                TagScore(
                    tag,
                    float(roc_auc_score(has, column)),
                    float(average_precision_score(has, column)),
                    int(has.sum()),
                    len(has),
                )
            )
    return scores


def mean_scores(scores: Sequence[TagScore]) -> dict[str, float | int]:
    """Average over tags, each counting the same; `chance_ap` is what random numbers would get."""
    return {
        "roc_auc": float(np.mean([score.roc_auc for score in scores])),
        "average_precision": float(np.mean([score.average_precision for score in scores])),
        "chance_ap": float(np.mean([score.n_positive / score.n for score in scores])),
        "n_tags": len(scores),
    }


def truth_of_column(labels: pd.DataFrame, by: str) -> dict[str, BoolArray]:
    """Read which track has which tag from a column of labels such as `rock|guitar`.

    A track without any is not taken to lack them all: leave it out before. Raises LabelsError.
    """
    if by not in labels.columns:
        raise LabelsError(f'There is no column "{by}"; got {", ".join(labels.columns)}.')
    having = [{label.casefold() for label in split_labels(text)} for text in labels[by]]
    return {tag: np.array([tag in has for has in having]) for tag in sorted(set().union(*having))}


def truth_of_columns(labels: pd.DataFrame, tags: Sequence[str]) -> dict[str, BoolArray]:
    """Read which track has which tag from columns named as tags, of 0 and 1. Raises LabelsError."""
    wanted = {tag.casefold() for tag in tags}
    truth = {}
    for column in labels.columns:
        if column.casefold() in wanted:
            values = labels[column].str.strip().str.casefold()
            strange = values[~values.isin(_TRUE | _FALSE)]
            if len(strange):
                raise LabelsError(
                    f'The column "{column}" has "{strange.iloc[0]}" where 0 or 1 was wanted.'
                )
            truth[column.casefold()] = values.isin(_TRUE).to_numpy()
    return truth


def tag_probabilities(
    catalog: Catalog, extractors: Sequence[str], ids: Sequence[int]
) -> tuple[list[int], list[Float32Array]]:
    """Return the tracks that have all features, and each tagger's (n_tracks, n_tags)."""
    kept, rows = [], []
    for track_id, heard in read_features(catalog, extractors, ids):
        kept.append(track_id)
        rows.append([features.tags.astype(np.float32).mean(axis=0) for features in heard])
    return kept, [np.stack(columns) for columns in zip(*rows, strict=True)]
