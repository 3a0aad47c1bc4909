"""S-KEY: a network of key and mode (Kong et al., "S-KEY: Self-supervised Learning of Major and
Minor Keys from Audio", ICASSP 2025), a ConvNeXt over semitones whose octaves are averaged.

Names of parameters are those of the published weights.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

N_KEYS = 24  # 12 major ones from A upwards, then 12 minor ones from B upwards
_CHANNELS = (2, 3, 40, 40, 30, 10, 3)
_KERNELS = (7, 7, 7, 7, 7, 5, 5)
_OCTAVE = 12
_RANGE = 80.0  # dB below the loudest that are told apart
_POSITIONS_AT_ONCE = 1024  # whose hidden layer fits into the cache, which takes a third less time


class _Halving(nn.Module):
    """Normalises the whole input, and joins two neighbours in time."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(n_in, n_out, kernel_size=(1, 2), stride=(1, 2))

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = gelu(self.conv(_normalised(inputs)))
        return outputs


class _Block(nn.Module):
    """A residual block: a convolution in each channel, then two layers across channels."""

    def __init__(self, n_channels: int, kernel: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(
            n_channels,
            n_channels,
            kernel,
            padding=kernel // 2,
            groups=n_channels,
            padding_mode="replicate",
        )
        self.pwconv1 = nn.Linear(n_channels, 4 * n_channels)
        self.pwconv2 = nn.Linear(4 * n_channels, n_channels)
        self.gamma = nn.Parameter(torch.full((n_channels,), 0.1))

    def forward(self, inputs: Tensor) -> Tensor:
        hidden = _normalised(self.dwconv(inputs)).permute(0, 2, 3, 1)
        positions = hidden.flatten(0, 2)
        n_parts = math.ceil(len(positions) / _POSITIONS_AT_ONCE)
        parts = [self.pwconv2(gelu(self.pwconv1(part))) for part in positions.chunk(n_parts)]
        joined = torch.cat(parts).reshape(hidden.shape).permute(0, 3, 1, 2)
        return torch.addcmul(inputs, self.gamma[:, None, None], joined)


class SKey(nn.Module):
    """Constant-Q magnitudes (n, n_bins, n_frames) to probabilities of keys (n, N_KEYS).

    Bins are semitones from A upwards, whole octaves; 128 frames of 23 ms become one.
    """

    def __init__(self) -> None:
        super().__init__()
        inputs = (1, *_CHANNELS[:-1])
        self.time_downsampling_blocks = nn.ModuleList(
            _Halving(n_in, n_out) for n_in, n_out in zip(inputs, _CHANNELS, strict=True)
        )
        self.convnext_blocks = nn.ModuleList(
            _Block(n, kernel) for n, kernel in zip(_CHANNELS, _KERNELS, strict=True)
        )
        self.classifier = nn.Conv2d(_CHANNELS[-1], 2, kernel_size=1)
        self.batch_norm = nn.BatchNorm2d(2, affine=False)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, magnitudes: Tensor) -> Tensor:
        """Return the probabilities; the loudness of the input does not matter."""
        level = 10 * magnitudes.clamp(min=1e-10).log10()
        loudest = level.amax(dim=(1, 2), keepdim=True)
        hidden = (level.maximum(loudest - _RANGE) / _RANGE + 1)[:, None]
        hidden = hidden.contiguous(memory_format=torch.channels_last)
        for halving, block in zip(self.time_downsampling_blocks, self.convnext_blocks, strict=True):
            hidden = block(halving(hidden))
        n, n_channels, _, n_frames = hidden.shape
        octaves = hidden.reshape(n, n_channels, -1, _OCTAVE, n_frames).mean(dim=2)
        keys: Tensor = self.batch_norm(self.classifier(octaves.mean(dim=3, keepdim=True)))
        return keys.flatten(1).softmax(dim=1)


def _normalised(values: Tensor) -> Tensor:
    """Normalise each input as a whole; for such large ones faster than torch's layer_norm."""
    centred = values - values.mean(dim=(1, 2, 3), keepdim=True)
    return centred * (centred.square().mean(dim=(1, 2, 3), keepdim=True) + 1e-5).rsqrt()
