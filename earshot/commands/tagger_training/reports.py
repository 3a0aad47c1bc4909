"""The progress and the results of a training: printed, for TensorBoard, and in the run's folder."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import distributed

from earshot.commands.tagger_training.options import TaggerOptions
from earshot.commands.tagger_training.plans import TOP, Plan
from earshot.terminal import complain, suggesting
from encoders.trained_bundles import Prior, save_trained
from encoders.training.card import TrainingSummary, card
from encoders.training.clips import groups, targets
from encoders.training.loop import Epoch, TrainingResult, rank
from index.arrays import Float32Array
from recsys.evaluation.embedding_agreement import agreement
from recsys.evaluation.tag_metrics import best_thresholds, tag_figures
from recsys.evaluation.tag_scores import score_tags


class Result(NamedTuple):
    """The results of a training.

    predictions    probabilities of the validation and the test clips, (n_clips, n_tags) each
    embeddings     of the test clips before the training and after it, centred: (n_clips, n_units)
                   each; None where there is nothing to compare them with
    n_undecodable  files that could not be decoded
    """

    outcome: TrainingResult
    n_parameters: int
    predictions: tuple[Float32Array, Float32Array]
    embeddings: tuple[Float32Array, Float32Array] | None
    prior: Prior
    n_undecodable: int
    seconds: float


def finish(options: TaggerOptions, plan: Plan, result: Result) -> dict[str, Any]:
    """Measure on the test clips, write weights and cards, return the figures. Raises OSError."""
    corpus, outcome = plan.corpus, result.outcome
    valid, test = result.predictions
    thresholds = best_thresholds(targets(corpus.valid, corpus.tags), valid)
    truth, artists = targets(corpus.test, corpus.tags), groups(corpus.test)
    measured = tag_figures(truth, test, artists, thresholds, exclusive=corpus.exclusive)
    if result.embeddings and plan.aims is not None:
        untrained, trained = result.embeddings
        measured |= agreement(trained, plan.aims, untrained, artists)
    by_tag = {tag.casefold(): column > 0 for tag, column in zip(corpus.tags, truth.T, strict=True)}
    rows = [
        {
            "tag": score.tag,
            "roc_auc": score.roc_auc,
            "average_precision": score.average_precision,
            "clips": score.n_positive,
        }
        for score in score_tags(test, corpus.tags, by_tag)
    ]
    weights = options.out / f"{options.name}.safetensors"
    digest = save_trained(weights, options.architecture, corpus.tags, outcome.state, result.prior)
    training = TrainingSummary(
        name=options.name,
        architecture=options.architecture,
        n_parameters=result.n_parameters,
        corpus=corpus,
        recipe=options.recipe,
        best=outcome.best,
        n_epochs=len(outcome.history),
        seconds=result.seconds,
        device=device_name(),
        figures=measured,
        per_tag=rows,
        n_undecodable=result.n_undecodable,
        sha256=digest,
    )
    weights.with_suffix(".md").write_text(card(training), encoding="utf-8")
    figures = {
        "weights": str(weights),
        "sha256": digest,
        "parameters": training.n_parameters,
        "teachers": list(options.recipe.teachers),
        "tags": list(corpus.tags),
        "clips": {part: len(corpus.part(part)) for part in ("train", "valid", "test")},
        "epochs": training.n_epochs,
        "best_epoch": outcome.best.number,
        "valid_loss": outcome.best.valid_loss,
        "valid_roc_auc": None if options.recipe.teachers else outcome.best.score,
        "seconds": round(result.seconds, 1),
        "test": {name: figure._asdict() for name, figure in measured.items()},
        "per_tag": rows,
    }
    history = [epoch._asdict() for epoch in outcome.history]
    text = json.dumps({**figures, "history": history}, indent=2)
    weights.with_suffix(".json").write_text(text + "\n", encoding="utf-8")
    return figures


def print_figures(figures: dict[str, Any], options: TaggerOptions) -> None:
    """Print the outcome for people."""
    clips = figures["clips"]
    print(
        f"{options.architecture}, {figures['parameters']:,} parameters, {len(figures['tags'])} "
        f"tags; {clips['train']} clips to train on, {clips['valid']} to validate on, "
        f"{clips['test']} to test on; epoch {figures['best_epoch']} of {figures['epochs']} in "
        f"{figures['seconds']:.0f} s."
    )
    if options.teachers:
        print(f"Taught by {options.teachers}; agreement with their {TOP} top tags:")
    for name, figure in figures["test"].items():
        ends = f"95 % {figure['low']:.3f} to {figure['high']:.3f}"
        print(f"{name:18} {figure['value']:.3f}  ({ends}; chance {figure['chance']:.3f})")
    print(f"Written: {figures['weights']}, its model card beside it.")
    print(suggesting(f"To analyse with it: `earshot build FOLDER --tagger {figures['weights']}`"))


@contextmanager
def logging(options: TaggerOptions) -> Iterator[Callable[[Epoch], None]]:
    """Return what reports an epoch: printed, and with --tensorboard into its files."""
    writer = None
    if options.tensorboard and rank() == 0:
        writer = tensorboard(options.out / "tensorboard")
    begin = time.monotonic()

    def report(epoch: Epoch) -> None:
        if rank() != 0:
            return
        score = "" if options.teachers else f"ROC-AUC {epoch.score:.4f}, "
        complain(
            f"epoch {epoch.number}: loss {epoch.loss:.4f}, validation {epoch.valid_loss:.4f}, "
            f"{score}{time.monotonic() - begin:.0f} s"
        )
        if writer:
            values = epoch._asdict()
            for name in ("loss", "valid_loss", "score", "rate"):
                writer.add_scalar(name, values[name], epoch.number)
            writer.flush()

    try:
        yield report
    finally:
        if writer:
            writer.close()


def tensorboard(folder: Path) -> Any:
    """Open a log for TensorBoard. Raises ModuleNotFoundError."""
    from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 - of the extra `training`

    return SummaryWriter(str(folder))


def device_name() -> str:
    """Name the device in words, for the card."""
    name = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    n = distributed.get_world_size() if distributed.is_initialized() else 1
    return name if n == 1 else f"{n} x {name}"
