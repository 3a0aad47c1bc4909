"""A VGG-like 2-D CNN: small square kernels over the mel spectrogram.

K. Choi, G. Fazekas, M. Sandler, "Automatic tagging using deep convolutional neural networks", ISMIR
2016, section 3, in the form that Pons and Serra (2019) trained as their baseline.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from encoders.models.activations import Activations

BATCH_NORM_EPS = 1e-3  # TensorFlow's default, with which the published weights were trained


@dataclass(frozen=True)
class VggConfig:
    """Sizes of the published models: 606,000 parameters."""

    n_tags: int = 50
    n_filters: int = 128
    # (kernel, stride) of the max-pool behind each convolution, in (time, mels)
    pools: tuple[tuple[tuple[int, int], tuple[int, int]], ...] = (
        ((4, 1), (2, 2)),
        ((2, 2), (2, 2)),
        ((2, 2), (2, 2)),
        ((2, 2), (2, 2)),
        ((4, 4), (4, 4)),
    )
    n_positions: int = 2  # what 187 frames x 96 mel bands shrink to

    @property
    def time_layers(self) -> tuple[tuple[int, int], ...]:
        """(length, stride) of each layer along time, the last pool left out."""
        pools = [(kernel[0], stride[0]) for kernel, stride in self.pools]
        return tuple(layer for pool in pools for layer in ((3, 1), pool))[:-1]


class Vgg(nn.Module):
    """Log-mel segments to tags: (batch, 187, 96) -> Activations; no other length fits.

    `penultimate` is the last pool, flattened (256); `pooled` the mean and maximum of the last
    feature map (2 x 128).
    """

    def __init__(self, config: VggConfig) -> None:
        super().__init__()
        self.config = config
        n = config.n_filters
        self.input_bn = nn.BatchNorm2d(1, eps=BATCH_NORM_EPS)
        self.convs = nn.ModuleList(
            nn.Conv2d(1 if i == 0 else n, n, 3, padding=1) for i in range(len(config.pools))
        )
        self.bns = nn.ModuleList(nn.BatchNorm2d(n, eps=BATCH_NORM_EPS) for _ in config.pools)
        self.output = nn.Linear(config.n_positions * n, config.n_tags)
        self.dropouts = nn.ModuleList(
            nn.Dropout(0.5 if i == len(config.pools) - 1 else 0.25)
            for i in range(len(config.pools))
        )

    def forward(self, mel: Tensor) -> Activations:
        """Tag a batch of segments."""
        x = self.input_bn(mel.unsqueeze(1))
        features = x
        layers = zip(self.convs, self.bns, self.config.pools, self.dropouts, strict=True)
        for conv, bn, (kernel, stride), dropout in layers:
            features = bn(F.relu(conv(x)))
            x = dropout(F.max_pool2d(features, kernel, stride))
        pooled = torch.cat([features.mean(dim=(2, 3)), features.amax(dim=(2, 3))], dim=1)
        penultimate = x.permute(0, 2, 3, 1).flatten(1)  # TensorFlow's order: channels last
        return Activations(self.output(penultimate), penultimate, pooled)

    def mean_penultimate(self) -> Tensor:
        """Return the last feature map's mean over the training data at each position: (256,)."""
        last: Tensor = self.bns[-1].bias.detach()  # type: ignore[operator]
        return last.repeat(self.config.n_positions)
