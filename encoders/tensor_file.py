"""Safetensors files, checked against the digest in their metadata, and never mapped.

A mapped file that is overwritten in place, as by `cp` or a restored backup, ends whoever reads its
map next (SIGBUS). Here a file that becomes shorter while it is read is a damaged one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load

_MAX_HEADER = 100_000_000  # bytes, as the format has it
_SIZE = 8  # bytes of the header's size, little-endian
_DIGEST = "sha256"  # in the metadata
_DTYPES = {  # of the format, little-endian
    "BOOL": "?",
    "U8": "u1",
    "I32": "<i4",
    "I64": "<i8",
    "F16": "<f2",
    "F32": "<f4",
    "F64": "<f8",
}


def with_digest(arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> dict[str, str]:
    """Return metadata to write with arrays: by it a torn or altered file is known."""
    return {**metadata, _DIGEST: _digest(arrays)}


def read_tensors(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Return the arrays and the metadata of a file, without the digest that it is checked by.

    Files of older versions have none. Raises OSError, SafetensorError.
    """
    content = path.read_bytes()
    tensors: dict[str, NDArray[Any]] = load(content)
    metadata = _metadata(content[_SIZE:][: int.from_bytes(content[:_SIZE], "little")])
    _check(tensors, metadata)
    return tensors, metadata


def _check(tensors: Mapping[str, NDArray[Any]], metadata: dict[str, str]) -> None:
    """Take the digest out of the metadata. Raises SafetensorError for other arrays."""
    digest = metadata.pop(_DIGEST, None)
    if digest is not None and digest != _digest(tensors):
        raise SafetensorError("its content does not match its checksum")


def tensors_of(content: memoryview) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Return the same of a file's bytes, as views of them. Raises SafetensorError."""
    size = int.from_bytes(content[:_SIZE], "little")
    header = bytes(content[_SIZE:][:size])
    metadata = _metadata(header)
    try:
        described = json.loads(header)
        described.pop("__metadata__", None)
        tensors = {name: _view(content[_SIZE + size :], **one) for name, one in described.items()}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise SafetensorError("its arrays cannot be read") from error
    _check(tensors, metadata)
    return tensors, metadata


def _view(data: memoryview, dtype: str, shape: list[int], data_offsets: list[int]) -> NDArray[Any]:
    begin, end = data_offsets
    if not 0 <= begin <= end <= len(data):
        raise ValueError("the file is too short")
    return np.frombuffer(data[begin:end], _DTYPES[dtype]).reshape(shape)


def read_metadata(path: Path) -> dict[str, str]:
    """Return the metadata of a file alone. Raises OSError, SafetensorError."""
    with path.open("rb") as file:
        return _metadata(_header(file))


def _digest(arrays: Mapping[str, NDArray[Any]]) -> str:
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype} {array.shape} ".encode())
        digest.update(np.ascontiguousarray(array).data.cast("B") if array.size else b"")
    return digest.hexdigest()


def _header(file: BinaryIO) -> bytes:
    size = int.from_bytes(file.read(_SIZE), "little")
    if size > _MAX_HEADER:
        raise SafetensorError("its header is too large")
    header = file.read(size)
    if len(header) < size or not size:
        raise SafetensorError("its header is cut short")
    return header


def _metadata(header: bytes) -> dict[str, str]:
    try:
        metadata: dict[str, str] = json.loads(header).get("__metadata__", {})
    except (AttributeError, ValueError) as error:
        raise SafetensorError("its header cannot be read") from error
    return metadata
