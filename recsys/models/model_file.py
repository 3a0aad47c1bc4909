"""The file of a fitted listening model: named arrays and a JSON manifest, written atomically."""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import save_file

from encoders.tensor_file import read_metadata, with_digest
from index.storage import replacing
from recsys import shared_tensors

_FORMAT = "earshot-listening-1"

Tensors = dict[str, NDArray[Any]]


class DamagedModel(Exception):
    """The file of a listening model is damaged, or no such file."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"The listening model {path} cannot be used ({reason}); delete it and run "
            "`earshot import` or `earshot build` again."
        )


def write(path: Path, tensors: Mapping[str, NDArray[Any]], manifest: Mapping[str, Any]) -> None:
    """Write by rename, so that a reader sees the old file or the new one."""
    arrays = {name: np.ascontiguousarray(values) for name, values in tensors.items()}
    metadata = with_digest(arrays, {"format": _FORMAT, "manifest": json.dumps(manifest)})
    with replacing(path) as file:
        mode = os.fstat(file.fileno()).st_mode
        try:  # no copy in memory, but it replaces the file
            save_file(arrays, file.name, metadata)
        except SafetensorError as error:
            raise _of_system(error, path) from error
        with open(file.name, "rb+") as written:  # noqa: PTH123
            os.fchmod(written.fileno(), mode)
            os.fsync(written.fileno())


def _of_system(error: SafetensorError, path: Path) -> OSError:
    """Return the system's error that the library wraps, as in "I/O error: … (os error 28)"."""
    found = re.search(r"os error (\d+)", str(error))
    number = int(found[1]) if found else errno.EIO
    return OSError(number, os.strerror(number), str(path))


def read(path: Path, copies: Path | None = None) -> tuple[Tensors, dict[str, Any]]:
    """Read the arrays and the manifest. Raises DamagedModel, FileNotFoundError.

    Processes that give the same folder of `copies` share the arrays: see `index.shared_copy`.
    """
    try:
        tensors, metadata = shared_tensors.read(path, copies, "listening")
        return tensors, _manifest(path, metadata)
    except FileNotFoundError:
        raise
    except (OSError, SafetensorError) as error:
        raise DamagedModel(path, str(error)) from error


def read_manifest(path: Path) -> dict[str, Any]:
    """Read the manifest alone. Raises DamagedModel, FileNotFoundError."""
    try:
        return _manifest(path, read_metadata(path))
    except FileNotFoundError:
        raise
    except (OSError, SafetensorError) as error:
        raise DamagedModel(path, str(error)) from error


def _manifest(path: Path, metadata: Mapping[str, str]) -> dict[str, Any]:
    if metadata.get("format") != _FORMAT:
        raise DamagedModel(path, "it is no listening model, or one of another version")
    try:
        manifest: dict[str, Any] = json.loads(metadata["manifest"])
    except (KeyError, ValueError) as error:
        raise DamagedModel(path, "its manifest cannot be read") from error
    return manifest
