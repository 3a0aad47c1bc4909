"""Reads foreign checkpoint files into plain dictionaries of arrays.

A TensorFlow V2 checkpoint is two files. `<prefix>.index` is an uncompressed LevelDB table that maps
each variable's name to a `BundleEntryProto`; `<prefix>.data-00000-of-00001` holds the raw
little-endian tensors. Formats: LevelDB `doc/table_format.md`, TensorFlow
`tensorflow/core/protobuf/tensor_bundle.proto`. TensorFlow itself is not needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from encoders.errors import WeightsError

_TABLE_MAGIC = bytes.fromhex("57fb808b247547db")
_FOOTER_SIZE = 48
_DT_FLOAT = 1  # tensorflow/core/framework/types.proto


def read_tensorflow_checkpoint(folder: Path) -> dict[str, NDArray[np.float32]]:
    """Read every float32 variable of the checkpoint with the empty prefix in `folder`.

    Returns arrays in TensorFlow's own axis order, keyed by variable name. Raises WeightsError if
    the files are missing or are not such a checkpoint.
    """
    try:
        table = (folder / ".index").read_bytes()
        data = (folder / ".data-00000-of-00001").read_bytes()
    except OSError as error:
        raise WeightsError(f"The checkpoint in {folder} cannot be read: {error}.") from error
    variables = {}
    try:
        for name, entry in _table_entries(table):
            fields = dict(_proto_fields(entry))
            if name and fields.get(1) == _DT_FLOAT:
                shape = [int(dict(_proto_fields(d)).get(1, 0)) for _, d in _proto_fields(fields[2])]
                offset, size = int(fields.get(4, 0)), int(fields[5])
                values = np.frombuffer(data[offset : offset + size], dtype="<f4")
                variables[name] = values.reshape(shape)
        if not variables:
            raise ValueError("it holds no variables")
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            f"The checkpoint in {folder} is damaged ({error}); reinstall the package it came with."
        ) from error
    return variables


def _table_entries(table: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the (key, value) pairs of an uncompressed LevelDB table."""
    footer = table[-_FOOTER_SIZE:]
    if footer[-8:] != _TABLE_MAGIC:
        raise ValueError("the index is not a LevelDB table")
    at = 0
    handle = []
    for _ in range(4):  # offset and size of the metaindex block, then of the index block
        number, at = _varint(footer, at)
        handle.append(number)
    for _, block_handle in _block_entries(table, handle[2], handle[3]):
        offset, after = _varint(block_handle, 0)
        size, _ = _varint(block_handle, after)
        for key, value in _block_entries(table, offset, size):
            yield key.decode(), value


def _block_entries(table: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield the entries of one block, whose keys are stored as differences from the last one."""
    block = table[offset : offset + size]
    if table[offset + size] != 0:
        raise ValueError("a compressed LevelDB block")
    n_restarts = int.from_bytes(block[-4:], "little")
    end = size - 4 - 4 * n_restarts
    at, key = 0, b""
    while at < end:
        n_shared, at = _varint(block, at)
        n_own, at = _varint(block, at)
        n_value, at = _varint(block, at)
        key = key[:n_shared] + block[at : at + n_own]
        at += n_own
        yield key, block[at : at + n_value]
        at += n_value


def _proto_fields(message: bytes | int) -> Iterator[tuple[int, bytes | int]]:
    """Yield (field number, value) of a protocol buffer: integers, or bytes for nested messages."""
    if isinstance(message, int):
        raise TypeError("a number where a message should be")
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        match tag & 7:
            case 0:
                number, at = _varint(message, at)
                yield tag >> 3, number
            case 2:
                length, at = _varint(message, at)
                yield tag >> 3, message[at : at + length]
                at += length
            case 5:
                yield tag >> 3, int.from_bytes(message[at : at + 4], "little")
                at += 4
            case wire_type:
                raise ValueError(f"unexpected wire type {wire_type}")


def _varint(buffer: bytes, at: int) -> tuple[int, int]:
    """Decode one base-128 number; return it and the position behind it."""
    number = shift = 0
    while True:
        byte = buffer[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7
