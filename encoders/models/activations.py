"""The output that all tagger architectures have in common."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class Activations(NamedTuple):
    """A batch of outputs, one row a segment.

    logits       (batch, n_tags)           before the sigmoid
    penultimate  (batch, n_units)          the input of the output layer
    pooled       (batch, 2 * n_channels)   mean next to max of the last feature map over its extent
    """

    logits: Tensor
    penultimate: Tensor
    pooled: Tensor
