"""The index file: manifest, vectors and faiss structure in one file that is replaced whole.

Its first format is copied into memory:

    byte 0       "earshot-index 1 " and the SHA-256 of the manifest, a line feed,
                 the manifest as JSON, spaces up to byte 4096
    byte 4096    ids, int64 (ntotal,)
    then         vectors, float32 (ntotal, dim), row i belonging to ids[i]
    then         `hubs.CosineStatistics`: tracks, float32 (ntotal, 3), and quantiles,
                 float32 (4, 140)
    then         the structure as faiss writes it; nothing for a recipe without one

The other one is for millions of vectors and is mapped: from byte 4096 on see `index.mapped`.

Numbers are little-endian. The manifest holds the SHA-256 of everything from byte 4096 on.

One file, because a rename replaces one file atomically: a reader gets the old index or the new
one, never a part of each, and an open old index stays readable.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import faiss
import numpy as np

from index import mapped, shared_copy
from index.arrays import Float32Array, Int64Array
from index.half_vectors import HalfVectors
from index.hubs import METHODS, N_STATISTICS, SHARES, CosineStatistics
from index.mapped import MappedContent

FORMAT, MAPPED_FORMAT = 2, 3
HEADER_BYTES = 4096
_PIECE = 16 << 20  # bytes read at once
ABANDONED = 3600.0  # seconds without a write after which a temporary file is deleted


class DamagedIndex(Exception):
    """An index file is missing, cut short or altered; the message says what to do."""


class StaleIndex(Exception):
    """An index file is whole but was made for something else; the message says what to do."""


@dataclass(frozen=True)
class Manifest:
    """The metadata of an index file.

    `model` names the model, its weights and settings; `projection` identifies the projection of
    features to vectors; `catalogue_revision` is the catalogue's when the vectors were read.
    """

    model: str
    projection: str
    catalogue_revision: int
    dim: int
    ntotal: int
    recipe: str
    search: str
    sha256: str = ""  # of the file's content after the header; filled in when it is written


class Contents(NamedTuple):
    """What an index file holds; the arrays are read-only views of it, or of one copy in memory."""

    manifest: Manifest
    ids: Int64Array
    vectors: Float32Array | HalfVectors
    statistics: CosineStatistics
    structure: Any  # faiss.Index, or None


def write(
    path: Path,
    manifest: Manifest,
    ids: Int64Array,
    vectors: Float32Array,
    statistics: CosineStatistics,
    structure: Any,
) -> Manifest:
    """Replace the file at `path`, or leave it as it was, and return the manifest as written.

    `structure` is a CPU `faiss.Index` or None. Raises OSError when the disk is full, and ValueError
    when the manifest's names do not fit into the header.
    """
    with _writing(path, manifest, FORMAT) as content:
        content.write(np.ascontiguousarray(ids, dtype="<i8").data)
        for numbers in (vectors, *statistics):
            content.write(np.ascontiguousarray(numbers, dtype="<f4").data)
        if structure is not None:
            writer = faiss.PyCallbackIOWriter(content.write)  # type: ignore[attr-defined]
            faiss.write_index(structure, writer)
    return content.manifest


@contextmanager
def writing_mapped(path: Path, manifest: Manifest) -> Iterator[_Hashed]:
    """Replace the file at `path` by what is written in the block, as `index.mapped` has it.

    Raises as `write` does.
    """
    with _writing(path, manifest, MAPPED_FORMAT) as content:
        yield content


@contextmanager
def _writing(path: Path, manifest: Manifest, kind: int) -> Iterator[_Hashed]:
    """Replace the file at `path` by a header and what is written in the block."""
    with replacing(path) as file:
        file.write(bytes(HEADER_BYTES))
        content = _Hashed(file, manifest)
        yield content
        content.manifest = replace(manifest, sha256=content.sha256.hexdigest())
        file.seek(0)
        file.write(_header(content.manifest, kind))


def read(path: Path, copies: Path | None = None) -> Contents:
    """Open the file at `path` and check every byte of it.

    It is copied into memory and not mapped, as a mapped file that is overwritten in place ends its
    readers (SIGBUS), but for files of millions of vectors, which are mapped. Processes that are
    forked share the copy, and those that give the same folder of `copies`.

    Raises DamagedIndex, and StaleIndex for a file written by another version of Earshot.
    """
    with _open(path) as file:
        kind, manifest = _parse_header(path, file.read(HEADER_BYTES))
        if kind == MAPPED_FORMAT:
            found = _mapped(path, file, manifest)
            structure = mapped.attached(found, path)
            if not os.path.samestat(path.stat(), os.fstat(file.fileno())):
                return read(path, copies)  # it was replaced meanwhile
            statistics = CosineStatistics(found.tracks, found.quantiles)
            return Contents(manifest, found.ids, HalfVectors(found.halves), statistics, structure)
        copy, digest = shared_copy.copy(file, manifest.sha256, copies)
    if digest != manifest.sha256:
        raise _damaged(path, "its content does not match its checksum")
    content = memoryview(copy).toreadonly()
    n, dim = manifest.ntotal, manifest.dim
    ids = np.frombuffer(content, "<i8", n)
    copy.seek(ids.nbytes)
    shapes = (n, dim), (n, N_STATISTICS), (len(METHODS), len(SHARES))
    vectors, *usual = [_floats(content, copy, *shape) for shape in shapes]
    return Contents(manifest, ids, vectors, CosineStatistics(*usual), _read_structure(path, copy))


def read_mapped(path: Path) -> tuple[Manifest, MappedContent]:
    """Map a file of millions of vectors and check every byte of it.

    Raises DamagedIndex, also for one that is copied into memory, and StaleIndex.
    """
    with _open(path) as file:
        kind, manifest = _parse_header(path, file.read(HEADER_BYTES))
        if kind != MAPPED_FORMAT:
            raise _damaged(path, "it is not one of inverted lists")
        return manifest, _mapped(path, file, manifest)


def _mapped(path: Path, file: BinaryIO, manifest: Manifest) -> MappedContent:
    """Map an open file that is read up to the end of its header, and check every byte of it.

    It is read, not looked at where it is mapped: so that its pages do not count as the process's.
    """
    digest, piece = hashlib.sha256(), bytearray(_PIECE)
    while n := file.readinto(piece):  # type: ignore[attr-defined]
        digest.update(memoryview(piece)[:n])
    if digest.hexdigest() != manifest.sha256:
        raise _damaged(path, "its content does not match its checksum")
    content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    if hasattr(content, "madvise"):
        content.madvise(mmap.MADV_RANDOM)
    try:
        return mapped.parse(memoryview(content), HEADER_BYTES, manifest.ntotal, manifest.dim)
    except RuntimeError as error:
        raise _damaged(path, f"faiss {faiss.__version__} cannot read its structure") from error


def _floats(content: memoryview, copy: mmap.mmap, n: int, width: int) -> Float32Array:
    """Return the numbers at the copy's position, as a view of it, and step over them."""
    numbers = np.frombuffer(content, "<f4", n * width, copy.tell())
    copy.seek(numbers.nbytes, os.SEEK_CUR)
    return numbers.reshape(n, width)


