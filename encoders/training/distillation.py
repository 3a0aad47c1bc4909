"""Distillation: a small model learns to answer as larger ones do, segment by segment, label or not.

The teachers hear what the student hears (L. Beyer et al., "Knowledge distillation: A good teacher
is patient and consistent", CVPR 2022): every second segment is mixed with one of another clip,
which makes more of few clips. Taught are the tags' probabilities (G. Hinton et al., "Distilling the
knowledge in a neural network", 2015) and the penultimate layers (A. Romero et al., "FitNets", ICLR
2015). What the teachers said is kept in a folder: they hear every segment once.
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

_AT_ONCE = 64  # segments that the teachers are given, and whose answers are one file
_LENGTH = 0.05  # by which a teacher's segments may be longer or shorter than the student's
_LEAST = 1e-3  # divergence of the tags' means, where the teachers always say the same
_QUIETEST = 0.2  # share of the second segment in a mix, at least; at most half

_Array = NDArray[np.float32]


class TeachingError(ValueError):
    """A model cannot be taught so; the message says why."""


class Teachers:
    """Several taggers as one: a row of its answers is its tags' probabilities, then its units."""

    def __init__(self, taggers: Sequence[Tagger], grid: SegmentGrid, folder: Path) -> None:
        """`grid` is the student's, `folder` keeps answers. Raises TeachingError for other grids."""
        self.taggers = tuple(taggers)
        self.folder = folder
        self.ears = {}
        for tagger in taggers:
            own = segment_grid(tagger.bundle.front)
            off = abs(own.n_samples / grid.n_samples - 1)
            if own.sample_rate != grid.sample_rate or off > _LENGTH:
                raise TeachingError(
                    f"{tagger.bundle.name} hears {own.n_samples} samples at {own.sample_rate} Hz, "
                    f"the student {grid.n_samples} at {grid.sample_rate} Hz: choose an "
                    "architecture that hears as much as its teachers."
                )
            self.ears[tagger.bundle.front] = front_end(tagger.bundle.front).to(tagger.device), own

    @property
    def widths(self) -> list[int]:
        """How many units each has below its tags."""
        return [len(tagger.prior.penultimate) for tagger in self.taggers]

    @property
    def tags(self) -> tuple[str, ...]:
        """All their tags, each once."""
        return tuple(dict.fromkeys(tag for t in self.taggers for tag in t.bundle.tags))

    def answers(self, key: str, segments: Callable[[], _Array]) -> Tensor:
        """Return what they say to segments, which `key` stands for: (n_segments, tags + units).

        Computed once and kept in half precision. Raises OSError where the folder cannot be written.
        """
        names = [f"{tagger.bundle.name}-float32" for tagger in self.taggers]
        digest = hashlib.blake2b(repr((names, key)).encode(), digest_size=16).hexdigest()
        place = self.folder / f"{digest}.npy"
        if not place.exists():
            content = io.BytesIO()
            np.save(content, self._listen(segments()).numpy().astype(np.float16))
            self.folder.mkdir(parents=True, exist_ok=True)
            replace_file(place, content.getvalue())
        return torch.from_numpy(np.load(place).astype(np.float32))

    def of_clip(self, place: Path, grid: SegmentGrid, n_segments: int | None) -> Tensor:
        """Return their answers to a clip cut as it is judged (`Trainer.listen`)."""
        key = f"{place.name} {grid} {n_segments}"
        return self.answers(key, lambda: all_segments(read(place), grid, n_segments))

    @torch.inference_mode()
    def _listen(self, segments: _Array) -> Tensor:
        waveforms = torch.from_numpy(segments).to(self.taggers[0].device)
        inputs = {
            front: ear(F.pad(waveforms, (0, grid.n_samples - waveforms.shape[1])))
            for front, (ear, grid) in self.ears.items()
        }
        starts = np.zeros(len(segments), np.float32)
        heard = [tagger.features(inputs[tagger.bundle.front], starts) for tagger in self.taggers]
        units = [features.penultimate.astype(np.float32) for features in heard]
        return torch.from_numpy(np.concatenate([self._tags(heard), *units], axis=1))

    def _tags(self, heard: Sequence[TrackFeatures]) -> _Array:
        """Return probabilities (n_segments, n_tags); a tag of several teachers has their mean."""
        number = {tag: i for i, tag in enumerate(self.tags)}
        total = np.zeros((len(heard[0].tags), len(number)), np.float32)
        count = np.zeros(len(number), np.float32)
        for tagger, features in zip(self.taggers, heard, strict=True):
            places = [number[tag] for tag in tagger.bundle.tags]
            total[:, places] += features.tags
            count[places] += 1
        return total / count


