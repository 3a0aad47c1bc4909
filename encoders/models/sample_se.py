"""The sample-level CNN with squeeze and excitation, as Won et al. trained it.

M. Won, A. Ferraro, D. Bogdanov, X. Serra, "Evaluation of CNN-based automatic music tagging models",
SMC 2020, after T. Kim et al. (ICASSP 2018; `encoders.models.rese`): every layer of the sample-level
CNN is a block, excitation is as wide as its input, and only the last block's output is tagged.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn

from encoders.frontends import WaveformConfig
from encoders.models.activations import Activations
from encoders.models.blocks import expected_maximum, mean_and_max
from encoders.models.rese import ReseBlock

WAVEFORM = WaveformConfig()


@dataclass(frozen=True)
class SampleSeConfig:
    """Sizes of the published models: 6,951,858 parameters."""

    n_tags: int = 50
    base: int = 3  # samples of a kernel, and of a pool
    # of the strided block, of those with a pool, and of the last one
    n_filters: tuple[int, ...] = (128, 128, 128, 256, 256, 256, 256, 256, 256, 512, 512)

    @property
    def time_layers(self) -> tuple[tuple[int, int], ...]:
        """(length, stride) of each layer up to the last pool."""
        block = ((self.base, 1), (self.base, 1), (self.base, self.base))
        return ((self.base, self.base), (self.base, 1), *block * (len(self.n_filters) - 2))


class SampleSe(nn.Module):
    """Waveforms to tags: (batch, 59,049) -> Activations; longer input is accepted.

    `penultimate` is the dense layer (512), `pooled` the mean and maximum of the last block but two
    (2 x 256), whose map still has a length.
    """

    def __init__(self, config: SampleSeConfig) -> None:
        super().__init__()
        self.config = config
        base = config.base
        channels = (1, *config.n_filters)
        last = len(config.n_filters) - 1
        self.blocks = nn.ModuleList(
            ReseBlock(
                n_in,
                n_out,
                1 if i == last else base,
                amplification=1,
                stride=base if i == 0 else 1,
                pool=1 if i in (0, last) else base,
                shortcut_length=base,
            )
            for i, (n_in, n_out) in enumerate(pairwise(channels))
        )
        n_units = config.n_filters[-1]
        self.dense = nn.Linear(n_units, n_units)
        self.dense_bn = nn.BatchNorm1d(n_units)
        self.dropout = nn.Dropout(0.5)
        self.output = nn.Linear(n_units, config.n_tags)

    def forward(self, waveforms: Tensor) -> Activations:
        """Tag a batch of segments."""
        maps = [waveforms.unsqueeze(1)]
        for block in self.blocks:
            maps.append(block(maps[-1]))
        penultimate = self.dense_bn(self.dense(maps[-1].float().amax(dim=2))).relu()
        logits = self.output(self.dropout(penultimate))
        return Activations(logits, penultimate, mean_and_max(maps[-3]))

    def mean_penultimate(self) -> Tensor:
        """Return about the mean over the training data: (512,)."""
        return expected_maximum(self.dense_bn)
