"""Segments of cached audio: random ones for training, evenly spread ones for evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from encoders.audio import SegmentGrid, choose_segments
from encoders.training.audio_cache import floats, read


class RandomSegments(Dataset[tuple[Tensor, Tensor]]):
    """Segments of clips at random positions, each with its clip's targets.

    A segment's position depends on seed, epoch and its number alone, so that a resumed training
    sees the segments that an uninterrupted one would have seen. Set `epoch` before each.
    """

    def __init__(
        self, paths: Sequence[Path], targets: Tensor, n_samples: int, crops: int, seed: int
    ) -> None:
        """`crops` segments of each clip make an epoch; targets are float32 (n_clips, n_tags)."""
        self.paths = paths
        self.targets = targets
        self.n_samples = n_samples
        self.crops = crops
        self.seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.paths) * self.crops

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor]:
        """Return waveform (n_samples,) and targets (n_tags,)."""
        clip = number % len(self.paths)
        rng = np.random.default_rng((self.seed, self.epoch, number))
        samples = read(self.paths[clip])
        start = int(rng.integers(max(len(samples) - self.n_samples, 0) + 1))
        piece = np.resize(samples[start : start + self.n_samples], self.n_samples)
        return torch.from_numpy(floats(piece)), self.targets[clip]


def all_segments(
    samples: NDArray[np.int16], grid: SegmentGrid, n_segments: int | None = None
) -> NDArray[np.float32]:
    """Cut a clip as a build cuts a track (`encoders.audio`): float32 (n_segments, n_samples).

    `n_segments` are spread evenly over it, None takes all; a clip shorter than one is repeated.
    """
    half = grid.n_fft // 2
    count = grid.count(len(samples) / grid.sample_rate)
    whole = np.resize(samples, max(len(samples), grid.n_samples - half))
    padded = np.concatenate([np.zeros(half, np.int16), whole, np.zeros(half, np.int16)])
    starts = choose_segments(count, n_segments) * grid.step
    return floats(np.stack([padded[start : start + grid.n_samples] for start in starts]))
