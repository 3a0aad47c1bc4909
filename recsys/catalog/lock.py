"""A lock file that allows one build at a time on a home; it is released when the process dies."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from recsys.catalog.base import shown
from recsys.catalog.database import CatalogError, unwritable

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        """Lock a byte far behind the text, which others may read meanwhile."""
        os.lseek(descriptor, 1 << 20, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        os.lseek(descriptor, 0, os.SEEK_SET)
else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


LOCK_NAME = "build.lock"


class BuildRunning(CatalogError):
    """Another build holds the home; the message names its process."""

    @classmethod
    def on(cls, home: Path, process: object) -> BuildRunning:
        """Return the error for a home, given the id of the other process, or nothing."""
        named = f" (process {process})" if process else ""
        return cls(
            f"Another build is running on {shown(home)}{named}. Wait for it, or stop it first."
        )


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock file `path` for this process alone. Raises BuildRunning, CatalogError."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise unwritable(
            error, f"The lock file {shown(path)} cannot be opened: {error.strerror}."
        ) from error
    _descriptors.add(descriptor)
    try:
        try:
            _lock(descriptor)
        except (BlockingIOError, PermissionError) as error:
            holder = os.read(descriptor, 20).decode("ascii", "replace").strip()
            raise BuildRunning.on(path.parent, holder) from error
        except OSError as error:
            raise CatalogError(
                f"{shown(path)} cannot be locked: {error.strerror}. Choose a home on a local disk."
            ) from error
        with suppress(OSError):  # a full disk: the lock holds without a name in it
            os.ftruncate(descriptor, 0)
            os.write(descriptor, str(os.getpid()).encode())
        yield
    finally:
        _descriptors.discard(descriptor)
        os.close(descriptor)


# A forked child shares its parent's lock, and would keep it when the parent is killed.
_descriptors: set[int] = set()


def _release_in_child() -> None:
    for descriptor in _descriptors:
        os.close(descriptor)
    _descriptors.clear()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_release_in_child)
