"""Files of listening histories, opened with care: they may be broken, huge or hostile."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, NamedTuple, cast

from recsys.catalog.base import shown
from recsys.listens import text_encoding

LONGEST_LINE = 1 << 20  # bytes; a listen takes some hundred
_LARGEST_RATIO = 200  # of a packed file; histories reach about 20
_SMALL = 50 << 20  # bytes up to which a packed file may be anything
_MOST_MEMBERS = 20_000  # of a ZIP
_DEEPEST = 3  # archives in archives: Apple's exports have two
_ZIP = b"PK\x03\x04"
_PACKED = ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\0", lzma.open))
_DAMAGE = (
    *(zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, lzma.LZMAError),
    *(NotImplementedError, EOFError),
)


class FormatError(Exception):
    """A file is no listening history that can be read; the message says what was looked for."""


class DamagedFile(FormatError):
    """A file is damaged, or packed so that it should not be opened."""


class BadLine(NamedTuple):
    """A line (or row, or entry) that holds no listen, and why, in a sentence."""

    line: int
    reason: str
    member: str = ""  # the file in a ZIP


@dataclass(frozen=True)
class Source:
    """A file of bytes, or one in a ZIP, unpacked where it is compressed.

    member    its name in the ZIP
    archive   the ZIP that a person named, where `path` is one unpacked from it
    encoding  the codec of its text, None to find it
    """

    path: Path
    member: str = ""
    archive: Path | None = None
    encoding: str | None = None

    @property
    def name(self) -> str:
        """What a sentence calls it."""
        outer = shown(self.archive or self.path)
        return f"{outer} ({self.member})" if self.member else outer

    @property
    def file_name(self) -> str:
        """Its own name, without folders."""
        return (self.member or self.path.name).rpartition("/")[2]

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """Open it for reading. Raises FormatError for a damaged archive, OSError."""
        is_packed = bool(self.member)
        try:
            with self._packed() as (file, size):
                head = file.read(8)
                file.seek(0)
                opener = next((opener for magic, opener in _PACKED if head.startswith(magic)), None)
                if opener is None:
                    yield file
                    return
                is_packed = True
                with opener(file) as unpacked:
                    limited = _Limited(cast(IO[bytes], unpacked), size, self.name)
                    yield io.BufferedReader(limited, 1 << 16)  # type: ignore[type-var]
        except (*_DAMAGE, OSError) as error:
            if not is_packed or (isinstance(error, OSError) and error.errno is not None):
                raise
            raise DamagedFile(f"{self.name} is damaged: {error}.") from error

    @contextmanager
    def _packed(self) -> Iterator[tuple[IO[bytes], int]]:
        """Open it as it lies, with its size in bytes."""
        if not self.member or self.archive:
            with self.path.open("rb") as file:
                yield file, self.path.stat().st_size
            return
        with opened_zip(self.path) as archive, archive.open(self.member) as file:
            yield file, archive.getinfo(self.member).file_size

    def head(self, size: int = 1 << 16) -> bytes:
        """Return its first bytes."""
        with self.open() as file:
            return file.read(size)

    @contextmanager
    def open_text(self) -> Iterator[IO[bytes]]:
        """Open a text as UTF-8, whatever its encoding."""
        codec = text_codec(self)
        with self.open() as file:
            yield text_encoding.as_utf8(file, codec)

    def head_text(self, size: int = 1 << 16) -> str:
        """Return the beginning of a text, without a byte order mark."""
        with self.open_text() as file:
            return file.read(size).decode("utf-8", "ignore").removeprefix("\ufeff")


@lru_cache(64)
def text_codec(source: Source) -> str:
    """Return the name of the codec of a text: the one a person chose, or what it is found to be."""
    if source.encoding:
        return source.encoding
    with source.open() as file:
        return text_encoding.decide(file)


class _Limited(io.RawIOBase):
    """What comes out of a compressed file, up to what an honest one can hold."""

    def __init__(self, file: IO[bytes], packed_size: int, name: str) -> None:
        self._file, self._name = file, name
        self._left = max(_SMALL, _LARGEST_RATIO * packed_size)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        data = self._file.read(len(buffer))
        self._left -= len(data)
        if self._left < 0:
            raise DamagedFile(
                f"{self._name} is packed like a ZIP bomb. Unpack it and import the file."
            )
        buffer[: len(data)] = data
        return len(data)


@contextmanager
def opened_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a ZIP whose files may be read. Raises FormatError."""
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise FormatError(
            f"{shown(path)} is no whole ZIP file (it may be truncated): fetch it again."
        ) from error
    with archive:
        if len(archive.infolist()) > _MOST_MEMBERS:
            raise FormatError(f"{shown(path)} holds more than {_MOST_MEMBERS:,} files.")
        for member in archive.infolist():
            is_bomb = member.file_size > max(_SMALL, _LARGEST_RATIO * member.compress_size)
            if is_bomb or member.flag_bits & 1:
                reason = "encrypted" if member.flag_bits & 1 else "packed like a ZIP bomb"
                raise FormatError(
                    f"{shown(path)}: {member.filename} is {reason}. Unpack it and import the file."
                )
        yield archive


