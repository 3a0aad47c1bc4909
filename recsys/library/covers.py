"""Read the cover picture of an audio file, or of its folder, and make it smaller."""

from __future__ import annotations

import base64
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator
from fractions import Fraction
from hashlib import blake2b
from io import BytesIO
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
_DISC = re.compile(r"(?i)(cd|dis[ck]|disque|vinyl|lp)[ _.-]*\d{1,2}\b.*")  # a folder in an album's
_MOST_PIXELS = 25_000_000  # that are decoded: 5,000 a side
_QUANTIZER = 4  # of a JPEG, from 2, the best, to 31


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
    """Return the picture that a folder has by name, such as cover.jpg; None without one.

    A folder of one disc, such as "CD 2", has that of the folder around it where it has none.
    """
    found = _picture_of(folder)
    is_disc = found is None and _DISC.fullmatch(folder.name)
    return _picture_of(folder.parent) if is_disc else found


def _picture_of(folder: Path) -> Cover | None:
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


class SmallCovers:
    """Makes pictures smaller, and keeps the last ones in memory. Safe to share between threads."""

    def __init__(self, most_bytes: int = 32 << 20) -> None:
        self._most_bytes, self._n_bytes = most_bytes, 0
        self._lock = threading.Lock()
        self._made: OrderedDict[tuple[bytes, int], Cover] = OrderedDict()

    def of(self, picture: Cover, edge: int) -> Cover:
        """Return a picture of at most `edge` pixels a side, as `smaller` does."""
        key = blake2b(picture.data, digest_size=16).digest(), edge
        with self._lock:
            if (known := self._made.get(key)) is not None:
                self._made.move_to_end(key)
                return known
        made = smaller(picture, edge)
        if made is picture:
            return picture
        with self._lock:
            if key not in self._made:
                self._made[key] = made
                self._n_bytes += len(made.data)
            while self._n_bytes > self._most_bytes:
                self._n_bytes -= len(self._made.popitem(last=False)[1].data)
        return made


def smaller(picture: Cover, edge: int) -> Cover:
    """Return a picture as a JPEG whose longer side has `edge` pixels.

    One that is no larger, or cannot be decoded, is returned as it is.
    """
    import av  # noqa: PLC0415 - a server of covers that are small enough does without

    try:
        with av.open(BytesIO(picture.data), "r") as container:
            stream = container.streams.video[0]
            width, height = stream.width, stream.height
            longer = max(width, height)
            if longer <= edge or width * height > _MOST_PIXELS:
                return picture
            frame = next(container.decode(stream))
        width, height = (max(1, round(side * edge / longer)) for side in (width, height))
        small = frame.reformat(
            width, height, "yuvj420p", dst_color_range="JPEG", interpolation="AREA"
        )
        encoder = av.VideoCodecContext.create("mjpeg", "w")
        encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuvj420p"
        encoder.time_base = Fraction(1, 1)
        encoder.options = {"qmin": str(_QUANTIZER), "qmax": str(_QUANTIZER)}
        data = b"".join(bytes(packet) for packet in (*encoder.encode(small), *encoder.encode(None)))
    except (av.FFmpegError, IndexError, StopIteration, ValueError):
        return picture
    return Cover(data, "image/jpeg")
