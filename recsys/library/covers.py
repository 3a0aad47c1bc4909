"""Read the cover picture of an audio file, or of its folder."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from mutagen.flac import FLAC, Picture
from mutagen.id3 import ID3
from mutagen.mp4 import MP4Tags

from recsys.library.written_tags import open_tagged

LARGEST = 16 << 20  # bytes
_NAMES = ("cover", "folder", "front", "albumart")  # of a folder's picture
_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif")
_BEGINNINGS = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF8", "image/gif"),
)


class Cover(NamedTuple):
    """A picture, and its media type by its content."""

    data: bytes
    media_type: str


def read_cover(path: Path) -> Cover | None:
    """Return the first picture of a file that is a JPEG, PNG, GIF or WebP; None without one.

    Never raises for a damaged file; the media type in its tags is ignored.
    """
    try:
        with path.open("rb") as file:
            pictures = list(_pictures(open_tagged(file)))
    except Exception:  # mutagen's parsers raise nearly everything
        return None
    for data in pictures:
        media_type = _media_type(data)
        if media_type and len(data) <= LARGEST:
            return Cover(data, media_type)
    return None


def read_folder_cover(folder: Path) -> Cover | None:
    """Return the picture that a folder has by name, such as cover.jpg; None without one."""
    try:
        files = {path.name.lower(): path for path in folder.iterdir()}
    except OSError:
        return None
    for name in (f"{name}{suffix}" for name in _NAMES for suffix in _SUFFIXES):
        path = files.get(name)
        try:
            if path is None or not path.is_file() or path.stat().st_size > LARGEST:
                continue
            data = path.read_bytes()
        except OSError:
            continue
        if media_type := _media_type(data):
            return Cover(data, media_type)
    return None


def _pictures(file: Any) -> Iterator[bytes]:
    tags: Any = None if file is None else file.tags
    is_flac, is_id3 = isinstance(file, FLAC), isinstance(tags, ID3)
    is_mp4 = isinstance(tags, MP4Tags)
    if is_flac:
        yield from (picture.data for picture in file.pictures)
    elif is_id3:
        yield from (frame.data for frame in tags.getall("APIC"))
    elif is_mp4:
        yield from map(bytes, tags.get("covr", []))
    elif tags is not None:  # Vorbis comments
        for text in tags.get("metadata_block_picture", []):
            picture: Any = Picture
            yield picture(base64.b64decode(text)).data


def _media_type(data: bytes) -> str | None:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for begin, kind in _BEGINNINGS if data.startswith(begin)), None)