@contextmanager
def sources_in(path: Path, encoding: str | None = None) -> Iterator[list[Source]]:
    """Give the file itself, or the files in a ZIP and in the ZIPs in it, in its order.

    Raises FormatError for what cannot be unpacked, OSError.
    """
    if Source(path).head(4) != _ZIP:
        yield [Source(path, encoding=encoding)]
        return
    with tempfile.TemporaryDirectory(prefix="earshot-") as folder:
        yield list(_members(path, path, "", Path(folder), encoding, 1))


def _members(
    zip_path: Path, outer: Path, prefix: str, folder: Path, encoding: str | None, depth: int
) -> Iterator[Source]:
    with opened_zip(zip_path) as archive:
        for member in archive.infolist():
            if member.is_dir() or member.filename.startswith("__MACOSX/"):
                continue
            name = f"{prefix}{member.filename}"
            try:
                with archive.open(member) as file:
                    is_zip = depth < _DEEPEST and file.read(4) == _ZIP
            except _DAMAGE as error:
                raise DamagedFile(f"{shown(outer)} ({name}) is damaged: {error}.") from error
            if is_zip:
                inner = folder / f"{len(list(folder.iterdir()))}.zip"
                with archive.open(member) as packed, inner.open("wb") as unpacked:
                    shutil.copyfileobj(packed, unpacked)
                yield from _members(inner, outer, f"{name}/", folder, encoding, depth + 1)
            elif depth == 1:
                yield Source(zip_path, member.filename, encoding=encoding)
            else:
                yield _unpacked(archive, member, name, outer, folder, encoding)


def _unpacked(
    archive: zipfile.ZipFile,
    member: zipfile.ZipInfo,
    name: str,
    outer: Path,
    folder: Path,
    encoding: str | None,
) -> Source:
    """Unpack a file of an inner ZIP into a folder that is removed afterwards."""
    path = folder / f"{len(list(folder.iterdir()))}.unpacked"
    with archive.open(member) as packed, path.open("wb") as unpacked:
        shutil.copyfileobj(packed, unpacked)
    return Source(path, name, outer, encoding)


def require_listener(source: Source, listener: str) -> str:
    """Return the listener that a person named. Raises FormatError for none."""
    if not listener:
        raise FormatError(f"{source.name} does not say whose plays it holds: add --listener NAME.")
    return listener


def lines(file: IO[bytes]) -> Iterator[bytes | None]:
    """Give each line without its end, None for one that is longer than LONGEST_LINE.

    Lines end with LF, CR LF, or CR alone where the file has no LF in its first block.
    """
    first = file.readline(LONGEST_LINE + 1)
    if b"\r" in first.rstrip(b"\r\n"):
        yield from _lines_of_cr(first, file)
        return
    line = first.removeprefix(b"\xef\xbb\xbf")
    while line:
        if len(line) <= LONGEST_LINE:
            yield line.rstrip(b"\r\n")
        else:
            while line and not line.endswith(b"\n"):
                line = file.readline(LONGEST_LINE)
            yield None
        line = file.readline(LONGEST_LINE + 1)


def _lines_of_cr(first: bytes, file: IO[bytes]) -> Iterator[bytes | None]:
    """Give the lines of a file whose first line has CR within it."""
    rest = first.removeprefix(b"\xef\xbb\xbf")
    while rest:
        *whole, rest = rest.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        for line in whole:
            yield line if len(line) <= LONGEST_LINE else None
        more = file.read(LONGEST_LINE)
        if not more:
            yield rest if len(rest) <= LONGEST_LINE else None
            return
        rest = rest[: LONGEST_LINE + 1] + more


def text(file: IO[bytes]) -> io.TextIOWrapper:
    """Return UTF-8 text with or without a byte order mark; what is not UTF-8 becomes U+FFFD."""
    return io.TextIOWrapper(file, encoding="utf-8-sig", errors="replace", newline="")
