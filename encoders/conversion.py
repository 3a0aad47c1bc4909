"""Published tensors under the names and in the order that our architectures have."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Variables: TypeAlias = Mapping[str, NDArray[np.float32]]  # TensorFlow's
Tensors: TypeAlias = Mapping[str, Tensor]  # PyTorch's

# How the state dicts of Won et al. (2020) name what ours calls otherwise: patterns of whole names,
# the first that matches counts. Layers are numbered from 1 there.
_SPECTROGRAM = (r"spec\..*", "")
_OUTPUT = (r"dense\.(.*)", r"output.\1")
_TWO_DENSE = ((r"dense1\.(.*)", r"dense.\1"), (r"bn\.(.*)", r"dense_bn.\1"))
_LAST_DENSE = (r"dense2\.(.*)", r"output.\1")
_INPUT = (r"spec_bn\.(.*)", r"input_bn.\1")


def _conv2d(kernel: NDArray[np.float32]) -> Tensor:
    """(time, mels, in, out) -> (out, in, time, mels)."""
    return torch.from_numpy(kernel.transpose(3, 2, 0, 1).copy())


def _named(prefix: str, variables: Variables, layer: str) -> dict[str, Tensor]:
    """Rename a batch normalisation's variables."""
    names = {
        "weight": "gamma",
        "bias": "beta",
        "running_mean": "moving_mean",
        "running_var": "moving_variance",
    }
    state = {
        f"{prefix}.{ours}": torch.from_numpy(variables[f"{layer}/{theirs}"].copy())
        for ours, theirs in names.items()
    }
    return state | {f"{prefix}.num_batches_tracked": torch.tensor(0)}


def _numbered(layer: str, number: int) -> str:
    """Spell TensorFlow's automatic names: conv2d, conv2d_1, conv2d_2, ..."""
    return layer if number == 0 else f"{layer}_{number}"


def musicnn_from_tensorflow(variables: Variables) -> dict[str, Tensor]:
    """Rename and reorder musicnn's variables for `encoders.models.musicnn`."""
    state = _named("input_bn", variables, "batch_normalization")
    blocks = ["timbral.0", "timbral.1", "temporal.0", "temporal.1", "temporal.2"]
    for number, block in enumerate([*blocks, "mid.0", "mid.1", "mid.2"]):
        conv = _numbered("conv2d", number)
        kernel = _conv2d(variables[f"{conv}/kernel"])
        if block.startswith("mid"):  # (out, 1, 7, in): the "mels" of the mid end are its channels
            kernel = kernel.squeeze(1).transpose(1, 2).contiguous()
        state[f"{block}.conv.weight"] = kernel
        state[f"{block}.conv.bias"] = torch.from_numpy(variables[f"{conv}/bias"].copy())
        state |= _named(f"{block}.bn", variables, _numbered("batch_normalization", number + 1))
    # The published model interleaves its pools (max, mean, max, ...); ours are mean next to max.
    n_pools = variables["dense/kernel"].shape[0]
    order = np.concatenate([np.arange(1, n_pools, 2), np.arange(0, n_pools, 2)])
    pool_bn = _named("pool_bn", variables, "batch_normalization_9")
    state |= {name: t[order] if t.ndim else t for name, t in pool_bn.items()}
    state["dense.weight"] = torch.from_numpy(variables["dense/kernel"][order].T.copy())
    state["dense.bias"] = torch.from_numpy(variables["dense/bias"].copy())
    state |= _named("dense_bn", variables, "batch_normalization_10")
    state["output.weight"] = torch.from_numpy(variables["dense_1/kernel"].T.copy())
    state["output.bias"] = torch.from_numpy(variables["dense_1/bias"].copy())
    return state


