"""Playlists in, whatever their format."""

from __future__ import annotations

from pathlib import Path

from recsys.catalog.base import shown
from recsys.playlists.entries import Playlist, PlaylistError
from recsys.playlists.jspf import read_jspf
from recsys.playlists.m3u import read_m3u
from recsys.playlists.xspf import read_xspf

LARGEST = 64 << 20  # bytes


def parse(data: bytes, folder: Path) -> Playlist:
    """Read a playlist, its format told by its beginning; relative paths are seen from `folder`.

    Raises PlaylistError.
    """
    begin = data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if begin == b"<" or data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return read_xspf(data, folder)
    if begin == b"{":
        return read_jspf(data, folder)
    if b"\0" in data[:4096]:
        raise PlaylistError("It is no text, and so no M3U8, XSPF or JSPF playlist.")
    return read_m3u(data, folder)


def read_playlist(path: Path) -> Playlist:
    """Read the playlist of a file. Raises PlaylistError, which names it, and OSError."""
    try:
        if path.stat().st_size > LARGEST:
            raise PlaylistError(f"It is larger than {LARGEST >> 20} MiB.")
        return parse(path.read_bytes(), path.absolute().parent)
    except PlaylistError as error:
        raise PlaylistError(f"{shown(path)} cannot be read as a playlist. {error}") from error
