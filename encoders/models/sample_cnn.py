"""The sample-level CNN 3^9: kernels and pools of three samples, from the waveform on.

J. Lee, J. Park, K. L. Kim, J. Nam, "Sample-level deep convolutional neural networks for music
auto-tagging using raw waveforms", SMC 2017, section 3 and table 1 (1.9 million parameters there).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn

from encoders.frontends import WaveformConfig
from encoders.models.activations import Activations
from encoders.models.blocks import ConvBlock1d, expected_maximum, mean_and_max

WAVEFORM = WaveformConfig()


@dataclass(frozen=True)
class SampleCnnConfig:
    """Sizes of the paper's 3^9 model: 1,869,874 parameters."""

    n_tags: int = 50
    base: int = 3  # samples of a kernel, and of a pool
    n_stem: int = 128  # channels of the strided convolution
    n_filters: tuple[int, ...] = (128, 128, 256, 256, 256, 256, 256, 256, 512)  # of pooled layers
    n_units: int = 512

    @property
    def time_layers(self) -> tuple[tuple[int, int], ...]:
        """(length, stride) of each layer up to the last pool."""
        pooled = ((self.base, 1), (self.base, self.base)) * len(self.n_filters)
        return ((self.base, self.base), *pooled)


class SampleCnn(nn.Module):
    """Waveforms to tags: (batch, 59,049) -> Activations.

    Longer input is accepted: the maximum over what is left of its length is taken. `penultimate`
    has 512 units, `pooled` the mean and maximum of the last convolution but one (2 x 256), whose
    map still has a length.
    """

    def __init__(self, config: SampleCnnConfig) -> None:
        super().__init__()
        self.config = config
        base = config.base
        channels = (config.n_stem, *config.n_filters)
        self.stem = ConvBlock1d(1, config.n_stem, base, stride=base)
        self.blocks = nn.ModuleList(
            ConvBlock1d(n_in, n_out, base, pool=base) for n_in, n_out in pairwise(channels)
        )
        self.head = ConvBlock1d(channels[-1], config.n_units, 1)
        self.dropout = nn.Dropout(0.5)
        self.output = nn.Linear(config.n_units, config.n_tags)

    def forward(self, waveforms: Tensor) -> Activations:
        """Tag a batch of segments."""
        features = x = self.stem(waveforms.unsqueeze(1))
        for block in self.blocks:
            features, x = x, block(x)
        penultimate = self.head(x).float().amax(dim=2)
        logits = self.output(self.dropout(penultimate))
        return Activations(logits, penultimate, mean_and_max(features))

    def mean_penultimate(self) -> Tensor:
        """Return about what the penultimate layer is on average over the training data: (512,)."""
        return expected_maximum(self.head.bn)
