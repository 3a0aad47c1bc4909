"""The files themselves: sound as it is or transcoded, and covers."""

from __future__ import annotations

import itertools
import stat
from collections.abc import Generator
from pathlib import Path
from typing import Protocol

from flask import Blueprint, Response, current_app, request, send_file
from werkzeug.exceptions import BadRequest, NotFound, UnsupportedMediaType

from recsys.covers import read_cover
from webui.api import current, living

MAX_START = 100_000.0  # seconds
_MEDIA_TYPES = {
    ".flac": "audio/flac",
    ".m4a": "audio/mp4",
    ".mp3": "audio/mpeg",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".wav": "audio/wav",
}

media = Blueprint("media", __name__, url_prefix="/api/v1/tracks/<int:track_id>")


class Transcode(Protocol):
    """Turns any audio into MP3."""

    def __call__(self, path: Path, start: float) -> Generator[bytes, None, None]:
        """Give a file from `start` seconds on, piece by piece; nothing for what is no audio."""


@media.get("/audio")
def audio(track_id: int) -> Response:
    """Send a track's file, whole or the ranges asked for (RFC 9110, section 14)."""
    path = _file(track_id)
    kind = _MEDIA_TYPES.get(path.suffix.lower(), "application/octet-stream")
    return send_file(path, mimetype=kind, conditional=True)


@media.get("/audio.mp3")
def transcoded(track_id: int) -> Response:
    """Send a track as MP3 from `start` seconds on, for players that cannot decode its file."""
    transcode: Transcode | None = current_app.config["TRANSCODE"]
    if transcode is None:
        raise UnsupportedMediaType("This server transcodes nothing.")
    try:
        start = float(request.args.get("start", "0"))
    except ValueError:
        start = -1.0
    if not 0 <= start <= MAX_START:
        raise BadRequest(f'"start" takes seconds from 0 to {MAX_START:.0f}.')
    pieces = transcode(_file(track_id), start)
    first = next(pieces, b"")
    if not first:
        raise UnsupportedMediaType(f"The file of track {track_id} cannot be decoded from there.")
    answer = Response(itertools.chain([first], pieces), mimetype="audio/mpeg")
    answer.call_on_close(pieces.close)
    return answer


@media.get("/cover")
def cover(track_id: int) -> Response:
    """Send the picture inside a track's file."""
    found = living(current(), track_id)
    picture = read_cover(found.path) if found.has_cover and _is_plain_file(found.path) else None
    if picture is None:
        raise NotFound(f"Track {track_id} has no cover.")
    answer = Response(picture.data, mimetype=picture.media_type)
    answer.headers["Cache-Control"] = "private, max-age=86400"
    return answer


def _file(track_id: int) -> Path:
    """Return where the file of a track is, or raise NotFound."""
    path = living(current(), track_id).path
    if not _is_plain_file(path):
        raise NotFound(f"The file of track {track_id} is gone: run build_index.py again.")
    return path


def _is_plain_file(path: Path) -> bool:
    """Say whether a path leads to a file: no pipe or device put in its place, which may block."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False
