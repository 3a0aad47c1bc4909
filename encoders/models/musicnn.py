"""musicnn, the musically motivated CNN.

J. Pons and X. Serra, "musicnn: pre-trained convolutional neural networks for music audio tagging",
ISMIR late-breaking demo 2019; the architecture is the one of J. Pons, O. Nieto, M. Prockup,
E. Schmidt, A. Ehmann, X. Serra, "End-to-end learning for music audio tagging at scale", ISMIR 2018,
section 3: a front end of tall (timbral) and long (temporal) kernels max-pooled over frequency, a
mid end of residual convolutions over time, a back end of mean and max pools over time.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from encoders.models.activations import Activations

BATCH_NORM_EPS = 1e-3  # TensorFlow's default, with which the published weights were trained


@dataclass(frozen=True)
class MusicnnConfig:
    """Sizes of the published models: 787,000 parameters."""

    n_tags: int = 50
    n_mels: int = 96
    timbral_heights: tuple[int, ...] = (38, 67)  # mel bands: 0.4 and 0.7 of them
    timbral_length: int = 7  # frames
    n_timbral: int = 204
    temporal_lengths: tuple[int, ...] = (128, 64, 32)  # frames
    n_temporal: int = 51
    n_mid: int = 64
    n_units: int = 200

    @property
    def n_front(self) -> int:
        """Channels that leave the front end."""
        n_timbral = self.n_timbral * len(self.timbral_heights)
        return n_timbral + self.n_temporal * len(self.temporal_lengths)

    @property
    def n_channels(self) -> int:
        """Channels that are pooled over time: the front end's and each mid layer's."""
        return self.n_front + 3 * self.n_mid

    @property
    def time_layers(self) -> tuple[tuple[int, int], ...]:
        """(length, stride) of each layer on the longest way."""
        return ((max(self.temporal_lengths), 1), (7, 1), (7, 1), (7, 1))


class FrequencyMaxBlock(nn.Module):
    """Convolve one channel, rectify, normalise, and keep the maximum over frequency.

    (batch, time, mels) -> (batch, n_out, time), zero-padded in time to keep its length.
    """

    def __init__(self, n_out: int, length: int, height: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, n_out, (length, height))
        self.bn = nn.BatchNorm2d(n_out, eps=BATCH_NORM_EPS)
        self.padding = ((length - 1) // 2, length // 2)  # frames before and behind

    def forward(self, mel: Tensor) -> Tensor:
        """Compute the block as the paper has it, layer after layer."""
        x = F.pad(mel.unsqueeze(1), (0, 0, *self.padding))
        pooled: Tensor = self.bn(F.relu(self.conv(x))).amax(dim=3)
        return pooled


class MidLayer(nn.Module):
    """A convolution over time: (batch, n_in, time) -> (batch, n_out, time)."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(n_in, n_out, 7, padding=3)
        self.bn = nn.BatchNorm1d(n_out, eps=BATCH_NORM_EPS)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve, rectify, normalise."""
        normalised: Tensor = self.bn(F.relu(self.conv(x)))
        return normalised


class Musicnn(nn.Module):
    """Log-mel segments to tags: (batch, time, 96) -> Activations.

    The published models see 187 frames (3 s); any length is accepted. `penultimate` has 200
    units, `pooled` 2 x 753.
    """

    def __init__(self, config: MusicnnConfig) -> None:
        super().__init__()
        self.config = config
        self.input_bn = nn.BatchNorm2d(1, eps=BATCH_NORM_EPS)
        self.timbral_blocks = [
            FrequencyMaxBlock(config.n_timbral, config.timbral_length, height)
            for height in config.timbral_heights
        ]
        self.temporal_blocks = [
            FrequencyMaxBlock(config.n_temporal, length, 1) for length in config.temporal_lengths
        ]
        self.timbral = nn.ModuleList(self.timbral_blocks)
        self.temporal = nn.ModuleList(self.temporal_blocks)
        self.mid_layers = [
            MidLayer(n_in, config.n_mid) for n_in in (config.n_front, config.n_mid, config.n_mid)
        ]
        self.mid = nn.ModuleList(self.mid_layers)
        self.pool_bn = nn.BatchNorm1d(2 * config.n_channels, eps=BATCH_NORM_EPS)
        self.dense = nn.Linear(2 * config.n_channels, config.n_units)
        self.dense_bn = nn.BatchNorm1d(config.n_units, eps=BATCH_NORM_EPS)
        self.output = nn.Linear(config.n_units, config.n_tags)
        self.dropout = nn.Dropout(0.5)

    def forward(self, mel: Tensor) -> Activations:
        """Tag a batch of segments."""
        return self.back_end(self.mid_end(self.front_end(self.normalise(mel))))

    def normalise(self, mel: Tensor) -> Tensor:
        """Shift and scale the log-mel spectrogram by the training data's statistics."""
        normalised: Tensor = self.input_bn(mel.unsqueeze(1)).squeeze(1)
        return normalised

    def front_end(self, mel: Tensor) -> Tensor:
        """(batch, time, mels), normalised -> (batch, n_front, time)."""
        return torch.cat([block(mel) for block in (*self.timbral, *self.temporal)], dim=1)

    def mid_end(self, front: Tensor) -> Tensor:
        """(batch, n_front, time) -> (batch, n_channels, time), each layer beside the last."""
        first = self.mid[0](front)
        second = first + self.mid[1](first)
        third = second + self.mid[2](second)
        return torch.cat([front, first, second, third], dim=1)

    def pool(self, features: Tensor) -> Tensor:
        """(batch, channels, time) -> (batch, channels, 2), each channel's mean and maximum."""
        features = features.float()
        return torch.stack([features.mean(dim=2), features.amax(dim=2)], dim=2)

    def back_end(self, features: Tensor) -> Activations:
        """Pool over time and tag: (batch, n_channels, time) -> Activations."""
        return self.tag(self.pool(features))

    def tag(self, pools: Tensor) -> Activations:
        """(batch, n_channels, 2) -> Activations, whose `pooled` has all means first."""
        pooled = pools.transpose(1, 2).flatten(1)
        hidden = F.relu(self.dense(self.dropout(self.pool_bn(pooled))))
        penultimate = self.dense_bn(hidden)
        return Activations(self.output(self.dropout(penultimate)), penultimate, pooled)

    def mean_penultimate(self) -> Tensor:
        """Return the penultimate layer's mean over the training data: (n_units,)."""
        return self.dense_bn.bias.detach()
