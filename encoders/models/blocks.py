"""Building blocks that the architectures share: convolution, batch norm, ReLU, max pooling."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn


class ConvBlock2d(nn.Module):
    """3 x 3 kernels: (batch, n_in, height, width) -> (batch, n_out, height / p, width / q)."""

    def __init__(self, n_in: int, n_out: int, pool: int | tuple[int, int]) -> None:
        super().__init__()
        self.conv = nn.Conv2d(n_in, n_out, 3, padding=1)
        self.bn = nn.BatchNorm2d(n_out)
        self.pool = nn.MaxPool2d(pool)

    def unpooled(self, x: Tensor) -> Tensor:
        """Return the feature map before its maxima are taken."""
        rectified: Tensor = self.bn(self.conv(x)).relu()
        return rectified

    def forward(self, x: Tensor) -> Tensor:
        """Convolve, normalise, rectify, pool."""
        pooled: Tensor = self.pool(self.unpooled(x))
        return pooled


class ConvBlock1d(nn.Module):
    """(batch, n_in, time) -> (batch, n_out, time / stride / pool), padded to keep its length."""

    def __init__(
        self, n_in: int, n_out: int, length: int = 3, *, stride: int = 1, pool: int = 1
    ) -> None:
        super().__init__()
        self.conv = nn.Conv1d(n_in, n_out, length, stride=stride, padding=length // 2)
        self.bn = nn.BatchNorm1d(n_out)
        self.pool = nn.MaxPool1d(pool)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve, normalise, rectify, pool."""
        pooled: Tensor = self.pool(self.bn(self.conv(x)).relu())
        return pooled


def mean_and_max(features: Tensor) -> Tensor:
    """(batch, n_channels, ...) -> (batch, 2 * n_channels): the means next to the maxima."""
    flat = features.float().flatten(2)
    return torch.cat([flat.mean(dim=2), flat.amax(dim=2)], dim=1)


def expected_maximum(bn: nn.Module, n: int = 1) -> Tensor:
    """Return the mean, over the training data, of a rectified batch norm's maximum over `n` places.

    Batch norm's shift and scale are its output's mean and standard deviation there. The output is
    taken for normal, the places for independent: exact is neither. Returns (n_channels,).
    """
    shift, scale = bn.bias.detach(), bn.weight.detach().abs()  # type: ignore[operator]
    quantiles = (torch.arange(1000) + 0.5) / 1000
    largest = torch.special.ndtri(quantiles ** (1.0 / n))
    return torch.relu(shift[:, None] + scale[:, None] * largest).mean(dim=1)


def receptive_field(layers: Iterable[tuple[int, int]]) -> int:
    """Return how many inputs one output of stacked layers depends on, given (length, stride) each.

    >>> receptive_field([(3, 1), (2, 2), (3, 1)])
    8
    """
    field = jump = 1
    for length, stride in layers:
        field += (length - 1) * jump
        jump *= stride
    return field


def n_positions(n: int, layers: Iterable[tuple[int, int]]) -> int:
    """Return what is left of `n` inputs behind unpadded layers, given (length, stride) each.

    >>> n_positions(187, [(8, 1), (4, 4)])
    45
    """
    for length, stride in layers:
        n = math.floor((n - length) / stride) + 1
    return n
