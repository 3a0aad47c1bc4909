"""ReSE-2 multi-level: the sample-level CNN with residual and squeeze-and-excitation blocks.

T. Kim, J. Lee, J. Nam, "Sample-level CNN architectures for music auto-tagging using raw waveforms",
ICASSP 2018, section 2: blocks of two convolutions beside a shortcut, channels weighted by what they
are on average, and the maxima of the last three blocks tagged together. The excitation's hidden
layer is 16 times as wide as its input, which the paper found better than narrowing it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from encoders.frontends import WaveformConfig
from encoders.models.activations import Activations
from encoders.models.blocks import ConvBlock1d, expected_maximum, mean_and_max

WAVEFORM = WaveformConfig()


@dataclass(frozen=True)
class ReseConfig:
    """Sizes of the paper's best model: 26,980,146 parameters, nine in ten of them excitation."""

    n_tags: int = 50
    base: int = 3  # samples of a kernel, and of a pool
    n_stem: int = 128  # channels of the strided convolution
    n_filters: tuple[int, ...] = (128, 128, 256, 256, 256, 256, 256, 256, 512)  # of the blocks
    amplification: int = 16  # of the excitation's hidden layer
    n_levels: int = 3  # blocks whose maxima are tagged
    dropout: float = 0.2  # within a block

    @property
    def time_layers(self) -> tuple[tuple[int, int], ...]:
        """(length, stride) of each layer up to the last pool."""
        block = ((self.base, 1), (self.base, 1), (self.base, self.base))
        return ((self.base, self.base), *block * len(self.n_filters))


class ReseBlock(nn.Module):
    """(batch, n_in, time) -> (batch, n_out, time / pool)."""

    def __init__(
        self,
        n_in: int,
        n_out: int,
        length: int,
        *,
        amplification: int,
        dropout: float = 0.0,
        stride: int = 1,
        pool: int = 1,
        shortcut_length: int = 1,
    ) -> None:
        super().__init__()
        self.first = ConvBlock1d(n_in, n_out, length, stride=stride)
        self.dropout = nn.Dropout(dropout)
        self.conv = nn.Conv1d(n_out, n_out, length, padding=length // 2)
        self.bn = nn.BatchNorm1d(n_out)
        self.squeeze = nn.Linear(n_out, amplification * n_out)
        self.excite = nn.Linear(amplification * n_out, n_out)
        self.shortcut: nn.Module = nn.Identity()
        if n_in != n_out or stride != 1:
            half = shortcut_length // 2
            self.shortcut = nn.Sequential(
                nn.Conv1d(n_in, n_out, shortcut_length, stride=stride, padding=half),
                nn.BatchNorm1d(n_out),
            )
        self.pool = nn.MaxPool1d(pool)

    def excitation(self, x: Tensor) -> Tensor:
        """Weigh the channels: (batch, n_out, time) -> (batch, n_out), 0 to 1."""
        weights: Tensor = self.excite(self.squeeze(x.mean(dim=2)).relu()).sigmoid()
        return weights

    def forward(self, x: Tensor) -> Tensor:
        """Convolve twice, weigh the channels, add the shortcut, rectify, pool."""
        inner = self.bn(self.conv(self.dropout(self.first(x))))
        inner = inner * self.excitation(inner).unsqueeze(2)
        pooled: Tensor = self.pool((self.shortcut(x) + inner).relu())
        return pooled


class Rese(nn.Module):
    """Waveforms to tags: (batch, 59,049) -> Activations; longer input is accepted.

    `penultimate` is a dense layer as wide as the levels together (1024), `pooled` the mean and
    maximum of the last block but one (2 x 256), whose map still has a length.
    """

    def __init__(self, config: ReseConfig) -> None:
        super().__init__()
        self.config = config
        channels = (config.n_stem, *config.n_filters)
        self.stem = ConvBlock1d(1, config.n_stem, config.base, stride=config.base)
        self.blocks = nn.ModuleList(
            ReseBlock(
                n_in,
                n_out,
                config.base,
                amplification=config.amplification,
                dropout=config.dropout,
                pool=config.base,
            )
            for n_in, n_out in pairwise(channels)
        )
        n_units = sum(config.n_filters[-config.n_levels :])
        self.dense = nn.Linear(n_units, n_units)
        self.dense_bn = nn.BatchNorm1d(n_units)
        self.dropout = nn.Dropout(0.5)
        self.output = nn.Linear(n_units, config.n_tags)

    def forward(self, waveforms: Tensor) -> Activations:
        """Tag a batch of segments."""
        maps = [self.stem(waveforms.unsqueeze(1))]
        for block in self.blocks:
            maps.append(block(maps[-1]))
        levels = torch.cat([x.amax(dim=2) for x in maps[-self.config.n_levels :]], dim=1)
        penultimate = self.dense_bn(self.dense(levels)).relu()
        logits = self.output(self.dropout(penultimate))
        return Activations(logits, penultimate, mean_and_max(maps[-2]))

    def mean_penultimate(self) -> Tensor:
        """Return about the mean over the training data: (n_units,)."""
        return expected_maximum(self.dense_bn)
