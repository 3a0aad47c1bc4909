"""Training, validation and adoption of a home's head, for `train-head` and for builds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from encoders.head import Head, HeadError
from encoders.head_training import (
    DEFAULT_WEIGHTS,
    LISTENERS,
    SEGMENTS,
    HeadTrainer,
    Relation,
    TrainingData,
    segment_relation,
)
from index.shards import usual_recipe
from recsys.home.files import HEAD_NAME
from recsys.home.home import Home
from recsys.library.build import AUTOMATIC, reproject
from recsys.training.head_data import embed_library
from recsys.training.head_validation import (
    REPEATS,
    SHRINKAGE,
    WEIGHT,
    GateLabels,
    Verdict,
    cross_fit,
    fit,
)
from recsys.training.positives import artist_numbers, label_members, listener_members

Shown = Callable[[int, int], None]


@dataclass(frozen=True)
class TrainedHead:
    """A head that was trained on all artists, and the verdict of the cross-validation."""

    head: Head
    verdict: Verdict
    card: Mapping[str, Any]


@dataclass(frozen=True)
class HeadTraining:
    """How a head is trained.

    alike   the weight of each relation; those of DEFAULT_WEIGHTS may be missing in the labels
    source  where the labels come from: FROM_TAGS, or the path of a CSV
    """

    alike: Mapping[str, float]
    loss: str
    splits: int
    seed: int
    epochs: int
    source: str


def training_data(
    home: Home, labels: pd.DataFrame, alike: Mapping[str, float], show: Shown
) -> tuple[pd.DataFrame, TrainingData]:
    """Return the labels of the tracks that have features, and the training data, a row for each.

    Raises TooFewArtists before anything long is begun, and LabelsError.
    """
    GateLabels(labels)
    projection = home.projection.default
    ids, vectors, segments, owners = embed_library(
        home.catalog, projection, labels.index.tolist(), show
    )
    labels = labels.loc[ids]
    relations = []
    for name, weight in alike.items():
        if name == SEGMENTS:
            relations.append(segment_relation(len(ids), weight))
            continue
        if name == LISTENERS:
            members = listener_members(home.catalog.interactions(), np.array(ids, np.int64))
        elif name in labels.columns or name not in DEFAULT_WEIGHTS:
            members = label_members(labels, name)
        else:
            continue  # a CSV need not have every column that is a default
        if members.nnz:
            relations.append(Relation(name, members, weight))
    data = TrainingData(
        projection.id, vectors, (segments, owners), tuple(relations), artist_numbers(labels)
    )
    return labels, data


def train_head(
    home: Home, labels: pd.DataFrame, data: TrainingData, training: HeadTraining, show: Shown
) -> TrainedHead:
    """Compare heads with the default projection by folds of artists, and train one on all."""
    gate_labels = GateLabels(labels)
    trainer = HeadTrainer(data, training.loss, "cuda" if torch.cuda.is_available() else "cpu")
    verdict = cross_fit(
        *(data.vectors, gate_labels, trainer),
        splits=training.splits,
        seed=training.seed,
        max_epochs=training.epochs,
        progress=show,
    )
    show(REPEATS * training.splits, REPEATS * training.splits + 1)
    rows = np.arange(len(labels))
    head, epochs = fit(data.vectors, gate_labels, trainer, rows, training.seed, training.epochs)
    card = {
        **verdict.as_json(),
        "loss": training.loss,
        "splits": verdict.splits,
        "seed": training.seed,
        "shrinkage": SHRINKAGE,
        "weight": WEIGHT,
        "epochs": epochs,
        "epochs_of_folds": verdict.epochs,
        "data": {
            "tracks": len(labels),
            "library": len(home.index),
            "artists": len(np.unique(gate_labels.artists)),
            "segments": len(data.segments[0]),
            "labels": training.source,
            "alike": {relation.name: relation.weight for relation in data.relations},
            "extractors": home.projection.extractors,
        },
    }
    return TrainedHead(head, verdict, card)


def take_over(home: Home, trained: TrainedHead, show: Shown) -> None:
    """Store a head and its card, and index the home by it if it is adopted."""
    if trained.verdict.adopted:
        index_by(home, trained.head, show)
    trained.head.save(home.settings.home / HEAD_NAME, trained.card)


def index_by(home: Home, head: Head | None, show: Shown) -> None:
    """Index a home by its default projection, with a head or without one."""
    made_by, recipe = home.index.manifest, AUTOMATIC
    if made_by and made_by.recipe != usual_recipe(made_by.ntotal, made_by.dim):
        recipe = made_by.recipe  # which was asked for
    projection = replace(home.projection.default, head=head)
    reproject(home.catalog, projection, recipe, lambda p: show(p.done, p.total))


def mark_removed(home: Path) -> None:
    """Write on the card that its head was removed, so that builds do not train another."""
    path = home / HEAD_NAME
    with suppress(HeadError):
        head, card = Head.load(path)
        head.save(path, {**card, "removed": True})
