"""The fully convolutional 2-D CNN: small square kernels over a long mel spectrogram.

K. Choi, G. Fazekas, M. Sandler, "Automatic tagging using deep convolutional neural networks", ISMIR
2016, section 3 and table 1. The default sizes are those that M. Won, A. Ferraro, D. Bogdanov,
X. Serra, "Evaluation of CNN-based automatic music tagging models", SMC 2020, trained and published;
`FCN_4` are the paper's own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor, nn

from encoders.melspec import MelConfig
from encoders.models.activations import Activations
from encoders.models.blocks import ConvBlock2d, expected_maximum, mean_and_max

# As Won et al. trained: 29 s. The published spectrograms are centred; segments are cut so too.
MEL = MelConfig(n_frames=1819, mel_scale="htk", norm=None, decibels=True)


@dataclass(frozen=True)
class FcnConfig:
    """Sizes of the published models: 447,732 parameters."""

    n_tags: int = 50
    n_filters: tuple[int, ...] = (64, 128, 128, 128, 64)
    # of the max-pool behind each convolution, in (mels, time); 96 mel bands shrink to one
    pools: tuple[tuple[int, int], ...] = ((2, 4), (2, 4), (2, 4), (3, 5), (4, 4))

    @property
    def time_layers(self) -> tuple[tuple[int, int], ...]:
        """(length, stride) of each layer along time, the last pool left out."""
        layers = [layer for _, n in self.pools for layer in ((3, 1), (n, n))]
        return tuple(layers[:-1])


# FCN-4 of the paper's table 1 (29.1 s at 12 kHz): 17.4 million parameters.
FCN_4 = FcnConfig(n_filters=(128, 384, 768, 2048), pools=((2, 4), (4, 5), (3, 8), (4, 8)))
FCN_4_MEL = MelConfig(sample_rate=12_000, n_frames=1366, decibels=True)


class Fcn(nn.Module):
    """Log-mel segments to tags: (batch, time, 96) -> Activations.

    The published models see 1819 frames (29 s); any length that the pools leave something of is
    accepted. `penultimate` is the maximum of the last map (64), `pooled` the mean and maximum of
    the last map before its pool (2 x 64).
    """

    def __init__(self, config: FcnConfig) -> None:
        super().__init__()
        self.config = config
        self.input_bn = nn.BatchNorm2d(1)
        channels = (1, *config.n_filters)
        self.blocks = nn.ModuleList(
            ConvBlock2d(n_in, n_out, pool)
            for n_in, n_out, pool in zip(channels[:-1], channels[1:], config.pools, strict=True)
        )
        self.dropout = nn.Dropout(0.5)
        self.output = nn.Linear(config.n_filters[-1], config.n_tags)

    def forward(self, mel: Tensor) -> Activations:
        """Tag a batch of segments."""
        x = self.input_bn(mel.transpose(1, 2).unsqueeze(1))
        for block in self.blocks[:-1]:
            x = block(x)
        last: ConvBlock2d = self.blocks[-1]  # type: ignore[assignment]
        features = last.unpooled(x)
        penultimate = last.pool(features).float().amax(dim=(2, 3))
        logits = self.output(self.dropout(penultimate))
        return Activations(logits, penultimate, mean_and_max(features))

    def mean_penultimate(self) -> Tensor:
        """Return about what the penultimate layer is on average over the training data: (64,)."""
        last: ConvBlock2d = self.blocks[-1]  # type: ignore[assignment]
        return expected_maximum(last.bn, math.prod(self.config.pools[-1]))
