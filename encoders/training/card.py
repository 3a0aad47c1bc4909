"""The model card of a trained tagger, in Markdown: data, training, results, limits.

M. Mitchell et al., "Model cards for model reporting", FAT* 2019.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from encoders.training.clips import PARTS, Corpus, groups
from encoders.training.loop import Epoch, Recipe


class MeasuredFigure(Protocol):
    """A measured value with its confidence interval and the value by chance.

    `recsys.evaluation.tag_metrics.Figure` is one.
    """

    @property
    def value(self) -> float:
        """The measure."""

    @property
    def low(self) -> float:
        """The 2.5th percentile of resamples."""

    @property
    def high(self) -> float:
        """The 97.5th percentile of resamples."""

    @property
    def chance(self) -> float:
        """The value of a random tagger."""


@dataclass(frozen=True)
class TrainingSummary:
    """The training that a card describes.

    device   what it ran on, and how many processes
    figures  on the test clips, by name; `per_tag` rows of tag, roc_auc, average_precision, clips
    n_undecodable  number of files that could not be decoded
    """

    name: str
    architecture: str
    n_parameters: int
    corpus: Corpus
    recipe: Recipe
    best: Epoch
    n_epochs: int
    seconds: float
    device: str
    figures: Mapping[str, MeasuredFigure]
    per_tag: Sequence[Mapping[str, Any]]
    n_undecodable: int
    sha256: str


def card(training: TrainingSummary) -> str:
    """Write the card."""
    corpus, best = training.corpus, training.best
    return "\n".join(
        [
            f"# {training.name}",
            "",
            f"A music tagger: {training.architecture}, {training.n_parameters:,} parameters, "
            f"{len(corpus.tags)} tags, trained from random weights by `earshot train-tagger`"
            f"{_taught_by(training)}. SHA-256 of its weights: `{training.sha256}`.",
            "",
            f"Tags: {', '.join(corpus.tags)}.",
            "",
            "## Use",
            "",
            f"`earshot build FOLDER --tagger {training.name}.safetensors` makes it a home's "
            "tagger, whose tags are searched and whose layer below the tags is compared. It was "
            "trained on what is named below and nothing else: on other music, other recordings or "
            "other meanings of the same words its figures do not hold.",
            "",
            "## Data",
            "",
            f"{corpus.name}; split: {corpus.split}. {training.n_undecodable} files could not be "
            "decoded.",
            "",
            *_table(("part", "clips", "artists"), _parts(corpus)),
            "",
            "## Training",
            "",
            f"{training.n_epochs} epochs in {training.seconds:.0f} s on {training.device}; kept is "
            f"epoch {best.number}, {_best_epoch(training)}.",
            "",
            *(f"- {name}: {value}" for name, value in _settings(training.recipe)),
            "",
            "## Test",
            "",
            f"On the test clips, which nothing was chosen on{_labels(training)}; thresholds are "
            "those of the highest F on the validation clips. Intervals are of 95 % of resamples of "
            "artists.",
            "",
            *_table(
                ("measure", "value", "95 %", "chance"),
                [
                    (name, f"{f.value:.3f}", f"{f.low:.3f} to {f.high:.3f}", f"{f.chance:.3f}")
                    for name, f in training.figures.items()
                ],
            ),
            "",
            *_table(("tag", "ROC-AUC", "average precision", "clips"), _by_tag(training.per_tag)),
            "",
        ]
    )


def _taught_by(training: TrainingSummary) -> str:
    teachers = ", ".join(training.recipe.teachers)
    return f" to answer as {teachers} do" if teachers else ""


def _labels(training: TrainingSummary) -> str:
    of_teachers = ". A clip's tags are those that its teachers were surest of"
    return of_teachers if training.recipe.teachers else ""


def _best_epoch(training: TrainingSummary) -> str:
    if training.recipe.teachers:
        return f"whose loss on the validation clips was the lowest, {training.best.valid_loss:.3f}"
    return f"whose mean ROC-AUC on the validation clips was the highest, {training.best.score:.3f}"


def _by_tag(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str, int]]:
    return [
        (row["tag"], f"{row['roc_auc']:.3f}", f"{row['average_precision']:.3f}", row["clips"])
        for row in rows
    ]


def _parts(corpus: Corpus) -> list[tuple[str, int, int]]:
    return [(part, len(clips := corpus.part(part)), len(set(groups(clips)))) for part in PARTS]


def _settings(recipe: Recipe) -> list[tuple[str, Any]]:
    given = asdict(recipe)
    changes = {name: value for name, value in given.pop("augmentation").items() if value}
    words = ", ".join(f"{name} {value}" for name, value in changes.items())
    given["teachers"] = ", ".join(given["teachers"]) or "none"
    return [*given.items(), ("augmentation", words or "none")]


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    def line(cells: Sequence[Any]) -> str:
        return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"

    aligned = ["---", *("---:" for _ in head[1:])]
    return [line(head), line(aligned), *map(line, rows)]
