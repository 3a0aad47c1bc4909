"""What can go wrong between a file and its features."""

from __future__ import annotations


class AudioError(Exception):
    """A file cannot be analysed; the message is a sentence fit for its owner."""


class FileUnavailable(AudioError):
    """A file cannot be read at the moment, whatever it holds: try it again later."""


def no_memory(path: object) -> FileUnavailable:
    """Return what is said where memory ends while a file is read: other programs may have it."""
    return FileUnavailable(f"{path} cannot be read: there is not enough memory.")


class WeightsError(Exception):
    """Pretrained weights are missing or damaged; the message says how to get them."""
