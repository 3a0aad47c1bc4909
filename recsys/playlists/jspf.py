"""JSPF: XSPF as JSON, in the form ListenBrainz writes and reads."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from recsys.catalog import Track
from recsys.playlists.entries import RECORDING, Playlist, PlaylistError, check_length, track_uri
from recsys.playlists.xspf import entry


def jspf(tracks: Iterable[Track], title: str = "", *, folder: Path | None = None) -> bytes:
    """Write a JSPF playlist of absolute file URIs, or of relative ones seen from `folder`."""
    playlist = {"title": title, "track": [_track(track, folder) for track in tracks]}
    return json.dumps({"playlist": playlist}, indent=2).encode() + b"\n"


def _track(track: Track, folder: Path | None) -> dict[str, object]:
    written: dict[str, object] = {"location": [track_uri(track, folder)], "title": track.title}
    if track.recording_mbid:
        written["identifier"] = [RECORDING + track.recording_mbid]
    if track.artist:
        written["creator"] = track.artist
    if track.album:
        written["album"] = track.album
    if track.duration is not None:
        written["duration"] = round(1000 * track.duration)
    return written


def read_jspf(data: bytes, folder: Path, most: int = sys.maxsize) -> Playlist:
    """Read a JSPF playlist; identifiers and locations may be lists or single texts.

    Raises PlaylistError for what is none.
    """
    try:
        document = json.loads(data.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError) as error:
        raise PlaylistError("It is no JSON in UTF-8.") from error
    playlist = document.get("playlist") if isinstance(document, dict) else None
    playlist = playlist if isinstance(playlist, dict) else {"track": None}
    tracks = playlist.get("track", [])
    if not isinstance(tracks, list):
        raise PlaylistError('It is JSON, but no JSPF: it has no "playlist" with a list "track".')
    check_length(tracks, most)
    return Playlist(
        "".join(_texts(playlist.get("title"))),
        tuple(
            entry({key: _texts(value) for key, value in track.items()}, folder)
            for track in tracks
            if isinstance(track, dict)
        ),
    )


def _texts(value: Any) -> list[str]:
    """Return a text, a number or a list of them as texts."""
    if isinstance(value, list):
        return [text for item in value if not isinstance(item, list) for text in _texts(item)]
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        return [str(value)]
    return []
