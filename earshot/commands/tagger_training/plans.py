"""The targets and the metric of a training: labels, or the outputs of other taggers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, distributed

from earshot.commands.tagger_training.options import TaggerOptions
from encoders.architectures import ARCHITECTURES
from encoders.bundles import tagger_names
from encoders.extract import load_extractor
from encoders.frontends import segment_grid
from encoders.training.clips import Clip, Corpus, targets
from encoders.training.distillation import (
    DistillationError,
    DistillationSegments,
    DistillationTarget,
    Teachers,
)
from encoders.training.loop import ClipSet, Criterion, Metric, rank, tag_loss
from index.arrays import Float32Array
from recsys.evaluation.tag_metrics import tag_auc
from recsys.home.files import WEIGHTS_NAME
from recsys.home.settings import load_settings

TOP = 5  # tags of a clip that its teachers are most sure of: what a student is tested on

Progress = Callable[[int, int], None]


class Plan(NamedTuple):
    """The data, the loss and the metric of a training.

    corpus  its clips' tags are what the result is tested on
    metric  None: by the loss on the validation clips
    aims    the test clips' embeddings, as the teachers have them; None where there are none
    """

    corpus: Corpus
    train: ClipSet | DistillationSegments
    valid: ClipSet
    test: ClipSet
    criterion: Criterion
    metric: Metric | None
    aims: Float32Array | None


@contextmanager
def first_of_all() -> Iterator[None]:
    """Let one of several processes do something that the others then find done."""
    if rank() != 0:
        distributed.barrier()
    yield
    if rank() == 0 and distributed.is_initialized():
        distributed.barrier()


def load_teachers(options: TaggerOptions, folder: Path) -> Teachers | None:
    """Load the taggers that --teach-from names; None where it names none.

    Raises WeightsError, SettingsError, and DistillationError for an unknown one or another front
    end.
    """
    if not options.teachers:
        return None
    weights = load_settings(options.home).home / WEIGHTS_NAME
    with first_of_all():
        names = tagger_names(options.teachers, weights)
        try:
            extractor = load_extractor(names, weights)
        except ValueError as error:
            raise DistillationError(f"--teach-from: {error}.") from error
    grid = segment_grid(ARCHITECTURES[options.architecture].front)
    return Teachers(extractor.taggers, grid, folder / "answers")


def from_labels(corpus: Corpus, places: Mapping[Path, Path]) -> Plan:
    """Learn the clips' labels."""
    train, valid, test = (
        ClipSet(_places(clips, places), torch.from_numpy(targets(clips, corpus.tags)))
        for clips in (corpus.train, corpus.valid, corpus.test)
    )
    return Plan(corpus, train, valid, test, tag_loss, tag_auc, None)


def from_teachers(
    corpus: Corpus,
    places: Mapping[Path, Path],
    teachers: Teachers,
    options: TaggerOptions,
    progress: Progress,
) -> Plan:
    """Learn other taggers' outputs; the test is on each clip's TOP tags by them."""
    architecture, recipe = ARCHITECTURES[options.architecture], options.recipe
    grid = segment_grid(architecture.front)
    n_units: int = architecture.build(len(corpus.tags)).output.in_features  # type: ignore[union-attr,assignment]
    training_segments = DistillationSegments(
        _places(corpus.train, places), grid.n_samples, recipe.crops, recipe.seed
    )
    with first_of_all():
        outputs = training_segments.outputs(teachers, progress)
        teacher_outputs = [
            [teachers.of_clip(places[clip.path], grid, recipe.segments) for clip in clips]
            for clips in (corpus.valid, corpus.test)
        ]
    target = DistillationTarget.fit(outputs, teachers.widths, len(corpus.tags), n_units)
    training_segments.targets = target.targets(outputs)
    clip_targets = [[target.targets(rows) for rows in part] for part in teacher_outputs]
    valid, test = (
        ClipSet(_places(clips, places), part)
        for clips, part in zip((corpus.valid, corpus.test), clip_targets, strict=True)
    )
    aims = torch.stack([rows[:, target.n_tags :].mean(dim=0) for rows in clip_targets[1]]).numpy()
    named = replace(
        corpus,
        valid=_named(corpus.valid, teacher_outputs[0], corpus.tags),
        test=_named(corpus.test, teacher_outputs[1], corpus.tags),
    )
    return Plan(named, training_segments, valid, test, target.loss, None, aims)


def _places(clips: Sequence[Clip], places: Mapping[Path, Path]) -> list[Path]:
    return [places[clip.path] for clip in clips]


def _named(
    clips: Sequence[Clip], teacher_outputs: Sequence[Tensor], tags: Sequence[str]
) -> tuple[Clip, ...]:
    """Give each clip the TOP tags that its teachers are surest of, of few tags at most half."""
    n = max(1, min(TOP, len(tags) // 2))
    best = [rows[:, : len(tags)].mean(dim=0).topk(n).indices for rows in teacher_outputs]
    return tuple(
        replace(clip, tags=tuple(tags[i] for i in row))
        for clip, row in zip(clips, best, strict=True)
    )
