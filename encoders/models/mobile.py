"""The depthwise separable CNN: a small network for slow machines, a student for distillation.

A. Howard et al., "MobileNets: Efficient convolutional neural networks for mobile vision
applications", arXiv:1704.04861, 2017, section 3.1: a convolution of each channel by itself, then a
1 x 1 convolution over all of them, at an eighth of a full convolution's cost. Its layer below
the tags is linear, so that it can be trained to match any other model's.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn

from encoders.models.activations import Activations
from encoders.models.blocks import mean_and_max


@dataclass(frozen=True)
class MobileConfig:
    """Sizes: 252,812 parameters. The strides come early, where maps are large."""

    n_tags: int = 50
    n_filters: tuple[int, ...] = (16, 32, 64, 64, 128, 128, 256, 256)
    strides: tuple[int, ...] = (2, 2, 1, 2, 1, 2, 1, 1)
    n_units: int = 200

    @property
    def time_layers(self) -> tuple[tuple[int, int], ...]:
        """(length, stride) of each layer along time."""
        return tuple((3, stride) for stride in self.strides)


class Separable(nn.Module):
    """(batch, n_in, height, width) -> (batch, n_out, height / stride, width / stride)."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(n_in, n_in, 3, stride=stride, padding=1, groups=n_in, bias=False)
        self.depthwise_bn = nn.BatchNorm2d(n_in)
        self.pointwise = nn.Conv2d(n_in, n_out, 1, bias=False)
        self.pointwise_bn = nn.BatchNorm2d(n_out)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve each channel, then all; normalise and rectify behind both."""
        x = self.depthwise_bn(self.depthwise(x)).relu()
        rectified: Tensor = self.pointwise_bn(self.pointwise(x)).relu()
        return rectified


class Mobile(nn.Module):
    """Log-mel segments to tags: (batch, time, 96) -> Activations; any length is accepted.

    `penultimate` is the dense layer (200), `pooled` the mean and maximum of the last map (2 x 256).
    """

    def __init__(self, config: MobileConfig) -> None:
        super().__init__()
        self.config = config
        self.input_bn = nn.BatchNorm2d(1)
        first = config.n_filters[0]
        self.conv = nn.Conv2d(1, first, 3, stride=config.strides[0], padding=1, bias=False)
        self.bn = nn.BatchNorm2d(first)
        self.layers = nn.Sequential(
            *(
                Separable(n_in, n_out, stride)
                for (n_in, n_out), stride in zip(
                    pairwise(config.n_filters), config.strides[1:], strict=True
                )
            )
        )
        self.pool_bn = nn.BatchNorm1d(2 * config.n_filters[-1])
        self.dense = nn.Linear(2 * config.n_filters[-1], config.n_units)
        self.output = nn.Linear(config.n_units, config.n_tags)

    def forward(self, mel: Tensor) -> Activations:
        """Tag a batch of segments."""
        x = self.input_bn(mel.unsqueeze(1))
        pooled = mean_and_max(self.layers(self.bn(self.conv(x)).relu()))
        penultimate = self.dense(self.pool_bn(pooled))
        return Activations(self.output(penultimate), penultimate, pooled)
