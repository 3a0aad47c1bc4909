"""Playlists in, whatever their format."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from recsys.catalog.base import shown
from recsys.listens import text_encoding, unread
from recsys.playlists.entries import Playlist, PlaylistError
from recsys.playlists.jspf import read_jspf
from recsys.playlists.m3u import read_m3u
from recsys.playlists.markup import read_markup
from recsys.playlists.pls import read_pls
from recsys.playlists.xspf import read_xspf

LARGEST = 64 << 20  # bytes
_MARKUP = re.compile(r"<\s*(?:asx|smil|\?wpl)\b", re.IGNORECASE)
_PLS = re.compile(r"\s*\[(?:playlist|reference)\]", re.IGNORECASE)
_HEAD = 4096
# What may name a file or a stream: it ends with a suffix, or begins with a scheme.
_LOCATION = re.compile(r"\.[A-Za-z0-9]{2,4}(?:#t=.*)?$|^[A-Za-z][\w+.-]+:\S")
_SHOWN = 40  # characters of a line


def parse(data: bytes, folder: Path, most: int = sys.maxsize) -> Playlist:
    """Read a playlist, recognised by its beginning; relative paths are relative to `folder`.

    Raises PlaylistError, also for one of more than `most` entries, without reading on.
    """
    codec = text_encoding.of_bytes(data[:_HEAD])
    head = data[:_HEAD].decode(codec, "replace").removeprefix("\ufeff").lstrip()
    if "\0" in head:
        raise PlaylistError("It is no text, and so no M3U8, XSPF, JSPF, PLS, WPL or ASX playlist.")
    if _MARKUP.search(head) and head.startswith("<"):
        return read_markup(_text(data), folder, most)
    found = unread.of_text(head)
    if found and not found.is_playlist:
        raise PlaylistError(f"It is {found.what}, and no playlist that is read.")
    if head.startswith("<"):
        return read_xspf(data, folder, most)
    if head.startswith("{"):
        return read_jspf(_text(data).encode(), folder, most)
    if _PLS.match(head):
        return read_pls(_text(data), folder, most)
    return _plain(read_m3u(data, folder, most), head)


def _plain(playlist: Playlist, head: str) -> Playlist:
    """Return a playlist of lines. Raises PlaylistError where none of them can name a file."""
    lines = [entry.location.strip() for entry in playlist.entries]
    is_table = bool(lines) and lines[0].count("\t") > 1
    if not lines or "#EXT" in head or (not is_table and any(map(_LOCATION.search, lines))):
        return playlist
    raise PlaylistError(
        "It is a text whose lines are no paths of music, such as "
        f"{lines[0][:_SHOWN]!r}. Export the playlist as M3U8 or XSPF."
    )


def _text(data: bytes) -> str:
    """Return the text of a file, in the encoding found for the whole of it."""
    return data.decode(text_encoding.of_bytes(data), "replace").removeprefix("\ufeff")


def read_playlist(path: Path) -> Playlist:
    """Read the playlist of a file. Raises PlaylistError, which names it, and OSError."""
    try:
        if path.stat().st_size > LARGEST:
            raise PlaylistError(f"It is larger than {LARGEST >> 20} MiB.")
        return parse(path.read_bytes(), path.absolute().parent)
    except PlaylistError as error:
        raise PlaylistError(f"{shown(path)} cannot be read as a playlist. {error}") from error
