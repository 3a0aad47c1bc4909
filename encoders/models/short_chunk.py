"""The short-chunk CNN: seven 2-D convolutions with small pools over a few seconds.

M. Won, A. Ferraro, D. Bogdanov, X. Serra, "Evaluation of CNN-based automatic music tagging models",
SMC 2020, section 3: a deeper and wider VGG over 3.7 s, its last map's maximum, two dense layers.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn

from encoders.melspec import MelConfig
from encoders.models.activations import Activations
from encoders.models.blocks import ConvBlock2d, expected_maximum, mean_and_max

MEL = MelConfig(n_mels=128, n_frames=231, mel_scale="htk", norm=None, decibels=True)  # 3.7 s


@dataclass(frozen=True)
class ShortChunkConfig:
    """Sizes of the published models: 3,687,348 parameters."""

    n_tags: int = 50
    n_filters: tuple[int, ...] = (128, 128, 256, 256, 256, 256, 512)
    pool: int = 2  # both ways; 128 mel bands shrink to one

    @property
    def time_layers(self) -> tuple[tuple[int, int], ...]:
        """(length, stride) of each layer along time, the last pool left out."""
        return (((3, 1), (self.pool, self.pool)) * len(self.n_filters))[:-1]


class ShortChunk(nn.Module):
    """Log-mel segments to tags: (batch, time, 128) -> Activations.

    The published models see 231 frames; any length from 128 on is accepted. `penultimate` is the
    dense layer (512), `pooled` the mean and maximum of the last convolution (2 x 512).
    """

    def __init__(self, config: ShortChunkConfig) -> None:
        super().__init__()
        self.config = config
        self.input_bn = nn.BatchNorm2d(1)
        channels = (1, *config.n_filters)
        self.blocks = nn.ModuleList(
            ConvBlock2d(n_in, n_out, config.pool) for n_in, n_out in pairwise(channels)
        )
        n_units = config.n_filters[-1]
        self.dense = nn.Linear(n_units, n_units)
        self.dense_bn = nn.BatchNorm1d(n_units)
        self.dropout = nn.Dropout(0.5)
        self.output = nn.Linear(n_units, config.n_tags)

    def forward(self, mel: Tensor) -> Activations:
        """Tag a batch of segments."""
        x = self.input_bn(mel.transpose(1, 2).unsqueeze(1))
        for block in self.blocks[:-1]:
            x = block(x)
        last: ConvBlock2d = self.blocks[-1]  # type: ignore[assignment]
        features = last.unpooled(x)
        largest = last.pool(features).amax(dim=(2, 3))
        penultimate = self.dense_bn(self.dense(largest)).relu()
        logits = self.output(self.dropout(penultimate))
        return Activations(logits, penultimate, mean_and_max(features))

    def mean_penultimate(self) -> Tensor:
        """Return about the mean over the training data: (512,)."""
        return expected_maximum(self.dense_bn)
