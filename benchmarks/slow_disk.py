"""A slow disk: a file system by FUSE that passes everything on to a folder after a delay.

    python -m benchmarks.slow_disk FOLDER MOUNTPOINT [--ms 20] [--sync-ms 200]

Each read, write and look at a name waits for a random time, exponentially distributed around
`--ms`; each sync for one around `--sync-ms`, as on a disk that others use or one beyond a network.
Needs mfusepy (pip install mfusepy), FUSE's library (Debian: libfuse2) and the right to mount. It
ends when it is unmounted.
"""

# Methods are FUSE's, and pass on to the system calls of their names.
# ruff: noqa: D102, PTH101, PTH102, PTH104, PTH106, PTH108, PTH115, PTH208, PTH211
from __future__ import annotations

import argparse
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mfusepy


class SlowDisk(mfusepy.Operations):  # type: ignore[misc]
    """Passes what the kernel asks on to `root`."""

    use_ns = True

    def __init__(self, root: Path, seconds: float, sync_seconds: float) -> None:
        self._root = str(root)
        self._seconds, self._sync_seconds = seconds, sync_seconds
        self._rng = random.Random(0)

    def _at(self, path: str) -> str:
        self._wait(self._seconds)
        return self._root + path

    def _wait(self, seconds: float) -> None:
        time.sleep(min(self._rng.expovariate(1 / seconds), 20 * seconds) if seconds else 0.0)

    def access(self, path: str, amode: int) -> int:
        return 0 if os.access(self._at(path), amode) else -1

    def chmod(self, path: str, mode: int) -> int:
        os.chmod(self._at(path), mode)
        return 0

    def chown(self, path: str, uid: int, gid: int) -> int:
        os.chown(self._at(path), uid, gid)
        return 0

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        found = os.lstat(self._at(path))
        names = ("st_mode", "st_nlink", "st_uid", "st_gid", "st_size", "st_ino")
        values: dict[str, Any] = {name: getattr(found, name) for name in names}
        for name in ("st_atime", "st_mtime", "st_ctime"):
            values[name] = getattr(found, f"{name}_ns")
        return values

    def readdir(self, path: str, fh: int) -> Iterator[str]:
        yield from (".", "..", *os.listdir(self._at(path)))

    def readlink(self, path: str) -> str:
        return os.readlink(self._at(path))

    def mkdir(self, path: str, mode: int) -> int:
        os.mkdir(self._at(path), mode)
        return 0

    def rmdir(self, path: str) -> int:
        os.rmdir(self._at(path))
        return 0

    def unlink(self, path: str) -> int:
        os.unlink(self._at(path))
        return 0

    def symlink(self, target: str, source: str) -> int:
        os.symlink(source, self._at(target))
        return 0

    def rename(self, old: str, new: str) -> int:
        os.rename(self._at(old), self._root + new)
        return 0

    def statfs(self, path: str) -> dict[str, Any]:
        found = os.statvfs(self._root)
        names = ("f_bsize", "f_frsize", "f_blocks", "f_bfree", "f_bavail", "f_files", "f_ffree")
        return {name: getattr(found, name) for name in names}

    def utimens(self, path: str, times: tuple[int, int]) -> int:
        os.utime(self._at(path), ns=times)
        return 0

    def open(self, path: str, flags: int) -> int:
        return os.open(self._at(path), flags)

    def create(self, path: str, mode: int, fi: Any = None) -> int:
        return os.open(self._at(path), os.O_RDWR | os.O_CREAT, mode)

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        self._wait(self._seconds)
        return os.pread(fh, size, offset)

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        self._wait(self._seconds)
        return os.pwrite(fh, data, offset)

    def truncate(self, path: str, length: int, fh: int | None = None) -> int:
        os.truncate(self._at(path), length)
        return 0

    def fsync(self, path: str, datasync: int, fh: int) -> int:
        self._wait(self._sync_seconds)
        os.fsync(fh)
        return 0

    def release(self, path: str, fh: int) -> int:
        os.close(fh)
        return 0


def main() -> None:
    """Mount, and answer the kernel until it is unmounted."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("mountpoint", type=Path)
    parser.add_argument("--ms", type=float, default=20.0)
    parser.add_argument("--sync-ms", type=float, default=200.0)
    args = parser.parse_args()
    operations = SlowDisk(args.folder.resolve(), args.ms / 1000, args.sync_ms / 1000)
    mfusepy.FUSE(operations, str(args.mountpoint), foreground=True)


if __name__ == "__main__":
    main()
