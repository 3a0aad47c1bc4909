"""The content of an index file that is mapped: half-float vectors, inverted lists, statistics.

    the length of the structure, int64, and the structure without vectors, as faiss writes it
    numbers of vectors in its inverted lists, int64 (n_lists,)
    ids, int64 (n,)
    statistics of the tracks, float32 (n, 3), see `hubs.CosineStatistics`
    vectors of unit length, float16 (n, dim), row i belonging to ids[i]
    for each list: its vectors' codes, uint8 (size, code_size), with zeros for up to 7 more of
        them, so many that their number is a multiple of 8, and their rows, int64 (size,)
    quantiles of scores, float32 (4, 140)

Every part begins at a multiple of 8 bytes. Only what searches touch is read into memory, and
processes that map one file share it. So such a file is replaced, never overwritten in place.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import faiss
import numpy as np
from numpy.typing import NDArray

from index.arrays import Float16Array, Float32Array, Int64Array, UInt8Array
from index.hubs import METHODS, N_STATISTICS, SHARES

_ALIGNED = 8  # bytes, and codes
_PIECE = 2**14  # vectors copied at once


class Sink(Protocol):
    """What a file's content is written to."""

    def write(self, data: bytes) -> int:
        """Write bytes; return how many."""


class ListEntries(NamedTuple):
    """The vectors of one inverted list: codes, uint8 (size, code_size), and rows, int64 (size,)."""

    codes: UInt8Array
    rows: Int64Array


@dataclass(frozen=True, eq=False)
class MappedContent:
    """What a mapped index file holds; the arrays are views of `buffer`.

    trained    the faiss index of inverted lists, without vectors
    sizes      of its lists, int64 (n_lists,)
    tracks     statistics, float32 (n, 3)
    quantiles  of scores, see `hubs.CosineStatistics`
    begins     the byte of `buffer` that each list begins at, int64 (n_lists,)
    """

    trained: Any
    sizes: Int64Array
    ids: Int64Array
    tracks: Float32Array
    halves: Float16Array
    quantiles: Float32Array
    buffer: memoryview
    begins: Int64Array

    def entries(self, number: int) -> ListEntries:
        """Return the vectors of a list."""
        size, width = int(self.sizes[number]), int(self.trained.code_size)
        begin = int(self.begins[number])
        codes = np.frombuffer(self.buffer, np.uint8, size * width, begin)
        rows = np.frombuffer(self.buffer, "<i8", size, begin + _rounded_up(size) * width)
        return ListEntries(codes.reshape(size, width), rows)


def write(
    file: Sink,
    trained: Any,
    sizes: Int64Array,
    ids: Sequence[Int64Array],
    tracks: Sequence[Float32Array],
    halves: Sequence[Float16Array],
    lists: Iterable[ListEntries],
) -> None:
    """Write all but the quantiles; `ids`, `tracks` and `halves` hold an array for each part."""
    structure = faiss.serialize_index(trained).tobytes()
    _write(file, [np.array([len(structure)])], "<i8")
    _write(file, [np.frombuffer(structure, np.uint8)], "u1")
    _write(file, [sizes], "<i8")
    _write(file, ids, "<i8")
    _write(file, tracks, "<f4")
    _write(file, halves, "<f2")
    for codes, rows in lists:
        spare = _rounded_up(len(codes)) - len(codes)
        file.write(codes.tobytes() + bytes(spare * codes.shape[1]) + rows.astype("<i8").tobytes())


def write_quantiles(file: Sink, quantiles: Float32Array) -> None:
    """Write the last part."""
    _write(file, [quantiles], "<f4")


def _write(file: Sink, arrays: Sequence[NDArray[Any]], dtype: str) -> None:
    """Write arrays one after another, and zeros up to a multiple of 8 bytes."""
    n_bytes = 0
    for array in arrays:
        for start in range(0, len(array), _PIECE):
            n_bytes += file.write(array[start : start + _PIECE].astype(dtype).tobytes())
    file.write(bytes(_rounded_up(n_bytes) - n_bytes))


def _rounded_up(n: int) -> int:
    return -(-n // _ALIGNED) * _ALIGNED


def parse(buffer: memoryview, begin: int, n: int, dim: int) -> MappedContent:
    """Return what follows byte `begin` of a file, whose bytes were checked, of `n` vectors.

    Raises RuntimeError where faiss cannot read the structure.
    """
    (length,) = np.frombuffer(buffer, "<i8", 1, begin).tolist()
    begin += _ALIGNED
    trained: Any = faiss.deserialize_index(np.frombuffer(buffer, np.uint8, length, begin))
    begin += _rounded_up(length)
    arrays = []
    for shape, dtype in (
        ((trained.nlist,), "<i8"),
        ((n,), "<i8"),
        ((n, N_STATISTICS), "<f4"),
        ((n, dim), "<f2"),
    ):
        array = np.frombuffer(buffer, dtype, int(np.prod(shape)), begin).reshape(shape)
        arrays.append(array)
        begin += _rounded_up(array.nbytes)
    sizes, ids, tracks, halves = arrays
    lengths = -(-sizes // _ALIGNED) * _ALIGNED * trained.code_size + 8 * sizes
    ends = begin + np.cumsum(lengths)
    quantiles = np.frombuffer(buffer, "<f4", len(METHODS) * len(SHARES), int(ends[-1]))
    return MappedContent(
        trained,
        sizes,
        ids,
        tracks,
        halves,
        quantiles.reshape(len(METHODS), len(SHARES)),
        buffer,
        ends - lengths,
    )


def attached(content: MappedContent, path: Path) -> Any:
    """Return the structure with its lists where they lie in the file.

    Where faiss cannot map files (Windows), they are copied into memory.
    """
    index, n_lists = content.trained, len(content.sizes)
    lists: Any
    if hasattr(faiss, "OnDiskInvertedLists"):
        lists = faiss.OnDiskInvertedLists()
        lists.nlist, lists.code_size = n_lists, index.code_size
        lists.filename, lists.totsize = os.fspath(path), len(content.buffer)
        lists.read_only, lists.prefetch_nthread = True, 0
        lists.lists.resize(n_lists)
        capacities = -(-content.sizes // _ALIGNED) * _ALIGNED
        places = np.column_stack([content.sizes, capacities, content.begins]).astype(np.uint64)
        faiss.memcpy(lists.lists.data(), faiss.swig_ptr(places), places.nbytes)
        lists.do_mmap()
    else:
        lists = faiss.ArrayInvertedLists(n_lists, index.code_size)
        for number in range(n_lists):
            codes, rows = (np.ascontiguousarray(one) for one in content.entries(number))
            if len(rows):
                lists.add_entries(number, len(rows), faiss.swig_ptr(rows), faiss.swig_ptr(codes))
    index.replace_invlists(lists, True)
    lists.this.disown()
    index.ntotal = len(content.ids)
    return index
