"""What can go wrong between a file and its features."""

from __future__ import annotations


class AudioError(Exception):
    """A file cannot be analysed; the message is a sentence fit for its owner."""


class WeightsError(Exception):
    """Pretrained weights are missing or damaged; the message says how to get them."""