class Lessons(Dataset[tuple[Tensor, Tensor]]):
    """The segments that a student learns from, the same in every epoch, and what it should answer.

    `crops` of each clip at random places, in turns one as it is and one mixed with a segment of
    another clip.
    """

    def __init__(self, places: Sequence[Path], n_samples: int, crops: int, seed: int) -> None:
        """Before it is learned from, `targets` (len, n) must be set."""
        self.segments = RandomSegments(places, torch.zeros(len(places), 0), n_samples, crops, seed)
        self.targets = torch.zeros(len(self.segments), 0)
        self.epoch = 0  # of the loop; nothing here hangs on it

    def __len__(self) -> int:
        return len(self.segments)

    def waveform(self, number: int) -> Tensor:
        """Return a segment (n_samples,)."""
        own, _ = self.segments[number]
        n_clips = len(self.segments.places)
        if number // n_clips % 2 == 0 or n_clips == 1:
            return own
        rng = np.random.default_rng((self.segments.seed, number))
        clip = (number + int(rng.integers(1, n_clips))) % n_clips
        other, _ = self.segments[number // n_clips * n_clips + clip]
        share = float(rng.uniform(_QUIETEST, 0.5))
        return (1.0 - share) * own + share * other

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor]:
        """Return a segment (n_samples,) and what to answer (n,)."""
        return self.waveform(number), self.targets[number]

    def answers(
        self, teachers: Teachers, progress: Callable[[int, int], None] = lambda done, total: None
    ) -> Tensor:
        """Let teachers hear everything; return what they say, a row a segment. Raises OSError."""
        own = self.segments
        what = hashlib.blake2b(repr([place.name for place in own.places]).encode()).hexdigest()
        rows = []
        for first in range(0, len(self), _AT_ONCE):
            numbers = range(first, min(first + _AT_ONCE, len(self)))
            key = f"{what} {own.n_samples} {own.seed} {numbers}"
            rows.append(teachers.answers(key, lambda n=numbers: self._waveforms(n)))  # type: ignore[misc]
            progress(numbers.stop, len(self))
        return torch.cat(rows)

    def _waveforms(self, numbers: range) -> _Array:
        return torch.stack([self.waveform(number) for number in numbers]).numpy()


@dataclass(frozen=True)
class Aim:
    """What of the teachers' answers a student with `n_units` units below its tags is to give.

    Its units are the principal components of theirs, so that its cosines are theirs: each
    teacher's centred on the lessons and scaled to the same variance in all, and all together to a
    variance of 1 a unit, as far as a network's own at the beginning.

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
    def fit(cls, answers: Tensor, widths: Sequence[int], n_tags: int, n_units: int) -> Aim:
        """Fit on the answers to the lessons; `widths` are the teachers' numbers of units."""
        tags, units = answers[:, :n_tags], answers[:, n_tags:].double()
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
        kept = min(n_units, len(values))
        variance = float(values.flip(0)[:kept].sum().clamp(min=1e-12))
        basis = scale[:, None] * vectors.flip(1)[:, :kept] * (n_units / variance) ** 0.5
        constant = _divergence(tags.mean(dim=0).logit(eps=1e-6).expand_as(tags), tags)
        return cls(
            n_tags,
            mean.float(),
            F.pad(basis.float(), (0, n_units - kept)),
            float(constant.clamp(min=_LEAST)),
            float(n_units),
        )

    def targets(self, answers: Tensor) -> Tensor:
        """Turn answers (n, tags + units) into what a student learns: (n, n_tags + n_units)."""
        units = (answers[:, self.n_tags :] - self.mean) @ self.basis
        return torch.cat([answers[:, : self.n_tags], units], dim=1)

    def loss(self, heard: Activations, targets: Tensor) -> Tensor:
        """Return the divergence of the tags plus the squared error of the units.

        Both as a share of what one who knows nothing but means would have: 2 in all for it.
        """
        tags, units = targets[:, : self.n_tags], targets[:, self.n_tags :]
        error = (heard.penultimate.float() - units).square().sum(dim=1).mean()
        return _divergence(heard.logits.float(), tags) / self.constant + error / self.variance


def _divergence(logits: Tensor, tags: Tensor) -> Tensor:
    """Return the mean Kullback-Leibler divergence of tags' probabilities."""
    entropy = F.binary_cross_entropy(tags, tags)
    return F.binary_cross_entropy_with_logits(logits, tags) - entropy
