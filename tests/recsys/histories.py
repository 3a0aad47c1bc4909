"""Listening histories as the services write them."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

MBID = "3c1a9ed0-1b1d-4f9c-8ab0-5d1f2f5a5d37"
OTHER_MBID = "9f2d7c1e-0b60-4b0e-9a44-0d9c7d1f6a11"
MSID = "0e2a7b64-6a55-4b0c-8c57-3f7f0a7ccf30"
START = 1_700_000_000


def listen(
    number: int, artist: str = "Ada", title: str = "Blue", **metadata: Any
) -> dict[str, Any]:
    """A listen of ListenBrainz, in the form of its export."""
    info = {"submission_client": "a player", **metadata.pop("info", {})}
    return {
        "listened_at": float(START + number),
        "inserted_at": START + number + 5.25,
        "track_metadata": {
            "artist_name": artist,
            "track_name": title,
            "release_name": "Colours",
            "recording_msid": MSID,
            "mbid_mapping": None,
            "additional_info": info,
            **metadata,
        },
    }


def json_lines(entries: Iterable[object]) -> bytes:
    return b"".join(json.dumps(entry).encode() + b"\n" for entry in entries)


def export(path: Path, months: dict[str, list[dict[str, Any]]], feedback: object = ()) -> Path:
    """A ListenBrainz export; months as in "2023/11"."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("user.json", '{"user_id": 7, "username": "ann"}\n')
        archive.writestr("feedback.jsonl", json_lines(feedback))  # type: ignore[arg-type]
        for month, listens in months.items():
            archive.writestr(f"listens/{month}.jsonl", json_lines(listens))
        archive.writestr("pinned_recording.jsonl", json_lines([{"blurb_content": "nice"}]))
    return path


def page(tracks: object, user: str = "rj") -> dict[str, Any]:
    """A page of Last.fm's user.getrecenttracks."""
    attributes = {"user": user, "page": "1", "totalPages": "1", "perPage": "200", "total": "1"}
    return {"recenttracks": {"track": tracks, "@attr": attributes}}


def scrobble(number: int, name: str = "Blue", **more: Any) -> dict[str, Any]:
    """A track of such a page."""
    return {
        "artist": {"mbid": "", "#text": "Ada"},
        "streamable": "0",
        "image": [{"size": "small", "#text": "https://img.example/1.png"}],
        "mbid": MBID,
        "album": {"mbid": "", "#text": "Colours"},
        "name": name,
        "url": "https://www.last.fm/music/Ada/_/Blue",
        "date": {"uts": str(START + number), "#text": "14 Nov 2023, 22:13"},
        **more,
    }
