"""Knowledge distillation: a small model learns the outputs of larger ones, without labels.

Teachers and student are given the same segments (L. Beyer et al., "Knowledge distillation: A good
teacher is patient and consistent", CVPR 2022): every second segment is mixed with one of another
clip, which augments small data sets. The student learns the tags' probabilities (G. Hinton et al.,
"Distilling the knowledge in a neural network", 2015) and the penultimate layers (A. Romero et al.,
"FitNets", ICLR 2015). The teachers' outputs are cached in a folder, so each is computed once.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from encoders.audio import SegmentGrid
from encoders.features import TrackFeatures
from encoders.files import replace_file
from encoders.frontends import front_end, segment_grid
from encoders.models.activations import Activations
from encoders.tagger import Tagger
from encoders.training.audio_cache import read
from encoders.training.segments import RandomSegments, all_segments

_BATCH_SIZE = 64  # segments that the teachers are given, and whose outputs are one file
_LENGTH_TOLERANCE = 0.05  # that teachers' segments may differ from the student's
_MIN_DIVERGENCE = 1e-3  # divergence of the tags' means, where the teachers always say the same
_MIN_MIX_SHARE = 0.2  # share of the second segment in a mix, at least; at most half

_Array = NDArray[np.float32]


class DistillationError(ValueError):
    """Teachers and student do not fit each other; the message says why."""


class Teachers:
    """Several taggers as one; a row of its outputs is tag probabilities, then penultimate units."""

    def __init__(self, taggers: Sequence[Tagger], grid: SegmentGrid, folder: Path) -> None:
        """`grid` is the student's, `folder` caches outputs.

        Raises DistillationError for teachers whose segments differ in sample rate or length.
        """
        self.taggers = tuple(taggers)
        self.folder = folder
        self.front_ends = {}
        for tagger in taggers:
            own = segment_grid(tagger.bundle.front)
            off = abs(own.n_samples / grid.n_samples - 1)
            if own.sample_rate != grid.sample_rate or off > _LENGTH_TOLERANCE:
                raise DistillationError(
                    f"{tagger.bundle.name} takes {own.n_samples} samples at {own.sample_rate} Hz, "
                    f"the student {grid.n_samples} at {grid.sample_rate} Hz: choose an "
                    "architecture with segments as long as its teachers'."
                )
            module = front_end(tagger.bundle.front).to(tagger.device)
            self.front_ends[tagger.bundle.front] = module, own

    @property
    def widths(self) -> list[int]:
        """The number of penultimate units of each."""
        return [len(tagger.prior.penultimate) for tagger in self.taggers]

    @property
    def tags(self) -> tuple[str, ...]:
        """All their tags, each once."""
        return tuple(dict.fromkeys(tag for t in self.taggers for tag in t.bundle.tags))

    def outputs(self, key: str, segments: Callable[[], _Array]) -> Tensor:
        """Return their outputs for segments, which `key` identifies: (n_segments, tags + units).

        Computed once and cached in half precision. Raises OSError where the folder cannot be
        written.
        """
        names = [f"{tagger.bundle.name}-float32" for tagger in self.taggers]
        digest = hashlib.blake2b(repr((names, key)).encode(), digest_size=16).hexdigest()
        path = self.folder / f"{digest}.npy"
        if not path.exists():
            content = io.BytesIO()
            np.save(content, self._compute_outputs(segments()).numpy().astype(np.float16))
            self.folder.mkdir(parents=True, exist_ok=True)
            replace_file(path, content.getvalue())
        return torch.from_numpy(np.load(path).astype(np.float32))

    def of_clip(self, path: Path, grid: SegmentGrid, n_segments: int | None) -> Tensor:
        """Return their outputs for the segments that validation uses (`Trainer.predict`)."""
        key = f"{path.name} {grid} {n_segments}"
        return self.outputs(key, lambda: all_segments(read(path), grid, n_segments))

    @torch.inference_mode()
    def _compute_outputs(self, segments: _Array) -> Tensor:
        waveforms = torch.from_numpy(segments).to(self.taggers[0].device)
        inputs = {
            front: module(F.pad(waveforms, (0, grid.n_samples - waveforms.shape[1])))
            for front, (module, grid) in self.front_ends.items()
        }
        starts = np.zeros(len(segments), np.float32)
        outputs = [tagger.features(inputs[tagger.bundle.front], starts) for tagger in self.taggers]
        units = [features.penultimate.astype(np.float32) for features in outputs]
        return torch.from_numpy(np.concatenate([self._tags(outputs), *units], axis=1))

    def _tags(self, outputs: Sequence[TrackFeatures]) -> _Array:
        """Return probabilities (n_segments, n_tags); a tag of several teachers has their mean."""
        number = {tag: i for i, tag in enumerate(self.tags)}
        total = np.zeros((len(outputs[0].tags), len(number)), np.float32)
        count = np.zeros(len(number), np.float32)
        for tagger, features in zip(self.taggers, outputs, strict=True):
            columns = [number[tag] for tag in tagger.bundle.tags]
            total[:, columns] += features.tags
            count[columns] += 1
        return total / count


class DistillationSegments(Dataset[tuple[Tensor, Tensor]]):
    """The segments that a student is trained on, the same in every epoch, and their targets.

    `crops` of each clip at random positions, alternately unchanged and mixed with a segment of
    another clip.
    """

    def __init__(self, paths: Sequence[Path], n_samples: int, crops: int, seed: int) -> None:
        """Take the clips' cached audio; `targets` (len, n) must be set before training."""
        self.unmixed = RandomSegments(paths, torch.zeros(len(paths), 0), n_samples, crops, seed)
        self.targets = torch.zeros(len(self.unmixed), 0)
        self.epoch = 0  # set by the training loop; the segments do not depend on it

    def __len__(self) -> int:
        return len(self.unmixed)

    def waveform(self, number: int) -> Tensor:
        """Return a segment (n_samples,)."""
        own, _ = self.unmixed[number]
        n_clips = len(self.unmixed.paths)
        if number // n_clips % 2 == 0 or n_clips == 1:
            return own
        rng = np.random.default_rng((self.unmixed.seed, number))
        clip = (number + int(rng.integers(1, n_clips))) % n_clips
        other, _ = self.unmixed[number // n_clips * n_clips + clip]
        share = float(rng.uniform(_MIN_MIX_SHARE, 0.5))
        return (1.0 - share) * own + share * other

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor]:
        """Return a segment (n_samples,) and its target (n,)."""
        return self.waveform(number), self.targets[number]

    def outputs(
        self, teachers: Teachers, progress: Callable[[int, int], None] = lambda done, total: None
    ) -> Tensor:
        """Return the teachers' outputs for all segments, one row each. Raises OSError."""
        own = self.unmixed
        what = hashlib.blake2b(repr([path.name for path in own.paths]).encode()).hexdigest()
        rows = []
        for first in range(0, len(self), _BATCH_SIZE):
            numbers = range(first, min(first + _BATCH_SIZE, len(self)))
            key = f"{what} {own.n_samples} {own.seed} {numbers}"
            rows.append(teachers.outputs(key, lambda n=numbers: self._waveforms(n)))  # type: ignore[misc]
            progress(numbers.stop, len(self))
        return torch.cat(rows)

    def _waveforms(self, numbers: range) -> _Array:
        return torch.stack([self.waveform(number) for number in numbers]).numpy()


