"""Find albums in one file with a cue sheet: each of them is one track here."""

from __future__ import annotations

import re
from pathlib import Path

_LARGEST = 1 << 20  # bytes; cue sheets have a few thousand
_FILE = re.compile(rb"^\s*FILE\s", re.MULTILINE | re.IGNORECASE)
_TRACK = re.compile(rb"^\s*TRACK\s+\d+\s+AUDIO", re.MULTILINE | re.IGNORECASE)


def n_tracks_in_one_file(sheet: bytes) -> int:
    """Return how many tracks of one file a cue sheet describes, 0 where it names several files.

    >>> n_tracks_in_one_file(b'FILE "a.flac" WAVE\\n TRACK 01 AUDIO\\n TRACK 02 AUDIO\\n')
    2
    """
    sheet = sheet.replace(b"\0", b"").replace(b"\r", b"\n")  # UTF-16 as well
    n_files, n_tracks = len(_FILE.findall(sheet)), len(_TRACK.findall(sheet))
    return n_tracks if n_files <= 1 < n_tracks else 0


def cue_sentence(count: int, where: str) -> str:
    """Return a sentence about cue sheets beside or inside albums in one file."""
    albums = f"{count:,} albums in one file have" if count > 1 else "1 album in one file has"
    return (
        f"{albums} a cue sheet {where}: the whole file is one track here. "
        "Split it into files, for example with shnsplit or fre:ac, to have its tracks."
    )


def is_album_image(path: Path) -> bool:
    """Say whether a cue sheet describes several tracks in one file; False for an unreadable one."""
    try:
        with path.open("rb") as file:
            return n_tracks_in_one_file(file.read(_LARGEST)) > 1
    except OSError:
        return False
