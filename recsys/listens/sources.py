"""Files of listening histories, opened with care: they may be broken, huge or hostile."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

from recsys.catalog.base import shown

LONGEST_LINE = 1 << 20  # bytes; a listen takes some hundred
_LARGEST_RATIO = 200  # of a packed file; histories reach about 20
_SMALL = 50 << 20  # bytes up to which a packed file may be anything


class FormatError(Exception):
    """A file is no listening history that can be read; the message says what was looked for."""


class BadLine(NamedTuple):
    """A line (or row, or entry) that holds no listen, and why, in a sentence."""

    line: int
    reason: str
    member: str = ""  # the file in a ZIP


@dataclass(frozen=True)
class Source:
    """A file of bytes, or one in a ZIP; `member` is its name there."""

    path: Path
    member: str = ""

    @property
    def name(self) -> str:
        """What a sentence calls it."""
        return f"{shown(self.path)} ({self.member})" if self.member else shown(self.path)

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """Open it for reading. Raises FormatError for a damaged ZIP, OSError."""
        if not self.member:
            with self.path.open("rb") as file:
                yield file
            return
        with opened_zip(self.path) as archive:
            try:
                with archive.open(self.member) as file:
                    yield file
            except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError) as error:
                raise FormatError(f"{self.name} is damaged: {error}.") from error

    def head(self, size: int = 1 << 16) -> bytes:
        """Return its first bytes."""
        with self.open() as file:
            return file.read(size)


@contextmanager
def opened_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a ZIP whose files may be read. Raises FormatError."""
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, ValueError) as error:
        raise FormatError(
            f"{shown(path)} is no whole ZIP file (it may be truncated): fetch it again."
        ) from error
    with archive:
        for member in archive.infolist():
            is_bomb = member.file_size > max(_SMALL, _LARGEST_RATIO * member.compress_size)
            if is_bomb or member.flag_bits & 1:
                reason = "encrypted" if member.flag_bits & 1 else "packed like a ZIP bomb"
                raise FormatError(
                    f"{shown(path)}: {member.filename} is {reason}. Unpack it and import the file."
                )
        yield archive


def members(path: Path) -> list[str]:
    """Return the names of the files in a ZIP, in its order. Raises FormatError."""
    with opened_zip(path) as archive:
        return [member.filename for member in archive.infolist() if not member.is_dir()]


def lines(file: IO[bytes]) -> Iterator[bytes | None]:
    """Give each line without its end, None for one that is longer than LONGEST_LINE."""
    first = True
    while line := file.readline(LONGEST_LINE + 1):
        if first:
            line = line.removeprefix(b"\xef\xbb\xbf")
            first = False
        if len(line) <= LONGEST_LINE:
            yield line.rstrip(b"\r\n")
            continue
        while line and not line.endswith(b"\n"):
            line = file.readline(LONGEST_LINE)
        yield None


def text(file: IO[bytes]) -> io.TextIOWrapper:
    """Return UTF-8 text with or without a byte order mark; what is not UTF-8 becomes U+FFFD."""
    return io.TextIOWrapper(file, encoding="utf-8-sig", errors="replace", newline="")
