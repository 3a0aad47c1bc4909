"""Agreement of stored tag probabilities with labels: ROC-AUC and average precision, per tag.

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

from index.arrays import BoolArray, Float32Array
from recsys.catalog import Catalog
from recsys.catalog.track_features import read_features
from recsys.evaluation.labels import LabelsError, split_labels
from recsys.evaluation.tag_metrics import average_precisions, roc_areas

_TRUE, _FALSE = frozenset({"1", "1.0", "true", "yes"}), frozenset({"0", "0.0", "false", "no", ""})


class TagScore(NamedTuple):
    """Scores of one tag of one tagger.

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
    """Score each tag that `truth` has, in the order of `tags`.

    probabilities  (n_tracks, n_tags)
    truth          by tag in lower case, whether each track has it: (n_tracks,)
    """
    if probabilities.ndim != 2 or probabilities.shape[1] != len(tags):
        raise ValueError(f"probabilities: wanted shape (n, {len(tags)}), got {probabilities.shape}")
    columns = [
        number
        for number, tag in enumerate(tags)
        if (has := truth.get(tag.casefold())) is not None and has.any() and not has.all()
    ]
    if not columns:
        return []
    has = np.stack([truth[tags[number].casefold()] for number in columns], axis=1)
    values = probabilities[:, columns].astype(np.float64)
    areas, precisions = roc_areas(has, values), average_precisions(has, values)
    return [
        TagScore(tags[number], float(area), float(precision), int(of_tag.sum()), len(of_tag))
        for number, area, precision, of_tag in zip(columns, areas, precisions, has.T, strict=True)
    ]


def mean_scores(scores: Sequence[TagScore]) -> dict[str, float | int]:
    """Average over tags, each with the same weight; `chance_ap` is that of random scores."""
    return {
        "roc_auc": float(np.mean([score.roc_auc for score in scores])),
        "average_precision": float(np.mean([score.average_precision for score in scores])),
        "chance_ap": float(np.mean([score.n_positive / score.n for score in scores])),
        "n_tags": len(scores),
    }


def truth_of_column(labels: pd.DataFrame, by: str) -> dict[str, BoolArray]:
    """Read which track has which tag from a column of labels such as `rock|guitar`.

    Leave out tracks without any label before: here they would lack every tag. Raises LabelsError.
    """
    if by not in labels.columns:
        raise LabelsError(f'There is no column "{by}"; got {", ".join(labels.columns)}.')
    labels_of_track = [{label.casefold() for label in split_labels(text)} for text in labels[by]]
    all_tags = set().union(*labels_of_track)
    return {
        tag: np.array([tag in having for having in labels_of_track]) for tag in sorted(all_tags)
    }


def truth_of_columns(labels: pd.DataFrame, tags: Sequence[str]) -> dict[str, BoolArray]:
    """Read which track has which tag from columns named as tags, of 0 and 1. Raises LabelsError."""
    wanted = {tag.casefold() for tag in tags}
    truth = {}
    for column in labels.columns:
        if column.casefold() in wanted:
            values = labels[column].str.strip().str.casefold()
            invalid = values[~values.isin(_TRUE | _FALSE)]
            if len(invalid):
                raise LabelsError(
                    f'The column "{column}" has "{invalid.iloc[0]}" where 0 or 1 was wanted.'
                )
            truth[column.casefold()] = values.isin(_TRUE).to_numpy()
    return truth


def tag_probabilities(
    catalog: Catalog, extractors: Sequence[str], ids: Sequence[int]
) -> tuple[list[int], list[Float32Array]]:
    """Return the tracks that have all features, and each tagger's (n_tracks, n_tags)."""
    complete, rows = [], []
    for track_id, features in read_features(catalog, extractors, ids):
        complete.append(track_id)
        rows.append([tagger.tags.astype(np.float32).mean(axis=0) for tagger in features])
    return complete, [np.stack(columns) for columns in zip(*rows, strict=True)]
