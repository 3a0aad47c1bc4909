"""M3U8: a path a line, with names and lengths in comments."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from recsys.catalog import Track
from recsys.listens import text_encoding
from recsys.playlists.entries import (
    VLC_START,
    Entry,
    Playlist,
    check_length,
    paths_of_bytes,
    paths_of_location,
    paths_of_uri,
    relative,
    without_fragment,
)

_INFO = re.compile(r"\s*(-?\d+(?:\.\d+)?)?(?:\s+[\w-]+=\"[^\"]*\")*\s*,?\s*(.*)", re.DOTALL)
_URL = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]+://|[Ff][Ii][Ll][Ee]:/")
# A line that begins with "#" and ends like a file of music, and is no directive, is a path.
_NAMED_FILE = re.compile(
    rb"#(?!EXT|PLAYLIST:)[^\r\n]*\.(?:mp3|flac|ogg|oga|opus|m4a|m4b|mp4|aac|wav|aiff?|wma|ape|wv|mpc|tta|dsf"
    rb"|dff|mka|webm|alac|spx|mp2)\s*",
    re.IGNORECASE,
)


def m3u8(
    tracks: Iterable[Track], title: str = "", *, folder: Path | None = None, remark: str = ""
) -> bytes:
    """Write an extended M3U playlist, UTF-8 but for file names that are not.

    Paths are absolute, or relative to `folder`; players show nothing of the remark. A path
    with a line break, which a line cannot hold, is written as an absolute file URI.
    """

    def location(track: Track) -> bytes:
        path = os.fsencode(relative(track.path, folder))
        if b"\n" in path or b"\r" in path:
            return track.path.absolute().as_uri().encode()
        return b"./" + path if path[:1] in (b"#", b" ") or _URL.match(path) else path

    return _written(tracks, title, location, remark, with_places=True)


def m3u8_of_urls(
    tracks: Iterable[Track], title: str, url: Callable[[Track], str], *, remark: str = ""
) -> bytes:
    """Write an extended M3U playlist of URLs; players show nothing of the remark."""
    return _written(tracks, title, lambda track: url(track).encode(), remark)


def _written(
    tracks: Iterable[Track],
    title: str,
    location: Callable[[Track], bytes],
    remark: str = "",
    *,
    with_places: bool = False,
) -> bytes:
    """Write the lines; `with_places` those of parts of files in them, as VLC reads them."""
    lines = [b"#EXTM3U"]
    if title:
        lines.append(_text(f"#PLAYLIST:{title}"))
    if remark:
        lines.append(_text(f"# {remark}"))
    for track in tracks:
        seconds = -1 if track.duration is None else round(track.duration)
        lines.append(_text(f"#EXTINF:{seconds},{track.name}"))
        if with_places and track.part:
            lines.append(f"#EXTVLCOPT:start-time={track.begin:.3f}".encode())
            lines.append(f"#EXTVLCOPT:stop-time={track.end:.3f}".encode())
        lines.append(location(track))
    return b"\n".join(lines) + b"\n"


def _text(line: str) -> bytes:
    return " ".join(line.replace("\0", "").splitlines()).encode("utf-8", "replace")


def read_m3u(data: bytes, folder: Path, most: int = sys.maxsize) -> Playlist:
    """Read an M3U or M3U8 playlist, plain or extended, in any encoding.

    A #EXTINF is of the path that follows it, or of the one before where all of a file stand so.
    """
    codec = text_encoding.of_bytes(data)
    if codec != text_encoding.UTF_8 and codec.startswith("utf"):
        data, codec = data.decode(codec, "replace").encode(), text_encoding.UTF_8
    lines = data.removeprefix(b"\xef\xbb\xbf").replace(b"\r", b"\n").split(b"\n")
    lines = [line for line in lines if line.strip()]
    title, entries, described = "", [], Entry()
    follow = _infos_follow(lines)
    for line in lines:
        if _is_path(line):
            entries.append(_entry(line, folder, Entry() if follow else described, codec))
            check_length(entries, most)
            described = Entry()
            continue
        key, colon, value = _decoded(line, codec).partition(":")
        if key == "#PLAYLIST":
            title = value.strip()
        elif key == "#EXTINF" and colon:
            described = _named(value, Entry() if described.title else described)
        elif key == "#EXTALB":
            described = replace(described, album=value.strip())
        elif key == "#EXTART":
            described = replace(described, creator=value.strip())
        elif key == "#EXTVLCOPT" and (place := VLC_START.fullmatch(value)):
            described = replace(described, begin=float(place[1]))
        if follow and entries and key in ("#EXTINF", "#EXTALB", "#EXTART"):
            last = entries[-1]
            entries[-1] = replace(described, location=last.location, paths=last.paths)
    return Playlist(title, tuple(entries))


def _is_path(line: bytes) -> bool:
    return not line.startswith(b"#") or _NAMED_FILE.fullmatch(line) is not None


def _infos_follow(lines: list[bytes]) -> bool:
    """Say whether each #EXTINF of a file stands behind its path."""
    kinds = "".join(
        "i" if line.startswith(b"#EXTINF") else "p" if _is_path(line) else "" for line in lines
    )
    return re.fullmatch(r"(?:pi)+", kinds) is not None


def _decoded(line: bytes, codec: str) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("cp1252" if codec == text_encoding.UTF_8 else codec, "replace")


def _named(info: str, described: Entry) -> Entry:
    """Read "<seconds>,Artist - Title"; the comma may be missing."""
    found = _INFO.fullmatch(info)
    seconds, name = found.groups() if found else (None, info)
    creator, dash, title = name.strip().partition(" - ")
    if not dash:
        creator, title = "", creator
    duration = float(seconds) if seconds and float(seconds) > 0 else None
    creator = described.creator or creator.strip()
    return replace(described, title=title.strip(), creator=creator, duration=duration)


def _entry(line: bytes, folder: Path, described: Entry, codec: str) -> Entry:
    location = _decoded(line, codec)
    if _URL.match(line.strip()):
        paths = paths_of_uri(location, folder)
    else:
        paths = paths_of_bytes(line, folder, codec)
    stem, place = without_fragment(location)
    if place is not None:
        paths = (*paths_of_location(stem, folder), *paths)
        described = replace(described, begin=place)
    return replace(described, location=location, paths=paths)
