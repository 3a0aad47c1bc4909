"""What a playlist holds, whatever its format."""

from __future__ import annotations

import os
import re
from collections.abc import Sized
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from urllib.parse import quote, unquote_to_bytes

from recsys.catalog import Track

RECORDING = "https://musicbrainz.org/recording/"
VLC_START = re.compile(r"\s*:?start-time=(\d{1,9}(?:\.\d{1,9})?)\s*")  # as VLC's options say
_DRIVE = re.compile(r"[A-Za-z]:/?(?=[^/])")
_FRAGMENT = re.compile(
    r"(?P<uri>.+)#t=(?:npt:)?(?:(?:(?P<h>\d{1,3}):)?(?P<m>\d{1,4}):)?(?P<s>\d{1,9}(?:\.\d{1,9})?)"
    r"(?:,[\d:.]*)?",
    re.DOTALL,
)
_FILE = re.compile(r"\s*file:/", re.IGNORECASE)
_PERCENT = re.compile(rb"%[0-9A-Fa-f]{2}")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:(?=//|/|[a-z])")  # a drive letter is none


class PlaylistError(ValueError):
    """A file is no playlist that can be read; the message says why."""


def check_length(entries: Sized, most: int) -> None:
    """Raise PlaylistError where there are more entries than are wanted."""
    if len(entries) > most:
        raise PlaylistError(f"It has more than {most:,} entries.")


@dataclass(frozen=True)
class Entry:
    """A track as a playlist names it.

    location  as it is written: a path or a URL
    paths     where the file may be, most likely first: one way to read the location, or several
    """

    location: str = ""
    paths: tuple[Path, ...] = ()
    title: str = ""
    creator: str = ""
    album: str = ""
    duration: float | None = None  # seconds
    mbid: str | None = None  # of the recording
    begin: float | None = None  # seconds into the file, of a part of it


@dataclass(frozen=True)
class Playlist:
    """A title and the entries in their order."""

    title: str = ""
    entries: tuple[Entry, ...] = ()


def relative(path: Path, folder: Path | None) -> Path:
    """Return a path as seen from a folder, or itself where there is no folder or no way."""
    if folder is None:
        return path
    try:
        return Path(os.path.relpath(path, folder))
    except ValueError:  # on another drive
        return path


def as_uri(path: Path, folder: Path | None) -> str:
    """Return the URI of a path, a relative one where there is a folder."""
    seen = relative(path, folder)
    if seen.is_absolute():
        return seen.as_uri()
    reference = quote(os.fsencode(seen.as_posix()))
    return f"./{reference}" if ":" in reference.partition("/")[0] else reference


def track_uri(track: Track, folder: Path | None) -> str:
    """Return the URI of a track's file, with a media fragment (W3C, 2012) for a part of it."""
    uri = as_uri(track.path, folder)
    if not track.part:
        return uri
    return f"{uri}#t={track.begin:.3f},{track.end:.3f}"


def without_fragment(uri: str) -> tuple[str, float | None]:
    """Return a URI without its media fragment, and the second where that begins.

    >>> without_fragment("album.flac#t=1:02.5,75"), without_fragment("a#t=b.flac")
    (('album.flac', 62.5), ('a#t=b.flac', None))
    """
    found = _FRAGMENT.fullmatch(uri.strip())
    if found is None:
        return uri, None
    hours, minutes, seconds = (float(found[name] or 0) for name in ("h", "m", "s"))
    return found["uri"], 3600 * hours + 60 * minutes + seconds


def paths_of_uri(uri: str, folder: Path) -> tuple[Path, ...]:
    """Return where a URI, or what should be one but is a path, leads; nothing for the web's.

    >>> [str(path) for path in paths_of_uri("file:///music/a%20b.mp3", Path("/lists"))]
    ['/music/a b.mp3']
    """
    uri = uri.strip()
    if uri.lower().startswith("file:"):
        rest = uri[5:]
        if rest.startswith("//"):
            _, slash, rest = rest[2:].partition("/")
            rest = slash + rest
        if re.match(r"/[A-Za-z]:[/\\]", rest):
            rest = rest[1:]
        return paths_of_bytes(unquote_to_bytes(rest.encode("utf-8", "replace")), folder)
    if not uri or (_SCHEME.match(uri) and "://" in uri):
        return ()
    decoded = paths_of_bytes(unquote_to_bytes(uri.encode("utf-8", "replace")), folder)
    literal = paths_of_bytes(uri.encode("utf-8", "replace"), folder)
    return tuple(dict.fromkeys(decoded + literal))


def paths_of_location(location: str, folder: Path) -> tuple[Path, ...]:
    """Return where a location leads that may be a path of any system or a URI."""
    if _SCHEME.match(location.strip()) and ("://" in location or _FILE.match(location)):
        return paths_of_uri(location, folder)
    return paths_of_bytes(location.encode("utf-8", "replace"), folder)


def paths_of_bytes(path: bytes, folder: Path, codec: str = "utf-8") -> tuple[Path, ...]:
    """Return where a path leads: as it is, in the codec of its file, percent-decoded.

    Separators and drive letters may be of any system.
    """
    path = path.replace(b"\0", b"")
    readings = [os.fsdecode(path)]
    try:
        path.decode()
    except UnicodeDecodeError:
        codec = "cp1252" if codec == "utf-8" else codec
        readings.append(path.decode(codec, "replace"))
    if _PERCENT.search(path):
        readings.append(os.fsdecode(unquote_to_bytes(path).replace(b"\0", b"")))
    found: list[Path] = []
    for text in readings:
        ways = [text, text.strip()]
        if "\\" in text or _DRIVE.match(text):
            ways.append(_DRIVE.sub("/", PureWindowsPath(text.strip()).as_posix()))
        found += [Path(os.path.normpath(folder / way)) for way in ways if way]
    return tuple(dict.fromkeys(found))
