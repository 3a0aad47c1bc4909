"""A playlist kept as an M3U8 file in a folder, where other players find it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from index.storage import replacing
from recsys.catalog import Track
from recsys.catalog.base import shown
from recsys.playlists.m3u import m3u8

_LONGEST_NAME = 200  # bytes, of the 255 that file systems take
_HEAD = 4096  # bytes of a file in which its mark stands


class ExportRefused(Exception):
    """A playlist was not exported; the message says why and what to do."""


def export(tracks: Iterable[Track], title: str, folder: Path, mark: str, *, relative: bool) -> Path:
    """Write a playlist as `title`.m3u8 in a folder, whole or not at all, and return its path.

    It holds `mark` as a comment, by which the next export knows it: a file that is there already
    and has another mark or none is left alone. Raises ExportRefused.
    """
    path = folder / file_name(title)
    if path.is_symlink() or (path.exists() and not has_mark(path, mark)):
        raise ExportRefused(
            f"{shown(path)} is there already, and is not this playlist's: it was left as it is. "
            "Rename the playlist, or export it to another folder."
        )
    data = m3u8(tracks, title, folder=folder if relative else None, remark=mark)
    try:
        with replacing(path) as file:
            file.write(data)
    except OSError as error:
        raise ExportRefused(
            f"{shown(path)} could not be written: {error.strerror}. The last export stays."
        ) from error
    return path


def remove_export(path: Path, mark: str) -> None:
    """Delete an export that has the mark; anything else is left alone."""
    if not path.is_symlink() and has_mark(path, mark):
        with suppress(OSError):
            path.unlink()


def has_mark(path: Path, mark: str) -> bool:
    """Say whether a file is an export with the mark."""
    try:
        with path.open("rb") as file:
            return f"# {mark}".encode() in file.read(_HEAD).splitlines()
    except OSError:
        return False


def file_name(title: str) -> str:
    """Return a playlist's name as one of a file that every file system takes.

    >>> file_name("AC/DC: live?"), file_name("..")
    ('AC_DC_ live_.m3u8', '_.m3u8')
    """
    name = re.sub(r'[\x00-\x1f<>:"/\\|?*]', "_", title).strip(" ")
    name = re.sub(r"^\.+|\.+$", "_", name) or "_"
    return os.fsencode(name)[:_LONGEST_NAME].decode("utf-8", "ignore") + ".m3u8"
