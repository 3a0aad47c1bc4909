"""Disks that are full, read-only or slow, for `benchmarks.faults`; as root."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def disk(parent: Path, size: str) -> Iterator[Path]:
    """Mount a small disk."""
    folder = parent / "disk"
    folder.mkdir()
    mount("-t", "tmpfs", "-o", f"size={size}", "none", str(folder))
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        folder.rmdir()


def mount(*arguments: str) -> None:
    """Mount, as root."""
    subprocess.run(["mount", *arguments], check=True)


def fill_disk(folder: Path, but: int) -> None:
    """Fill a disk, but for so many bytes."""
    with (folder / "filled").open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    os.truncate(folder / "filled", max((folder / "filled").stat().st_size - but, 0))


@contextmanager
def slow(parent: Path) -> Iterator[Path | None]:
    """Mount a slow disk (`benchmarks.slow_disk`); None where that cannot be done."""
    folder, stored = parent / "slow", parent / "stored"
    folder.mkdir()
    stored.mkdir()
    command = [sys.executable, "-m", "benchmarks.slow_disk", str(stored), str(folder)]
    run = subprocess.Popen([*command, "--ms", "5", "--sync-ms", "100"], stderr=subprocess.DEVNULL)
    while run.poll() is None and not folder.is_mount():
        time.sleep(0.1)
    try:
        yield folder if run.poll() is None else None
    finally:
        if folder.is_mount():
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
        run.terminate()
        run.wait()
