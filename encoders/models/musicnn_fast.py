"""musicnn for inference: the same function as `Musicnn`, computed as matrix products.

Nine tenths of musicnn's time goes into convolving one input channel with tall (7 x 38, 7 x 67) and
long (128 x 1, ...) kernels, only to keep the maximum over frequency. Two exact rewrites:

- Batch norm and ReLU are monotone in each channel, so the maximum is taken first and they are
  applied to what is left. Where a channel's gamma is negative the order reverses; its kernel is
  negated, so that a maximum is right for every channel.
- A convolution of one channel is a product of unfolded windows with the kernels as columns. A few
  frequency positions are unfolded at a time, into a buffer that stays in the processor's cache, and
  folded into a running maximum, so the full feature map never exists.

In bfloat16 the products accumulate in float32; the pools and the dense layers stay in float32.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from encoders.models.activations import Activations
from encoders.models.musicnn import FrequencyMaxBlock, Musicnn

POSITIONS_AT_ONCE = 4  # frequency positions a product covers, of the timbral kernels
SEGMENTS_AT_ONCE = 10  # larger batches are computed in pieces of this size


class FrequencyMax(nn.Module):
    """The maximum over frequency of `block`s that share a kernel height: (batch, time, mels) in.

    Returns (batch, time, n_out) behind batch norm. Kernels of several lengths are centred in the
    longest and convolved together.
    """

    weight: Tensor  # (window, positions * n_out)
    bias: Tensor  # (n_out,), like the next two
    scale: Tensor
    shift: Tensor

    def __init__(
        self, blocks: Sequence[FrequencyMaxBlock], n_mels: int, dtype: torch.dtype
    ) -> None:
        super().__init__()
        self.before = max(block.padding[0] for block in blocks)
        self.behind = max(block.padding[1] for block in blocks)
        self.length = self.before + self.behind + 1
        self.height = blocks[0].conv.weight.shape[3]
        n_positions = n_mels - self.height + 1
        self.positions = 1 if self.height == 1 else min(POSITIONS_AT_ONCE, n_positions)
        kernels, biases, scales, shifts = zip(*(self._fold(block) for block in blocks), strict=True)
        kernel = torch.cat(kernels)
        self.n_out = kernel.shape[0]
        self.register_buffer("weight", self._unrolled(kernel).to(dtype))
        self.register_buffer("bias", torch.cat(biases))
        self.register_buffer("scale", torch.cat(scales))
        self.register_buffer("shift", torch.cat(shifts))
        self.dtype = dtype

    def _fold(self, block: FrequencyMaxBlock) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the kernel, negated where the scale is negative, its bias, scale and shift."""
        conv, bn = block.conv.state_dict(), block.bn.state_dict()
        scale = bn["weight"] / torch.sqrt(bn["running_var"] + block.bn.eps)
        shift = bn["bias"] - bn["running_mean"] * scale
        kernel = conv["weight"][:, 0] * scale.sign()[:, None, None]
        before, behind = block.padding
        kernel = F.pad(kernel, (0, 0, self.before - before, self.behind - behind))
        return kernel, conv["bias"], scale, shift

    def _unrolled(self, kernel: Tensor) -> Tensor:
        """(n_out, length, height) -> (window, positions * n_out), a window being one gather."""
        n_out, width = kernel.shape[0], self.height + self.positions - 1
        columns = kernel.new_zeros(self.length, width, self.positions, n_out)
        for p in range(self.positions):
            columns[:, p : p + self.height, p] = kernel.permute(1, 2, 0)
        return columns.flatten(0, 1).flatten(1).contiguous()

    def forward(self, mel: Tensor) -> Tensor:
        """Convolve, keep the maximum, rectify, normalise."""
        n, n_frames, n_mels = mel.shape
        x = F.pad(mel, (0, 0, self.before, self.behind)).to(self.dtype)
        if self.height == 1:  # windows run along time: make that the contiguous axis
            x = x.transpose(1, 2).contiguous()
            strides = (x.stride(0), 1, 1, x.stride(1))
            step = x.stride(1)
        else:
            x = x.contiguous()
            strides = (x.stride(0), x.stride(1), x.stride(1), 1)
            step = 1
        width = self.height + self.positions - 1
        running = x.new_full((n * n_frames, self.n_out), -torch.inf)
        for first in range(0, n_mels - self.height + 1, self.positions):
            # The last group overlaps the one before it: a maximum does not mind.
            windows = x.as_strided(
                (n, n_frames, self.length, width), strides, step * min(first, n_mels - width)
            )
            products = windows.reshape(n * n_frames, self.length * width) @ self.weight
            for position in torch.split(products, self.n_out, dim=1):
                torch.maximum(running, position, out=running)
        rectified = F.relu(running.float() * self.scale.sign() + self.bias)
        return (rectified * self.scale + self.shift).view(n, n_frames, self.n_out)


class FastMusicnn(nn.Module):
    """A trained Musicnn, computed faster; the same Activations up to `dtype`'s rounding."""

    def __init__(self, model: Musicnn, dtype: torch.dtype) -> None:
        super().__init__()
        self.model = model
        self.dtype = dtype
        self.front = nn.ModuleList(
            FrequencyMax(blocks, model.config.n_mels, dtype)
            for blocks in (*([block] for block in model.timbral_blocks), model.temporal_blocks)
        )

    def forward(self, mel: Tensor) -> Activations:
        """(batch, time, 96) -> Activations, as `Musicnn.forward`."""
        parts = [self._forward(part) for part in torch.split(mel, SEGMENTS_AT_ONCE)]
        return Activations(*(torch.cat(tensors) for tensors in zip(*parts, strict=True)))

    def _forward(self, mel: Tensor) -> Activations:
        mel = self.model.normalise(mel)
        front = torch.cat([part(mel) for part in self.front], dim=2).transpose(1, 2)
        with torch.autocast(mel.device.type, self.dtype, enabled=self.dtype != torch.float32):
            features = self.model.mid_end(front)
        return self.model.back_end(features)
