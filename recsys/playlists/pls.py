"""PLS, and the old form of ASX: keys and values, the tracks by number."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from recsys.listens.values import seconds
from recsys.playlists.entries import Entry, Playlist, check_length, paths_of_location

_LINE = re.compile(r"\s*(File|Ref|Title|Length)(\d{1,9})\s*=(.*)", re.IGNORECASE)
_NAME = re.compile(r"\s*(?:X-GNOME-Title|Playlist|PlaylistName)\s*=(.*)", re.IGNORECASE)


def read_pls(text: str, folder: Path, most: int = sys.maxsize) -> Playlist:
    """Read a PLS playlist, its tracks in the order of their numbers."""
    title = ""
    values: dict[int, dict[str, str]] = {}
    for line in text.splitlines():
        if found := _LINE.fullmatch(line):
            values.setdefault(int(found[2]), {})[found[1].lower()] = found[3].strip()
        elif named := _NAME.fullmatch(line):
            title = named[1].strip()
    check_length(values, most)
    entries = []
    for _, entry in sorted(values.items()):
        if location := entry.get("file") or entry.get("ref"):
            creator, dash, name = entry.get("title", "").partition(" - ")
            entries.append(
                Entry(
                    location=location,
                    paths=paths_of_location(location, folder),
                    title=(name if dash else creator).strip(),
                    creator=creator.strip() if dash else "",
                    duration=seconds(entry.get("length")),
                )
            )
    return Playlist(title, tuple(entries))
