"""Playlists out: M3U8."""

from __future__ import annotations

import os
from collections.abc import Iterable

from recsys.catalog import Track


def m3u8(tracks: Iterable[Track], title: str = "") -> bytes:
    """Write an extended M3U playlist of absolute paths, UTF-8 but for file names that are not.

    Tracks whose paths have line breaks are left out: the format has no way to write them.
    """
    lines = [b"#EXTM3U"]
    if title:
        lines.append(_text(f"#PLAYLIST:{title}"))
    for track in tracks:
        path = os.fsencode(track.path)
        if b"\n" in path or b"\r" in path:
            continue
        seconds = -1 if track.duration is None else round(track.duration)
        name = f"{track.artist} - {track.title}" if track.artist else track.title
        lines += [_text(f"#EXTINF:{seconds},{name}"), path]
    return b"\n".join(lines) + b"\n"


def _text(line: str) -> bytes:
    return " ".join(line.splitlines()).encode("utf-8", "replace")
