"""M3U8: a path a line, with names and lengths in comments."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from recsys.catalog import Track
from recsys.playlists.entries import Entry, Playlist, paths_of_bytes, paths_of_uri, relative

_INFO = re.compile(r"\s*(-?\d+(?:\.\d+)?)?(?:\s+[\w-]+=\"[^\"]*\")*\s*,?\s*(.*)", re.DOTALL)
_URL = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]+://")


def m3u8(tracks: Iterable[Track], title: str = "", *, folder: Path | None = None) -> bytes:
    """Write an extended M3U playlist, UTF-8 but for file names that are not.

    Paths are absolute, or seen from `folder`. Tracks whose paths have line breaks are left out: the
    format has no way to write them.
    """
    lines = [b"#EXTM3U"]
    if title:
        lines.append(_text(f"#PLAYLIST:{title}"))
    for track in tracks:
        path = os.fsencode(relative(track.path, folder))
        if b"\n" in path or b"\r" in path:
            continue
        if path[:1] in (b"#", b" ") or _URL.match(path):
            path = b"./" + path
        seconds = -1 if track.duration is None else round(track.duration)
        name = f"{track.artist} - {track.title}" if track.artist else track.title
        lines += [_text(f"#EXTINF:{seconds},{name}"), path]
    return b"\n".join(lines) + b"\n"


def _text(line: str) -> bytes:
    return " ".join(line.replace("\0", "").splitlines()).encode("utf-8", "replace")


def read_m3u(data: bytes, folder: Path) -> Playlist:
    """Read an M3U or M3U8 playlist, plain or extended, in UTF-8 or Latin-1."""
    title, entries, known = "", [], Entry()
    for line in data.removeprefix(b"\xef\xbb\xbf").replace(b"\r", b"\n").split(b"\n"):
        if not line.strip():
            continue
        if not line.startswith(b"#"):
            entries.append(_entry(line, folder, known))
            known = Entry()
            continue
        key, colon, value = _decoded(line).partition(":")
        if key == "#PLAYLIST":
            title = value.strip()
        elif key == "#EXTINF" and colon:
            known = _named(value, known)
        elif key == "#EXTALB":
            known = Entry(**vars(known) | {"album": value.strip()})
        elif key == "#EXTART":
            known = Entry(**vars(known) | {"creator": value.strip()})
    return Playlist(title, tuple(entries))


def _decoded(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("cp1252", "replace")


def _named(info: str, known: Entry) -> Entry:
    """Read "<seconds>,Artist - Title"; the comma may be missing."""
    found = _INFO.fullmatch(info)
    seconds, name = found.groups() if found else (None, info)
    creator, dash, title = name.strip().partition(" - ")
    if not dash:
        creator, title = "", creator
    duration = float(seconds) if seconds and float(seconds) > 0 else None
    creator = known.creator or creator.strip()
    return Entry(title=title.strip(), creator=creator, album=known.album, duration=duration)


def _entry(line: bytes, folder: Path, known: Entry) -> Entry:
    location = _decoded(line)
    paths = (
        paths_of_uri(location, folder) if _URL.match(line.strip()) else paths_of_bytes(line, folder)
    )
    return Entry(**vars(known) | {"location": location, "paths": paths})
