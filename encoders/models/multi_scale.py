"""The multi-scale CNN: spectrograms of several windows, tagged frame by frame.

J.-Y. Liu, Y.-H. Yang, "Event localization in music auto-tagging", ACM Multimedia 2016, section 4:
each spectrogram has convolutions of its own, all are joined and tagged at every frame, each tag's
frames are smoothed by a Gaussian of a learned width, and their mean is the clip's tag. The paper
has windows of 512 to 16,384 samples in steps of 512.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from encoders.melspec import MelConfig
from encoders.models.activations import Activations
from encoders.models.blocks import mean_and_max

MEL = MelConfig(
    n_fft=16_384,
    hop_length=512,
    n_mels=128,
    n_frames=907,
    shorter_ffts=(8192, 4096, 2048, 1024, 512),
)  # 29 s


@dataclass(frozen=True)
class MultiScaleConfig:
    """Sizes for six windows: 633,316 parameters."""

    n_tags: int = 50
    n_scales: int = 6
    n_mels: int = 128  # of each
    n_filters: int = 32
    length: int = 8  # frames
    pool: int = 4
    n_layers: int = 2
    n_units: int = 512
    smoothing: float = 16.0  # standard deviation of the Gaussians before training, in pooled frames

    @property
    def time_layers(self) -> tuple[tuple[int, int], ...]:
        """(length, stride) of each layer before the frames are tagged."""
        return ((self.length, 1), (self.pool, self.pool)) * self.n_layers


class MultiScale(nn.Module):
    """Log-mel segments of several windows to tags: (batch, time, 6 x 128) -> Activations.

    Any length from 16 frames on is accepted. `penultimate` is the mean of the last layer over the
    frames (512), `pooled` the mean and maximum of the joined maps (2 x 192).
    """

    def __init__(self, config: MultiScaleConfig) -> None:
        super().__init__()
        self.config = config
        self.scales = nn.ModuleList(self._scale(config) for _ in range(config.n_scales))
        self.late = nn.Sequential(
            nn.Dropout(0.5),
            nn.Linear(config.n_scales * config.n_filters, config.n_units),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(config.n_units, config.n_units),
            nn.ReLU(),
            nn.Dropout(0.5),
        )
        self.output = nn.Linear(config.n_units, config.n_tags)
        self.smoothing = nn.Parameter(torch.full((config.n_tags,), config.smoothing))

    @staticmethod
    def _scale(config: MultiScaleConfig) -> nn.Module:
        layers: list[nn.Module] = []
        for i in range(config.n_layers):
            n_in = config.n_filters if i else config.n_mels
            layers += [
                nn.ConstantPad1d(((config.length - 1) // 2, config.length // 2), 0.0),
                nn.Conv1d(n_in, config.n_filters, config.length),
                nn.ReLU(),
                nn.MaxPool1d(config.pool),
            ]
        return nn.Sequential(*layers)

    def forward(self, mel: Tensor) -> Activations:
        """Tag a batch of segments."""
        bands = torch.split(mel.transpose(1, 2), self.config.n_mels, dim=1)
        joined = [scale(part) for scale, part in zip(self.scales, bands, strict=True)]
        features = torch.cat(joined, dim=1)
        frames = self.late(features.transpose(1, 2))  # (batch, time, n_units)
        probabilities = self.smoothed(self.output(frames).sigmoid()).mean(dim=1)
        logits = probabilities.clamp(1e-6, 1.0 - 1e-6).logit()
        return Activations(logits, frames.mean(dim=1), mean_and_max(features))

    def smoothed(self, frames: Tensor) -> Tensor:
        """Average each tag over neighbouring frames: (batch, time, n_tags) -> the same shape."""
        place = torch.arange(frames.shape[1], device=frames.device)
        distance = (place[:, None] - place[None, :]) / self.smoothing[:, None, None]
        weights = torch.softmax(-0.5 * distance.square(), dim=2)  # (n_tags, time, time)
        return torch.einsum("ktu,buk->btk", weights, frames)
