"""The training loop: epochs of random segments, validated on whole clips, the best epoch kept.

Everything random in an epoch begins from the seed and the epoch's number. A training that was
stopped and goes on from its checkpoint therefore ends in the same weights, to the last bit, as one
that was not, on one device with the same number of threads and processes.

Several GPUs: one process each, started by torchrun. Each learns from its share of every epoch and
judges its share of the clips (`torch.nn.parallel.DistributedDataParallel`).
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader

from encoders.files import replace_file
from encoders.frontends import FrontEnd, front_end, segment_grid
from encoders.models.activations import Activations
from encoders.trained_bundles import Prior
from encoders.training.audio_cache import read
from encoders.training.augmentation import Augmentation
from encoders.training.distillation import DistillationSegments
from encoders.training.segments import RandomSegments, all_segments

SCHEDULES = ("cosine", "plateau")
PRECISIONS = ("float32", "bfloat16", "float16")
_PLATEAU_PATIENCE = 3  # epochs without a better one after which the step is halved
_CHECKPOINT = "earshot-training-1"

Criterion = Callable[[Activations, Tensor], Tensor]
Metric = Callable[[NDArray[np.float32], NDArray[np.float32]], float]
State = dict[str, Tensor]
Segments: TypeAlias = RandomSegments | DistillationSegments


class CheckpointError(Exception):
    """Training cannot continue from a checkpoint; the message says why."""


@dataclass(frozen=True)
class Recipe:
    """How a model is trained.

    crops      segments of each clip an epoch
    batch      segments that are learned from at once, in each process
    rate       step of AdamW at the beginning; decay is its weight decay
    schedule   "cosine": down to 0 at the last epoch; "plateau": halved when validation stands still
    patience   epochs without a better one after which training ends
    segments   of a clip that are used in validation; None: all
    precision  of the forward pass; the others need a GPU to pay
    teachers   what it learns from instead of labels
    """

    epochs: int = 100
    crops: int = 1
    batch: int = 32
    rate: float = 1e-3
    decay: float = 1e-4
    schedule: str = "cosine"
    patience: int = 20
    segments: int | None = None
    precision: str = "float32"
    seed: int = 0
    augmentation: Augmentation = field(default_factory=Augmentation)
    teachers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.schedule not in SCHEDULES or self.precision not in PRECISIONS:
            raise ValueError(
                f"wanted a schedule of {', '.join(SCHEDULES)} and a precision of "
                f"{', '.join(PRECISIONS)}; got {self.schedule}, {self.precision}"
            )
        least = min(self.epochs, self.crops, self.batch, self.patience, self.segments or 1)
        if least < 1 or self.rate <= 0 or self.decay < 0 or self.seed < 0:
            raise ValueError("wanted numbers of at least 1, and a rate above 0")


class ClipSet(NamedTuple):
    """Clips to train or validate on: the paths of their cached audio, and their targets.

    Targets are (n_clips, n), or of each clip (n_segments, n) where its segments differ.
    """

    paths: Sequence[Path]
    targets: Tensor | Sequence[Tensor]


class Epoch(NamedTuple):
    """The results of an epoch: mean training loss, validation loss, metric, learning rate."""

    number: int
    loss: float
    valid_loss: float
    score: float
    rate: float


class TrainingResult(NamedTuple):
    """The weights of the best epoch, and the history."""

    state: State
    best: Epoch
    history: tuple[Epoch, ...]


def tag_loss(outputs: Activations, targets: Tensor) -> Tensor:
    """Return the binary cross-entropy of the tags, averaged over segments and tags."""
    return nn.functional.binary_cross_entropy_with_logits(outputs.logits.float(), targets)


class Trainer:
    """Trains one model on one device, one of `world` processes where there are several."""

    def __init__(
        self,
        model: nn.Module,
        front: FrontEnd,
        recipe: Recipe,
        *,
        criterion: Criterion = tag_loss,
        device: str = "cpu",
        workers: int = 0,
    ) -> None:
        """`workers` are processes that read segments beside this one."""
        self.recipe = recipe
        self.front = front
        self.grid = segment_grid(front)
        self.criterion = criterion
        self.device = torch.device(device)
        self.workers = workers
        self.model = model.to(self.device)
        self.front_end = front_end(front).to(self.device)
        self.optimiser = torch.optim.AdamW(
            self.model.parameters(), lr=recipe.rate, weight_decay=recipe.decay
        )
        self.schedule = _schedule(recipe, self.optimiser)
        self.scaler = torch.amp.GradScaler(device, enabled=recipe.precision == "float16")
        self.history: list[Epoch] = []
        self.best: tuple[Epoch, State] | None = None

    def train(
        self,
        train: ClipSet | DistillationSegments,
        valid: ClipSet,
        metric: Metric | None,
        *,
        checkpoint: Path | None = None,
        report: Callable[[Epoch], None] = lambda epoch: None,
    ) -> TrainingResult:
        """Train until the last epoch, or until patience ends; goes on from what was restored.

        `metric` is given probabilities and targets of the validation clips, (n_clips, n_tags) each;
        the higher its value the better. Without one, the lower the validation loss the better.
        After each epoch `checkpoint` is written.
        """
        data = self._segments(train) if isinstance(train, ClipSet) else train
        training_model = self._distributed()
        while len(self.history) < self.recipe.epochs and not self._out_of_patience():
            number = len(self.history)
            loss = self._epoch(training_model, data, number)
            probabilities, valid_loss = self.validate(valid)
            score = metric(probabilities, _stacked(valid).numpy()) if metric else -valid_loss
            rate = self.optimiser.param_groups[0]["lr"]
            epoch = Epoch(number + 1, loss, valid_loss, score, rate)
            if isinstance(self.schedule, torch.optim.lr_scheduler.ReduceLROnPlateau):
                self.schedule.step(score)
            else:
                self.schedule.step()
            self.history.append(epoch)
            if self.best is None or score > self.best[0].score:
                self.best = epoch, {k: v.cpu().clone() for k, v in self.model.state_dict().items()}
            if checkpoint and rank() == 0:
                self.save(checkpoint)
            report(epoch)
        if self.best is None:
            raise ValueError("epochs: wanted at least 1")
        self.model.load_state_dict(self.best[1])
        return TrainingResult(self.best[1], self.best[0], tuple(self.history))

    def validate(self, clips: ClipSet) -> tuple[NDArray[np.float32], float]:
        """Return each clip's probabilities, the mean over its segments, and the mean loss.

        Probabilities are float32 (n_clips, n_tags). Several processes share the work, and each is
        given the whole result.
        """
        outputs = self.predict(clips.paths[rank() :: world()])
        pairs = zip(outputs, clips.targets[rank() :: world()], strict=True)
        losses = [
            self.criterion(clip, target.expand(len(clip.logits), -1)) for clip, target in pairs
        ]
        loss = torch.stack(losses)
        means = torch.stack([clip.logits.sigmoid().mean(dim=0) for clip in outputs])
        if world() == 1:
            return means.numpy(), float(loss.mean())
        shares: list[Any] = [None] * world()
        distributed.all_gather_object(shares, (means, loss))
        probabilities = torch.empty(len(clips.paths), means.shape[1])
        for number, (part, _) in enumerate(shares):
            probabilities[number :: world()] = part
        return probabilities.numpy(), float(torch.cat([part for _, part in shares]).mean())

    def prior(self, paths: Sequence[Path]) -> Prior:
        """Return the mean outputs over clips, each with the same weight."""
        outputs = self.predict(paths)
        means = [
            torch.stack([getattr(clip, name).mean(dim=0) for clip in outputs]).mean(dim=0)
            for name in ("penultimate", "logits")
        ]
        return Prior(means[0].numpy(), means[1].numpy())

    @torch.inference_mode()
    def predict(self, paths: Sequence[Path]) -> list[Activations]:
        """Return the model's outputs for all segments of each clip, on the CPU, in float32."""
        self.model.eval()
        outputs = []
        for path in paths:
            segments = all_segments(read(path), self.grid, self.recipe.segments)
            inputs = self.front_end(torch.from_numpy(segments).to(self.device))
            parts = [self._forward(self.model, part) for part in inputs.split(self.recipe.batch)]
            joined = (torch.cat(tensors).float().cpu() for tensors in zip(*parts, strict=True))
            outputs.append(Activations(*joined))
        return outputs

    def _segments(self, train: ClipSet) -> RandomSegments:
        n_samples = self.recipe.augmentation.n_samples(self.grid.n_samples)
        return RandomSegments(
            train.paths, _stacked(train), n_samples, self.recipe.crops, self.recipe.seed
        )

    def _epoch(self, model: nn.Module, data: Segments, number: int) -> float:
        """Train on every segment of an epoch once; return the mean loss."""
        torch.manual_seed(1_000_003 * self.recipe.seed + world() * number + rank())
        data.epoch = number
        masks = self.recipe.augmentation.masks()
        model.train()
        total = torch.zeros((), device=self.device)
        batches = self._batches(data, number)
        for waveforms, targets in batches:
            augmented, batch_targets = self.recipe.augmentation.waveforms(
                waveforms.to(self.device), targets.to(self.device), self.grid.n_samples
            )
            loss = self.criterion(
                self._forward(model, masks(self.front_end(augmented))), batch_targets
            )
            self.optimiser.zero_grad()
            self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
            self.scaler.step(self.optimiser)
            self.scaler.update()
            total += loss.detach()
        mean = total / len(batches)
        if world() > 1:
            distributed.all_reduce(mean)
            mean /= world()
        return float(mean)

    def _batches(self, data: Segments, number: int) -> DataLoader[tuple[Tensor, Tensor]]:
        """Distribute the segments over the processes, equally many to each, in a random order."""
        order = np.random.default_rng((self.recipe.seed, number)).permutation(len(data))
        share = len(data) // world()
        own = order[rank() :: world()][:share].tolist()
        # A last batch of one has no variance to normalise by.
        drop = share % self.recipe.batch == 1 and share > 1
        return DataLoader(
            data,
            batch_size=self.recipe.batch,
            sampler=own,
            num_workers=self.workers,
            drop_last=drop,
            pin_memory=self.device.type == "cuda",
        )

    def _forward(self, model: nn.Module, inputs: Tensor) -> Activations:
        dtype = getattr(torch, self.recipe.precision)
        with torch.autocast(self.device.type, dtype, enabled=dtype != torch.float32):
            outputs: Activations = model(inputs)
        return outputs

    def _distributed(self) -> nn.Module:
        if world() == 1:
            return self.model
        ids = [self.device] if self.device.type == "cuda" else None
        return DistributedDataParallel(self.model, device_ids=ids)

    def _out_of_patience(self) -> bool:
        return (
            self.best is not None
            and len(self.history) - self.best[0].number >= self.recipe.patience
        )

    def save(self, path: Path) -> None:
        """Write a checkpoint that training can continue from. Raises OSError."""
        if self.best is None:
            raise ValueError("nothing has been trained yet")
        content = io.BytesIO()
        torch.save(
            {
                "format": _CHECKPOINT,
                "recipe": repr(self.recipe),
                "model": self.model.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "schedule": self.schedule.state_dict(),
                "scaler": self.scaler.state_dict(),
                "history": [tuple(epoch) for epoch in self.history],
                "best": self.best[1],
                "best_number": self.best[0].number,
            },
            content,
        )
        replace_file(path, content.getvalue())

    def restore(self, path: Path) -> None:
        """Continue from a checkpoint of the same recipe and model. Raises CheckpointError."""
        try:
            checkpoint = torch.load(path, map_location=self.device, weights_only=True)
            if checkpoint["format"] != _CHECKPOINT:
                raise ValueError("it is of another version")
            if checkpoint["recipe"] != repr(self.recipe):
                raise ValueError(f"it was trained with other settings: {checkpoint['recipe']}")
            self.model.load_state_dict(checkpoint["model"])
            self.optimiser.load_state_dict(checkpoint["optimiser"])
            self.schedule.load_state_dict(checkpoint["schedule"])
            self.scaler.load_state_dict(checkpoint["scaler"])
            self.history = [Epoch(*values) for values in checkpoint["history"]]
            state = {name: tensor.cpu() for name, tensor in checkpoint["best"].items()}
            self.best = self.history[checkpoint["best_number"] - 1], state
        except (
            *(OSError, EOFError, KeyError, TypeError, ValueError, RuntimeError),
            *(IndexError, pickle.UnpicklingError),
        ) as error:
            raise CheckpointError(f"{path} cannot be continued from: {error}.") from error


def _stacked(clips: ClipSet) -> Tensor:
    return torch.stack(tuple(clips.targets))


def _schedule(
    recipe: Recipe, optimiser: torch.optim.Optimizer
) -> torch.optim.lr_scheduler.CosineAnnealingLR | torch.optim.lr_scheduler.ReduceLROnPlateau:
    if recipe.schedule == "cosine":
        return torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, recipe.epochs)
    return torch.optim.lr_scheduler.ReduceLROnPlateau(optimiser, "max", 0.5, _PLATEAU_PATIENCE)


def rank() -> int:
    """Return which of the processes this is, from 0."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def world() -> int:
    """Return how many processes train together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1
