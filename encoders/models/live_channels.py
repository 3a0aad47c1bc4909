"""Dead channels of a trained musicnn, found from its weights and left out of the computation.

Of the 561 channels that the front end of MSD_musicnn has, 497 are constant whatever is played:
their kernels shrank to 1e-28 and less while it was trained. What a constant channel adds to the
next layer is known beforehand, so it is neither computed nor convolved. Which channels are constant
is proved from the weights and from the largest input that there can be, never guessed from data.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from encoders.models.musicnn import FrequencyMaxBlock, MidLayer

# By how much a channel may change, in normalised units, and still count as constant. It would take
# an input at the very edge of float32; music stays within a fifth of it. Tags would bear a hundred
# times as much, but projections divide each pool by its deviation in a library, however small.
TOLERANCE = 1e-4
NEGLIGIBLE = 1e-12  # smaller weights are 0: their products are denormal numbers, which are slow


class LiveChannels(NamedTuple):
    """Which of a layer's channels change with the input (are live), and bounds of their values."""

    live: Tensor  # bool (n,)
    constant: Tensor  # (n,), the value of those that are not live
    bound: Tensor  # (n,), the largest magnitude that any value has

    @classmethod
    def of_rectified(
        cls, bias: Tensor, reach: Tensor, scale: Tensor, shift: Tensor
    ) -> LiveChannels:
        """Return the channels relu(bias + s) * scale + shift for |s| <= reach, all (n,).

        At least one counts as live, so that no layer is empty.
        """
        rectified = F.relu(torch.stack([bias - reach, bias, bias + reach]))
        low, constant, high = rectified * scale + shift
        live = (high - low).abs() > TOLERANCE
        live[0] |= ~live.any()
        return cls(live, constant, torch.maximum(low.abs(), high.abs()))

    @classmethod
    def joined(cls, parts: Sequence[LiveChannels]) -> LiveChannels:
        """Return the channels of all parts, one part behind the other."""
        return cls(*(torch.cat(values) for values in zip(*parts, strict=True)))

    def plus(self, other: LiveChannels) -> LiveChannels:
        """Return the channels of a sum of two layers' outputs."""
        return LiveChannels(
            self.live | other.live, self.constant + other.constant, self.bound + other.bound
        )


class LiveBlock(NamedTuple):
    """A FrequencyMaxBlock reduced to its live channels, with the batch norm folded."""

    kernel: Tensor  # (n_live, length, height), negated where the scale is negative
    bias: Tensor  # (n_live,), like the next two
    scale: Tensor
    shift: Tensor
    padding: tuple[int, int]  # frames before and behind
    channels: LiveChannels  # all of the block's

    @classmethod
    def of(cls, block: FrequencyMaxBlock, largest: Tensor) -> LiveBlock:
        """Fold a block whose inputs have no larger magnitude than `largest`, a scalar."""
        kernel, bias = _without_negligible(block.conv.weight.detach()[:, 0]), _bias(block.conv)
        scale, shift = affine(block.bn)
        reach = largest * kernel.abs().sum(dim=(1, 2))
        channels = LiveChannels.of_rectified(bias, reach, scale, shift)
        live = channels.live
        kernel = kernel * scale.sign()[:, None, None]
        return cls(kernel[live], bias[live], scale[live], shift[live], block.padding, channels)


class ChannelCompletion(nn.Module):
    """Puts constant channels beside live ones: (batch, n_live, ...) -> (batch, n, ...)."""

    live: Tensor  # (n_live,), the live channels' numbers
    constant: Tensor  # (n,)

    def __init__(self, channels: LiveChannels) -> None:
        super().__init__()
        self.register_buffer("live", channels.live.nonzero()[:, 0])
        self.register_buffer("constant", channels.constant)

    def forward(self, values: Tensor) -> Tensor:
        """Return the values of all channels."""
        channels = self.constant.view(-1, *(1 for _ in values.shape[2:]))
        everywhere = channels.expand(len(values), -1, *values.shape[2:])
        return everywhere.index_copy(1, self.live, values)


class LiveMidLayer(nn.Module):
    """A mid layer without constant channels: (batch, n_live_in, time) -> (batch, n_out, time)."""

    inputs: Tensor  # (n_live_in,), the numbers of the channels that it takes
    weight: Tensor  # (n_live_out, n_live_in, length)
    constant_taps: Tensor  # (n_live_out, 1, length), what constant inputs add, tap by tap
    bias: Tensor  # (n_live_out,)
    scale: Tensor  # (n_live_out, 1), like the next
    shift: Tensor

    def __init__(self, layer: MidLayer, inputs: LiveChannels) -> None:
        super().__init__()
        weight, bias = _without_negligible(layer.conv.weight.detach()), _bias(layer.conv)
        scale, shift = affine(layer.bn)
        reach = weight.abs().sum(dim=2) @ inputs.bound
        self.channels = LiveChannels.of_rectified(bias, reach, scale, shift)
        self.complete = ChannelCompletion(self.channels)
        live = self.channels.live
        constants = inputs.constant[~inputs.live]
        taps = torch.einsum("oil,i->ol", weight[live][:, ~inputs.live], constants)
        self.register_buffer("inputs", inputs.live.nonzero()[:, 0])
        self.register_buffer("weight", weight[live][:, inputs.live])
        self.register_buffer("constant_taps", taps.unsqueeze(1))
        self.register_buffer("bias", bias[live])
        self.register_buffer("scale", scale[live].unsqueeze(1))
        self.register_buffer("shift", shift[live].unsqueeze(1))

    def forward(self, x: Tensor) -> Tensor:
        """Convolve, rectify, normalise.

        The map that constant inputs add is not constant: the zeros beside the ends are none of
        them, so it differs at both edges.
        """
        padding = self.weight.shape[2] // 2
        ones = x.new_ones(1, 1, x.shape[2])
        added = F.conv1d(ones, self.constant_taps, self.bias, padding=padding)
        convolved = F.conv1d(x, self.weight, padding=padding) + added
        normalised: Tensor = self.complete(F.relu(convolved) * self.scale + self.shift)
        return normalised


def affine(bn: nn.BatchNorm1d | nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Return the scale and the shift that a trained batch norm applies to each channel."""
    state = bn.state_dict()
    scale = state["weight"] / torch.sqrt(state["running_var"] + bn.eps)
    return scale, state["bias"] - state["running_mean"] * scale


def _bias(conv: nn.Conv1d | nn.Conv2d) -> Tensor:
    bias: Tensor = conv.state_dict()["bias"]
    return bias


def _without_negligible(weight: Tensor) -> Tensor:
    return weight.where(weight.abs() >= NEGLIGIBLE, 0.0)
