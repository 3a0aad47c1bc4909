"""Copies of files of numbers that the processes of one server share.

An index, or a listening model, is copied into memory rather than mapped, as its file may be
overwritten in place. Several processes share one such copy: a file in a folder that nobody else
writes to, in memory where the system has such folders (Linux's /dev/shm). The folder is removed
with the process that made it.
Where it has no room, each process has a copy of its own.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

_IN_MEMORY = Path("/dev/shm")
_PREFIX = "earshot-"
_LOCK = "lock"
_PIECE = 16 << 20  # bytes read and digested at once


@contextmanager
def shared_folder() -> Iterator[Path | None]:
    """Make a folder for shared copies; None where there is no place for it, and on Windows.

    Folders of servers that were killed are removed.
    """
    if sys.platform == "win32":
        yield None
        return
    parent = _IN_MEMORY if os.access(_IN_MEMORY, os.W_OK) else Path(tempfile.gettempdir())
    for other in parent.glob(f"{_PREFIX}*"):
        _remove_abandoned(other)
    try:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    except OSError:
        yield None
        return
    try:
        with _locked(folder / "owner", wait=True):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def copy(
    file: BinaryIO, sha256: str, folder: Path | None, kind: str = "index"
) -> tuple[mmap.mmap, str]:
    """Return what follows in a file as memory of no file that others write, and its SHA-256.

    With a `folder`, as the copy there whose SHA-256 it should have, made where there is none; it
    takes the place of others of its kind.
    """
    if folder is not None and sys.platform != "win32":
        with suppress(OSError):  # no room, or no folder any more
            if (shared := _shared(file, sha256, folder, kind)) is not None:
                return shared, sha256
    size = os.fstat(file.fileno()).st_size - file.tell()
    own = mmap.mmap(-1, max(size, 1))
    with memoryview(own) as view:
        return own, _read_into(file, view[:size])


def _shared(file: BinaryIO, sha256: str, folder: Path, kind: str) -> mmap.mmap | None:
    """Map the copy of a content; None where the file has another content, or nothing."""
    if not os.fstat(file.fileno()).st_size:
        return None  # nothing can be mapped
    path, begin = folder / f"{kind}-{sha256}", file.tell()
    with _locked(folder / _LOCK, wait=True):
        if not path.exists():
            unfinished = folder / "unfinished"
            try:
                with unfinished.open("wb") as out:
                    digest = hashlib.sha256()
                    while piece := file.read(_PIECE):
                        digest.update(piece)
                        out.write(piece)
                if digest.hexdigest() != sha256:
                    return None
                for old in folder.glob(f"{kind}-*"):  # which stay as long as they are mapped
                    old.unlink()
                unfinished.replace(path)
            finally:
                unfinished.unlink(missing_ok=True)
                file.seek(begin)
        with path.open("rb") as made:
            return mmap.mmap(made.fileno(), 0, access=mmap.ACCESS_READ)


def _read_into(file: BinaryIO, view: memoryview) -> str:
    """Fill a view from a file; return the SHA-256 of what was read."""
    digest, at = hashlib.sha256(), 0
    while n := file.readinto(view[at : at + _PIECE]):  # type: ignore[attr-defined]
        digest.update(view[at : at + n])
        at += n
    return digest.hexdigest()


def _remove_abandoned(folder: Path) -> None:
    """Remove the folder of a server that is no more: nobody holds its lock."""
    with suppress(OSError), _locked(folder / "owner", wait=False, create=False):
        shutil.rmtree(folder)


@contextmanager
def _locked(path: Path, *, wait: bool, create: bool = True) -> Iterator[None]:
    """Hold a lock file. Raises OSError where it is held and not waited for."""
    import fcntl  # noqa: PLC0415 - where there is none

    descriptor = os.open(path, os.O_RDWR | (os.O_CREAT if create else 0), 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(descriptor)
