"""The convolutional recurrent network: a 2-D CNN whose maps a GRU reads in time.

K. Choi, G. Fazekas, M. Sandler, K. Cho, "Convolutional recurrent neural networks for music
classification", ICASSP 2017, section 2.4; in the sizes that M. Won et al. (SMC 2020) trained and
published, who rectify where the paper has exponential linear units.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor, nn

from encoders.melspec import MelConfig
from encoders.models.activations import Activations
from encoders.models.blocks import ConvBlock2d, expected_maximum, mean_and_max

MEL = MelConfig(n_frames=1819, mel_scale="htk", norm=None, decibels=True)  # 29 s


@dataclass(frozen=True)
class CrnnConfig:
    """Sizes of the published models: 394,100 parameters."""

    n_tags: int = 50
    n_filters: tuple[int, ...] = (64, 128, 128, 128)
    pools: tuple[int, ...] = (2, 3, 4, 4)  # both ways; 96 mel bands shrink to one
    n_units: int = 32
    n_recurrent: int = 2  # layers

    @property
    def time_layers(self) -> tuple[tuple[int, int], ...]:
        """(length, stride) of each convolution and pool along time, the last pool left out."""
        layers = [layer for n in self.pools for layer in ((3, 1), (n, n))]
        return tuple(layers[:-1])


class Crnn(nn.Module):
    """Log-mel segments to tags: (batch, time, 96) -> Activations.

    The published models see 1819 frames (29 s); any length from 96 on is accepted. `penultimate` is
    the GRU's last state (32), `pooled` the mean and maximum of what it reads (2 x 128).
    """

    def __init__(self, config: CrnnConfig) -> None:
        super().__init__()
        self.config = config
        self.input_bn = nn.BatchNorm2d(1)
        channels = (1, *config.n_filters)
        self.blocks = nn.ModuleList(
            ConvBlock2d(n_in, n_out, pool)
            for n_in, n_out, pool in zip(channels[:-1], channels[1:], config.pools, strict=True)
        )
        self.gru = nn.GRU(
            config.n_filters[-1], config.n_units, config.n_recurrent, batch_first=True
        )
        self.dropout = nn.Dropout(0.5)
        self.output = nn.Linear(config.n_units, config.n_tags)

    def forward(self, mel: Tensor) -> Activations:
        """Tag a batch of segments."""
        x = self.input_bn(mel.transpose(1, 2).unsqueeze(1))
        for block in self.blocks:
            x = block(x)
        features = x.squeeze(2)  # (batch, n_filters, time)
        penultimate = self.last_state(features)
        return Activations(
            self.output(self.dropout(penultimate)), penultimate, mean_and_max(features)
        )

    def last_state(self, features: Tensor) -> Tensor:
        """(batch, n_filters, time) -> (batch, n_units)."""
        states: Tensor = self.gru(features.transpose(1, 2))[0]
        return states[:, -1]

    def mean_penultimate(self) -> Tensor:
        """Return about the mean over the training data: the state behind average maps: (32,)."""
        n_steps = MEL.n_frames // math.prod(self.config.pools)
        mean = expected_maximum(self.blocks[-1].bn, self.config.pools[-1] ** 2)  # type: ignore[arg-type]
        return self.last_state(mean[None, :, None].repeat(1, 1, n_steps))[0].detach()
