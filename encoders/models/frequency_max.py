"""The front end of musicnn: the maximum over frequency of large kernels, computed fast.

A block convolves one channel, the spectrogram, rectifies, normalises and keeps the maximum over
frequency. Rectifying and normalising are monotone in each channel, so the maximum is taken first
and they are applied to what is left; where a channel's scale is negative the order reverses, and
its kernel is negated, so that a maximum is right for every channel.

On a processor the convolutions are Toom-Cook algorithms along time (`encoders.models.toom_cook`):
a quarter of the products for 7 taps, three eighths for 128. Inputs and kernels are transformed
once, in float64. Then each position of the kernels is one batch of matrix products of views of the
transformed inputs, nothing being unfolded; the products are recombined and folded into the maximum
before the next position, in buffers that stay in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from encoders.models.live_channels import LiveBlock
from encoders.models.toom_cook import Point, reciprocal, toom_cook

# Found by a numeric search: these amplify rounding errors little.
TIMBRAL_POINTS = reciprocal("0.1572", "0.4617", "0.7388", "1")  # F(8, 7)
_ZERO: Point = (Fraction(0), Fraction(1))
TEMPORAL_POINTS = [_ZERO, *reciprocal("0.4505", "0.8371")]  # F(6, 4)
TEMPORAL_RUNS = 4  # of frames, that the longest temporal kernel is cut into
# What is multiplied at once, for products and outputs to stay in the processor's cache: 0.6 to 1.9
# MB with the channels that the published models have.
WINDOWS_AT_ONCE = 240  # of 8 frames: ten segments of 187 frames
PIECES_AT_ONCE = 5  # of 192 frames: five segments
MELS_AT_ONCE = 24  # that are transformed at once, in float64


class FrequencyMax(nn.Module):
    """The maxima of blocks: (batch, time, mels) -> (batch, n_live, time)."""

    bias: Tensor  # (n_live, 1), like the next two
    scale: Tensor
    shift: Tensor

    def __init__(self, blocks: Sequence[LiveBlock]) -> None:
        super().__init__()
        self.before = max(block.padding[0] for block in blocks)
        self.behind = max(block.padding[1] for block in blocks)
        for name in ("bias", "scale", "shift"):
            values = torch.cat([getattr(block, name) for block in blocks])
            self.register_buffer(name, values.unsqueeze(1))

    def forward(self, mel: Tensor) -> Tensor:
        """Convolve, keep the maximum, rectify, normalise."""
        rectified = F.relu(self.maxima(mel) * self.scale.sign() + self.bias)
        return rectified * self.scale + self.shift

    def maxima(self, mel: Tensor) -> Tensor:
        """Return the maximum of the kernels' products at each frame: (batch, n_live, time)."""
        raise NotImplementedError

    def _centred(self, block: LiveBlock) -> Tensor:
        """Return a block's kernels, padded in time to the longest block's."""
        before, behind = block.padding
        return F.pad(block.kernel, (0, 0, self.before - before, self.behind - behind))


class ConvolvedMax(FrequencyMax):
    """One block by a plain convolution, which a GPU does fastest."""

    kernel: Tensor  # (n_live, 1, length, height)

    def __init__(self, block: LiveBlock) -> None:
        super().__init__([block])
        self.register_buffer("kernel", block.kernel.unsqueeze(1))

    def maxima(self, mel: Tensor) -> Tensor:
        """Convolve the whole map, and keep its maximum."""
        padded = F.pad(mel.unsqueeze(1), (0, 0, self.before, self.behind))
        return F.conv2d(padded, self.kernel).amax(dim=3)


class TimbralMax(FrequencyMax):
    """One block of short, tall kernels by F(8, 7): eight frames from fourteen products."""

    kernel: Tensor  # (n_points, n_live, height)
    of_inputs: Tensor  # (n_points, n_points), float64
    out: Tensor  # (step, n_points)

    def __init__(self, block: LiveBlock) -> None:
        super().__init__([block])
        algorithm = toom_cook(TIMBRAL_POINTS, block.kernel.shape[1])
        kernel = torch.einsum("pl,clh->pch", algorithm.of_taps, block.kernel.double())
        self.register_buffer("kernel", kernel.float().contiguous())
        self.register_buffer("of_inputs", algorithm.of_inputs)
        self.register_buffer("out", algorithm.out.float())

    def maxima(self, mel: Tensor) -> Tensor:
        """Compute `step` frames of every kernel from each window of frames."""
        n, n_frames, _ = mel.shape
        inputs = torch.split(self._transformed(mel), WINDOWS_AT_ONCE, dim=2)
        by_step = torch.cat([self._maximum(part) for part in inputs], dim=2)
        return _in_order(by_step, n)[:, :, :n_frames]

    def _transformed(self, mel: Tensor) -> Tensor:
        """Return what the kernels are multiplied with: (n_points, mels, n * n_windows)."""
        n_points, step = len(self.of_inputs), len(self.out)
        behind = self.behind + -mel.shape[1] % step
        padded = F.pad(mel, (0, 0, self.before, behind)).permute(2, 0, 1).contiguous()
        transformed = []
        for part in torch.split(padded, MELS_AT_ONCE):
            windows = part.double().unfold(2, n_points, step).reshape(-1, n_points)
            transformed.append((self.of_inputs @ windows.T).float().view(n_points, len(part), -1))
        return torch.cat(transformed, dim=1)

    def _maximum(self, inputs: Tensor) -> Tensor:
        """Return the maximum over the kernels' positions: (step, n_live, windows)."""
        (n_points, n_live, height), windows = self.kernel.shape, inputs.shape[2]
        products = inputs.new_empty(n_points, n_live, windows)
        outputs = inputs.new_empty(len(self.out), n_live * windows)
        maximum = torch.full_like(outputs, -torch.inf)
        for position in range(inputs.shape[1] - height + 1):
            torch.bmm(self.kernel, inputs[:, position : position + height], out=products)
            torch.mm(self.out, products.view(n_points, -1), out=outputs)
            torch.maximum(maximum, outputs, out=maximum)
        return maximum.view(-1, n_live, windows)