def read_manifest(path: str | os.PathLike[str]) -> Manifest:
    """Read the manifest of the index file at `path`, without the vectors.

    Raises DamagedIndex, and StaleIndex for a file written by another version of Earshot.
    """
    path = Path(path)
    with _open(path) as file:
        return _parse_header(path, file.read(HEADER_BYTES))[1]


class _Hashed:
    """A file to write to that computes the SHA-256 of what is written.

    manifest  the file's, complete once it is written
    """

    def __init__(self, file: BinaryIO, manifest: Manifest) -> None:
        self.file = file
        self.manifest = manifest
        self.sha256 = hashlib.sha256()

    def write(self, data: bytes | memoryview) -> int:
        self.sha256.update(data)
        return self.file.write(data)


def _header(manifest: Manifest, kind: int) -> bytes:
    text = json.dumps(asdict(manifest), indent=1).encode()
    line = f"earshot-index {kind} {hashlib.sha256(text).hexdigest()}\n".encode()
    header = (line + text).ljust(HEADER_BYTES)
    if len(header) > HEADER_BYTES:
        raise ValueError(f"the manifest takes {len(header)} bytes, wanted at most {HEADER_BYTES}")
    return header


def _parse_header(path: Path, header: bytes) -> tuple[int, Manifest]:
    """Return the format and the manifest."""
    line, _, text = header.partition(b"\n")
    match = re.fullmatch(rb"earshot-index (\d+) ([0-9a-f]{64})", line)
    if match is None:
        raise _damaged(path, "it does not begin as an index file does")
    kind = int(match[1])
    if kind not in (FORMAT, MAPPED_FORMAT):
        raise StaleIndex(
            f"The index at {path} has file format {kind}, this version of Earshot reads "
            f"formats {FORMAT} and {MAPPED_FORMAT}: run `earshot build` again, which analyses "
            "nothing anew" + (", or upgrade Earshot." if kind > MAPPED_FORMAT else ".")
        )
    text = text.rstrip(b" ")
    if len(header) < HEADER_BYTES or hashlib.sha256(text).hexdigest().encode() != match[2]:
        raise _damaged(path, "its manifest does not match its checksum")
    return kind, Manifest(**json.loads(text))


def _read_structure(path: Path, copy: mmap.mmap) -> Any:
    if copy.tell() == len(copy):
        return None
    try:
        return faiss.read_index(faiss.PyCallbackIOReader(copy.read))  # type: ignore[attr-defined]
    except RuntimeError as error:
        raise _damaged(path, f"faiss {faiss.__version__} cannot read its structure") from error


def _damaged(path: Path, reason: str) -> DamagedIndex:
    return DamagedIndex(f"The index at {path} is damaged ({reason}): run `earshot build` again.")


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except FileNotFoundError as error:
        raise DamagedIndex(f"There is no index at {path}: run `earshot build`.") from error


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a new file that replaces `path` when the block succeeds, and is deleted otherwise.

    File and folder are synced to disk before the block is left. A process killed in the block
    leaves its temporary file, which a later call deletes.
    """
    for leftover in path.parent.glob(f".{path.name}.*.saving"):
        with suppress(FileNotFoundError):
            if time.time() - leftover.stat().st_mtime > ABANDONED:
                leftover.unlink()
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.saving")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