@dataclass(frozen=True)
class DistillationTarget:
    """The targets of a student with `n_units` penultimate units, from its teachers' outputs.

    Its units are the principal components of theirs, so that its cosines are theirs: each
    teacher's centred on the training segments and scaled to the same total variance, and all
    together to a variance of 1 a unit, which a network's own have at the beginning.

    mean      (units,) of the teachers together
    basis     (units, n_units)
    constant  the divergence of a student that knows each tag's mean probability and nothing else
    variance  of the components, summed: the squared error of one that knows their mean
    """

    n_tags: int
    mean: Tensor
    basis: Tensor
    constant: float
    variance: float

    @classmethod
    def fit(
        cls, outputs: Tensor, widths: Sequence[int], n_tags: int, n_units: int
    ) -> DistillationTarget:
        """Fit on outputs for the training segments; `widths` are the teachers' numbers of units."""
        tags, units = outputs[:, :n_tags], outputs[:, n_tags:].double()
        mean = units.mean(dim=0)
        centred = units - mean
        scale = torch.cat(
            [
                part.square().sum(dim=1).mean().clamp(min=1e-12).rsqrt().expand(width)
                for part, width in zip(
                    torch.split(centred, list(widths), dim=1), widths, strict=True
                )
            ]
        )
        scaled = centred * scale
        values, vectors = torch.linalg.eigh(scaled.T @ scaled / len(scaled))
        n_components = min(n_units, len(values))
        variance = float(values.flip(0)[:n_components].sum().clamp(min=1e-12))
        basis = scale[:, None] * vectors.flip(1)[:, :n_components] * (n_units / variance) ** 0.5
        constant = _divergence(tags.mean(dim=0).logit(eps=1e-6).expand_as(tags), tags)
        return cls(
            n_tags,
            mean.float(),
            F.pad(basis.float(), (0, n_units - n_components)),
            float(constant.clamp(min=_MIN_DIVERGENCE)),
            float(n_units),
        )

    def targets(self, outputs: Tensor) -> Tensor:
        """Return the targets for teachers' outputs (n, tags + units): (n, n_tags + n_units)."""
        units = (outputs[:, self.n_tags :] - self.mean) @ self.basis
        return torch.cat([outputs[:, : self.n_tags], units], dim=1)

    def loss(self, activations: Activations, targets: Tensor) -> Tensor:
        """Return the divergence of the tags plus the squared error of the units.

        Each relative to the loss of predicting the means, for which they are 2 together.
        """
        tags, units = targets[:, : self.n_tags], targets[:, self.n_tags :]
        error = (activations.penultimate.float() - units).square().sum(dim=1).mean()
        return _divergence(activations.logits.float(), tags) / self.constant + error / self.variance


def _divergence(logits: Tensor, tags: Tensor) -> Tensor:
    """Return the mean Kullback-Leibler divergence of tags' probabilities."""
    entropy = F.binary_cross_entropy(tags, tags)
    return F.binary_cross_entropy_with_logits(logits, tags) - entropy
