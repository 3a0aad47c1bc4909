"""The JSON API: search, tracks, what sounds like one, and its audio."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, request, send_file
from werkzeug.exceptions import BadRequest, Conflict, NotFound

from recsys.catalog import Track
from recsys.content import SimilarTracks
from recsys.serving import ServedHome
from recsys.similarity import shown

MAX_RESULTS = 200
MAX_QUERY = 500  # characters
_LARGEST_ID = 2**31 - 1
_MEDIA_TYPES = {
    ".flac": "audio/flac",
    ".m4a": "audio/mp4",
    ".mp3": "audio/mpeg",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".wav": "audio/wav",
}

api = Blueprint("api", __name__, url_prefix="/api/v1")


@api.get("/search")
def search() -> Response:
    """Find tracks by words."""
    words = request.args.get("q", "").strip()
    if not words or len(words) > MAX_QUERY:
        raise BadRequest(f'"q" takes 1 to {MAX_QUERY} characters.')
    found = _served().catalog.search(words, _number("limit", 10))
    return jsonify(tracks=[_as_json(track) for track in found])


@api.get("/tracks/<int:track_id>")
def track(track_id: int) -> Response:
    """Describe a track."""
    return jsonify(_as_json(_living(_served(), track_id)))


@api.get("/tracks/<int:track_id>/similar")
def similar(track_id: int) -> Response:
    """Name the tracks that sound like one, best first."""
    k = _number("k", 10)
    cap = _number("artist_cap", 1) if "artist_cap" in request.args else None
    served = _served()
    seed = _living(served, track_id)
    try:
        neighbours = served.of_track(seed, k, artist_cap=cap)
    except KeyError:
        reason = seed.error or "It is not in the index: run build_index.py again."
        raise Conflict(f"Track {track_id} cannot be compared. {reason}") from None
    return jsonify(
        tracks=[
            {
                **_as_json(n.track),
                "similarity": shown(n.similarity),
                "shared_tags": list(n.shared_tags),
            }
            for n in neighbours
        ]
    )


@api.get("/tracks/<int:track_id>/similar/<int:other_id>")
def reasons(track_id: int, other_id: int) -> Response:
    """Say why two tracks sound alike."""
    served = _served()
    one, other = _living(served, track_id), _living(served, other_id)
    try:
        found = served.reasons(served.heard(one), [other])[other.id]
    except KeyError as missing:
        raise Conflict(
            f"Track {missing.args[0]} cannot be compared: it is not analysed. "
            "Run build_index.py again."
        ) from None
    return jsonify(tracks=[_as_json(one), _as_json(other)], **found.as_json())


@api.get("/tracks/<int:track_id>/audio")
def audio(track_id: int) -> Response:
    """Send a track's file, whole or the ranges asked for (RFC 9110, section 14)."""
    path = _living(_served(), track_id).path
    if not _is_plain_file(path):
        raise NotFound(f"The file of track {track_id} is gone: run build_index.py again.")
    kind = _MEDIA_TYPES.get(path.suffix.lower(), "application/octet-stream")
    return send_file(path, mimetype=kind, conditional=True)


def _served() -> SimilarTracks:
    home: ServedHome = current_app.extensions["served_home"]
    return home.current()


def _living(served: SimilarTracks, track_id: int) -> Track:
    """Return a track whose file is in the library, or raise NotFound."""
    found = served.catalog.track(track_id) if track_id <= _LARGEST_ID else None
    if found is None or found.removed:
        raise NotFound(f"The library has no track {track_id}.")
    return found


def _is_plain_file(path: Path) -> bool:
    """Say whether a path leads to a file: no pipe or device put in its place, which may block."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False


def _number(name: str, default: int) -> int:
    """Return a parameter from 1 to MAX_RESULTS, or raise BadRequest."""
    text = request.args.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= MAX_RESULTS):
        raise BadRequest(f'"{name}" takes a whole number from 1 to {MAX_RESULTS}.')
    return int(text)


def _as_json(found: Track) -> dict[str, Any]:
    """Describe a track; where its file lies is nobody's business."""
    return {
        "id": found.id,
        "title": found.title,
        "artist": found.artist,
        "album": found.album,
        "duration": found.duration,
        "status": found.status,
    }