class TemporalMax(FrequencyMax):
    """Blocks of long kernels, one mel high, by F(6, 4): six runs of frames from nine products.

    A kernel of 128 frames is four runs of 32: the coefficients of a polynomial, as are the runs of
    frames that it is convolved with. So the products of the algorithm are convolutions of a run
    of taps with a run of frames and the next.
    """

    kernel: Tensor  # (n_points, n_live, run)
    of_inputs: Tensor  # (n_points, n_points), float64
    out: Tensor  # (runs, n_points)

    def __init__(self, blocks: Sequence[LiveBlock]) -> None:
        super().__init__(blocks)
        algorithm = toom_cook(TEMPORAL_POINTS, TEMPORAL_RUNS)
        kernels = torch.cat([self._centred(block) for block in blocks])[:, :, 0].double()
        self.run = -(-kernels.shape[1] // TEMPORAL_RUNS)
        taps = F.pad(kernels, (0, TEMPORAL_RUNS * self.run - kernels.shape[1]))
        runs = taps.view(-1, TEMPORAL_RUNS, self.run)
        kernel = torch.einsum("pr,crl->pcl", algorithm.of_taps, runs)
        self.register_buffer("kernel", kernel.float().contiguous())
        self.register_buffer("of_inputs", algorithm.of_inputs)
        self.register_buffer("out", algorithm.out.float())

    def maxima(self, mel: Tensor) -> Tensor:
        """Compute pieces of 6 runs of frames from the 9 runs and more that they depend on."""
        n, n_frames, _ = mel.shape
        step = len(self.out) * self.run
        behind = TEMPORAL_RUNS * self.run - 1 - self.before + -n_frames % step
        padded = F.pad(mel, (0, 0, self.before, behind))
        pieces = padded.unfold(1, step + TEMPORAL_RUNS * self.run - 1, step).flatten(0, 1)
        parts = [self._maximum(part) for part in torch.split(pieces, PIECES_AT_ONCE)]
        return _in_order(torch.cat(parts, dim=2), n)[:, :, :n_frames]

    def _transformed(self, pieces: Tensor) -> Tensor:
        """(n_pieces, mels, frames) -> (n_points, 2 * run - 1, n_pieces * mels)."""
        n_points, width = len(self.of_inputs), 2 * self.run - 1
        frames = pieces.permute(2, 0, 1).flatten(1).double()  # (frames, n_pieces * mels)
        runs = frames.unfold(0, width, self.run).transpose(1, 2)  # (n_points, width, ...)
        transformed = self.of_inputs @ runs.reshape(n_points, -1)
        return transformed.float().view(n_points, width, -1)

    def _maximum(self, pieces: Tensor) -> Tensor:
        """Return the maximum over mels: (step, n_live, n_pieces)."""
        n_points, n_live, _ = self.kernel.shape
        inputs = self._transformed(pieces)
        products = inputs.new_empty(n_points, n_live, inputs.shape[2])
        outputs = inputs.new_empty(len(self.out), n_live * inputs.shape[2])
        maxima = inputs.new_empty(len(self.out), self.run, n_live, len(pieces))
        for frame in range(self.run):
            torch.bmm(self.kernel, inputs[:, frame : frame + self.run], out=products)
            torch.mm(self.out, products.view(n_points, -1), out=outputs)
            maxima[:, frame] = outputs.view(len(self.out), n_live, len(pieces), -1).amax(dim=3)
        return maxima.flatten(0, 1)


def _in_order(maxima: Tensor, n: int) -> Tensor:
    """(step, n_live, n * n_steps) -> (n, n_live, n_steps * step)."""
    step, n_live, _ = maxima.shape
    return maxima.view(step, n_live, n, -1).permute(2, 1, 3, 0).flatten(2)
