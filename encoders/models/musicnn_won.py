"""musicnn as Won et al. trained it: batch norm before the rectifier, bands averaged for rhythm.

M. Won, A. Ferraro, D. Bogdanov, X. Serra, "Evaluation of CNN-based automatic music tagging models",
SMC 2020, after J. Pons et al., "End-to-end learning for music audio tagging at scale", ISMIR 2018.
`encoders.models.musicnn` is the authors' own.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from encoders.melspec import MelConfig
from encoders.models.activations import Activations
from encoders.models.blocks import ConvBlock1d, expected_maximum, mean_and_max

MEL = MelConfig(n_frames=188, mel_scale="htk", norm=None, decibels=True)  # 3 s


@dataclass(frozen=True)
class WonMusicnnConfig:
    """Sizes of the models published for MagnaTagATune and MTG-Jamendo: 784,300 parameters."""

    n_tags: int = 50
    timbral_heights: tuple[int, ...] = (67, 38)  # mel bands
    timbral_length: int = 7  # frames
    n_timbral: int = 204
    temporal_lengths: tuple[int, ...] = (129, 65, 33)  # frames
    n_temporal: int = 51
    n_mid: int = 64
    n_units: int = 200

    @property
    def time_layers(self) -> tuple[tuple[int, int], ...]:
        """(length, stride) of each layer on the longest way."""
        return ((max(self.temporal_lengths), 1), (7, 1), (7, 1), (7, 1))


class TimbralBlock(nn.Module):
    """Tall kernels, maximum over frequency: (batch, 1, mels, time) -> (batch, n_out, time)."""

    def __init__(self, n_out: int, height: int, length: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, n_out, (height, length), padding=(0, length // 2))
        self.bn = nn.BatchNorm2d(n_out)

    def forward(self, mel: Tensor) -> Tensor:
        """Convolve, normalise, rectify, keep the maximum."""
        largest: Tensor = self.bn(self.conv(mel)).relu().amax(dim=2)
        return largest


class WonMusicnn(nn.Module):
    """Log-mel segments to tags: (batch, time, 96) -> Activations.

    The published models see 188 frames (3 s); any length is accepted. `penultimate` has 200 units,
    `pooled` 2 x 753.
    """

    def __init__(self, config: WonMusicnnConfig) -> None:
        super().__init__()
        self.config = config
        self.input_bn = nn.BatchNorm2d(1)
        self.timbral = nn.ModuleList(
            TimbralBlock(config.n_timbral, height, config.timbral_length)
            for height in config.timbral_heights
        )
        self.temporal = nn.ModuleList(
            ConvBlock1d(1, config.n_temporal, length) for length in config.temporal_lengths
        )
        n_timbral = config.n_timbral * len(config.timbral_heights)
        n_front = n_timbral + config.n_temporal * len(config.temporal_lengths)
        self.mid = nn.ModuleList(
            ConvBlock1d(n_in, config.n_mid, 7) for n_in in (n_front, config.n_mid, config.n_mid)
        )
        self.dense = nn.Linear(2 * (n_front + 3 * config.n_mid), config.n_units)
        self.dense_bn = nn.BatchNorm1d(config.n_units)
        self.dropout = nn.Dropout(0.5)
        self.output = nn.Linear(config.n_units, config.n_tags)

    def forward(self, mel: Tensor) -> Activations:
        """Tag a batch of segments."""
        x = self.input_bn(mel.transpose(1, 2).unsqueeze(1))
        level = x.mean(dim=2)  # (batch, 1, time)
        front = torch.cat(
            [
                *(block(x) for block in self.timbral),
                *(block(level) for block in self.temporal),
            ],
            dim=1,
        )
        first = self.mid[0](front)
        second = first + self.mid[1](first)
        third = second + self.mid[2](second)
        pooled = mean_and_max(torch.cat([front, first, second, third], dim=1))
        penultimate = self.dense_bn(self.dense(pooled)).relu()
        return Activations(self.output(self.dropout(penultimate)), penultimate, pooled)

    def mean_penultimate(self) -> Tensor:
        """Return about the mean over the training data: (200,)."""
        return expected_maximum(self.dense_bn)
