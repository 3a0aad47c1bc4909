"""Files of one array with a row for each track of an index, which say what they were made of."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError

from encoders.tensor_file import with_digest
from index.arrays import Int64Array
from index.rows import digest_of
from index.storage import replacing
from recsys import shared_tensors

_log = logging.getLogger(__name__)


def made_of(model: str, catalogue_revision: int, ids: Int64Array | Sequence[int]) -> dict[str, str]:
    """Return what identifies an array: taggers, catalogue revision and tracks of an index."""
    revision = str(catalogue_revision)
    return {"model": model, "catalogue_revision": revision, "ids": digest_of(ids)}


def save(path: Path, name: str, values: NDArray[Any], made_of: dict[str, str]) -> None:
    """Replace a file by an array of a name. Raises OSError."""
    arrays = {name: np.ascontiguousarray(values)}
    content = safetensors.numpy.save(arrays, with_digest(arrays, made_of))
    with replacing(path) as file:
        file.write(content)


def load(
    path: Path, name: str, wanted: Mapping[str, str], copies: Path | None = None
) -> NDArray[Any] | None:
    """Read a file; None where it is missing, damaged, or made of something else.

    `copies` are those of `recsys.shared_tensors`.
    """
    try:
        arrays, metadata = shared_tensors.read(path, copies, path.stem)
    except (OSError, SafetensorError):
        return None
    return arrays.get(name) if metadata == wanted else None


def keep(path: Path, name: str, values: NDArray[Any], made_of: dict[str, str]) -> None:
    """Save an array where the home can be written, and log where it cannot."""
    try:
        save(path, name, values, made_of)
    except OSError as error:
        _log.warning("%s cannot be kept: %s", path, error.strerror)