def vgg_from_tensorflow(variables: Variables) -> dict[str, Tensor]:
    """Rename and reorder the VGG's variables for `encoders.models.vgg`."""
    state = _named("input_bn", variables, "batch_normalization")
    for i in range(5):
        state[f"convs.{i}.weight"] = _conv2d(variables[f"{i + 1}CNN/kernel"])
        state[f"convs.{i}.bias"] = torch.from_numpy(variables[f"{i + 1}CNN/bias"].copy())
        state |= _named(f"bns.{i}", variables, _numbered("batch_normalization", i + 1))
    state["output.weight"] = torch.from_numpy(variables["dense/kernel"].T.copy())
    state["output.bias"] = torch.from_numpy(variables["dense/bias"].copy())
    return state


def _renamed(tensors: Tensors, rules: Sequence[tuple[str, str]]) -> dict[str, Tensor]:
    """Rename by the first rule that matches; an empty name drops the tensor."""
    state = {}
    for name, tensor in tensors.items():
        for pattern, replacement in rules:
            if match := re.fullmatch(pattern, name):
                if new := match.expand(replacement):
                    state[new] = tensor
                break
        else:
            state[name] = tensor
    return state


def _blocks(first: int, last: int) -> list[tuple[str, str]]:
    """Rules for `layer<first>` ... `layer<last>`, our blocks from 0 on."""
    return [
        (rf"layer{number}\.(.*)", rf"blocks.{number - first}.\1")
        for number in range(first, last + 1)
    ]


def fcn_from_won(tensors: Tensors) -> dict[str, Tensor]:
    """For `encoders.models.fcn`."""
    return _renamed(tensors, [_SPECTROGRAM, _INPUT, *_blocks(1, 5), _OUTPUT])


def crnn_from_won(tensors: Tensors) -> dict[str, Tensor]:
    """For `encoders.models.crnn`."""
    gru = (r"layer5\.(.*)", r"gru.\1")
    return _renamed(tensors, [_SPECTROGRAM, _INPUT, *_blocks(1, 4), gru, _OUTPUT])


def musicnn_from_won(tensors: Tensors) -> dict[str, Tensor]:
    """For `encoders.models.musicnn_won`, whose means come before its maxima."""
    front = [(rf"layers\.{i}\.(.*)", rf"timbral.{i}.\1") for i in (0, 1)]
    front += [(rf"layers\.{i}\.(.*)", rf"temporal.{i - 2}.\1") for i in (2, 3, 4)]
    mid = [(rf"layer{i}\.(.*)", rf"mid.{i - 1}.\1") for i in (1, 2, 3)]
    state = _renamed(tensors, [_SPECTROGRAM, _INPUT, *front, *mid, *_TWO_DENSE, _LAST_DENSE])
    if "dense.weight" in state:
        state["dense.weight"] = torch.cat(state["dense.weight"].chunk(2, dim=1)[::-1], dim=1)
    return state


def sample_from_won(tensors: Tensors) -> dict[str, Tensor]:
    """For `encoders.models.sample_cnn`."""
    ends = [(r"layer1\.(.*)", r"stem.\1"), (r"layer11\.(.*)", r"head.\1")]
    return _renamed(tensors, [*ends, *_blocks(2, 10), _OUTPUT])


def se_from_won(tensors: Tensors) -> dict[str, Tensor]:
    """For `encoders.models.sample_se`."""
    parts = {
        "conv_1": "first.conv",
        "bn_1": "first.bn",
        "conv_2": "conv",
        "bn_2": "bn",
        "dense1": "squeeze",
        "dense2": "excite",
        "conv_3": "shortcut.0",
        "bn_3": "shortcut.1",
    }
    rules = [
        (rf"layer{i}\.{theirs}\.(.*)", rf"blocks.{i - 1}.{ours}.\1")
        for i in range(1, 12)
        for theirs, ours in parts.items()
    ]
    return _renamed(tensors, [*rules, *_TWO_DENSE, _LAST_DENSE])


def short_chunk_from_won(tensors: Tensors) -> dict[str, Tensor]:
    """For `encoders.models.short_chunk`."""
    rules = [_SPECTROGRAM, _INPUT, *_blocks(1, 7), *_TWO_DENSE, _LAST_DENSE]
    return _renamed(tensors, rules)
