"""The head: a linear map of default embeddings, learned from a library's labels.

`encoders.head_training` trains it. An embedding with a head is the default one and its map side by
side, so that the cosine is the weighted mean of theirs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from encoders.files import replace_file

_HEAD_FORMAT = "1"

_Array = NDArray[np.float32]


class HeadError(Exception):
    """A head's files are missing, damaged or of another projection."""


@dataclass(frozen=True, eq=False)
class Head:
    """A learned linear map of default embeddings.

    projection  the id of the default projection whose embeddings it takes
    mean        float32 (dim,), taken off first
    matrix      float32 (dim, n_out)
    weight      how much its cosine counts beside the default's: 0 to 1
    """

    projection: str
    mean: _Array
    matrix: _Array
    weight: float = 1.0

    def apply(self, vectors: _Array) -> _Array:
        """Map default embeddings (n_tracks, dim) to unit vectors float32 (n_tracks, n_out)."""
        if vectors.shape[1:] != self.mean.shape:
            raise ValueError(
                f"wanted vectors of {len(self.mean)} dimensions, got shape {vectors.shape}"
            )
        return unit_rows((vectors - self.mean) @ self.matrix)

    def join(self, vectors: _Array) -> _Array:
        """Concatenate default embeddings and their maps: unit vectors (n_tracks, dim + n_out).

        cosine = (1 - weight) * default's cosine + weight * head's cosine
        """
        shares = np.sqrt([1 - self.weight, self.weight], dtype=np.float32)
        return unit_rows(
            np.concatenate([shares[0] * vectors, shares[1] * self.apply(vectors)], axis=1)
        )

    def save(self, path: Path, card: Mapping[str, Any]) -> None:
        """Write it, and beside it as .json its card: training data and measured results."""
        data = save({"mean": self.mean, "matrix": self.matrix}, {"format": _HEAD_FORMAT})
        card_content = {
            **card,
            "format": _HEAD_FORMAT,
            "projection": self.projection,
            "weight": self.weight,
            "sha256": hashlib.sha256(data).hexdigest(),
        }
        replace_file(path, data)
        replace_file(path.with_suffix(".json"), json.dumps(card_content, indent=2).encode() + b"\n")

    @classmethod
    def load(cls, path: Path) -> tuple[Head, dict[str, Any]]:
        """Read a head and its card. Raises HeadError."""
        try:
            data, card = path.read_bytes(), json.loads(path.with_suffix(".json").read_bytes())
            if card["format"] != _HEAD_FORMAT:
                raise ValueError("it is of another version")
            if card["sha256"] != hashlib.sha256(data).hexdigest():
                raise ValueError("it is not what its card describes")
            tensors = load(data)
            head = cls(str(card["projection"]), weight=float(card["weight"]), **tensors)
            check_head(head)
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise HeadError(
                f"The head {path} cannot be used ({error}); `earshot train-head` makes a new one."
            ) from error
        return head, card


def check_head(head: Head) -> None:
    """Raise ValueError for arrays of a wrong shape, type or value."""
    mean, matrix = head.mean, head.matrix
    if mean.ndim != 1 or matrix.ndim != 2 or len(matrix) != len(mean) or matrix.shape[1] == 0:
        raise ValueError(f"its arrays do not fit: {mean.shape}, {matrix.shape}")
    if mean.dtype != np.float32 or matrix.dtype != np.float32:
        raise ValueError(f"its arrays are no float32: {mean.dtype}, {matrix.dtype}")
    if not (np.isfinite(mean).all() and np.isfinite(matrix).all() and 0 <= head.weight <= 1):
        raise ValueError("it holds a number that is none")


def unit_rows(rows: NDArray[np.floating]) -> _Array:
    """Scale each row to length 1; a zero row stays zero."""
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: _Array = (rows / np.maximum(norms, 1e-12)).astype(np.float32)
    return unit
