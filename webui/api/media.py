"""Audio files, as they are or transcoded, and covers."""

from __future__ import annotations

import itertools
import stat
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Annotated, Protocol

from flask import Response, current_app, request, send_file
from pydantic import Field
from werkzeug.datastructures import ContentRange
from werkzeug.exceptions import NotFound, RequestedRangeNotSatisfiable, UnsupportedMediaType
from werkzeug.wsgi import LimitedStream

from recsys.library.covers import read_cover
from webui.api.openapi import BYTES, NOT_MODIFIED, blueprint, content, problems, tagged
from webui.api.parameters import OfTrack, Parameters, Revalidating, takes
from webui.api.ranges import wanted_range
from webui.connection import begin_stream
from webui.rate_limits import payer
from webui.served import available_track, current_or_catalog

MAX_START = 100_000  # seconds
_MEDIA_TYPES = {
    ".flac": "audio/flac",
    ".m4a": "audio/mp4",
    ".mp3": "audio/mpeg",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".wav": "audio/wav",
}
_SENT = sorted({*_MEDIA_TYPES.values(), BYTES})

api = blueprint("media")


class Transcode(Protocol):
    """Turns any audio into MP3."""

    def __call__(self, path: Path, start: float) -> Generator[bytes, None, None]:
        """Give a file from `start` seconds on, piece by piece; nothing for what is no audio."""


class FromQuery(Parameters):
    """Where to begin."""

    start: Annotated[float, Field(ge=0, le=MAX_START), takes(f"seconds from 0 to {MAX_START}")] = (
        Field(0.0, description="Seconds.", examples=[12.5])
    )


@api.get(
    "/tracks/<int:track_id>/audio",
    responses={
        200: content(*_SENT),
        206: content(*_SENT, status=206),
        **problems(404, 416),
    },
)
def audio(path: OfTrack) -> Response:
    """Send a track's file, whole or the ranges asked for (RFC 9110, section 14)."""
    file = _file(path.track_id)
    kind = _MEDIA_TYPES.get(file.suffix.lower(), BYTES)
    response = send_file(file, mimetype=kind, conditional=False)
    response.make_conditional(request)
    response.accept_ranges = "bytes"
    if response.status_code == 200 and request.method == "GET":
        return _part(response, file)
    return response


@api.get(
    "/tracks/<int:track_id>/audio.mp3",
    responses={200: content("audio/mpeg"), **problems(404, 415)},
)
def transcoded(path: OfTrack, query: FromQuery) -> Response:
    """Send a track as MP3 from a place on, for players that cannot decode its file."""
    transcode: Transcode | None = current_app.config["TRANSCODE"]
    if transcode is None:
        raise UnsupportedMediaType("This server transcodes nothing.")
    file = _file(path.track_id)
    begin_stream(request.environ, payer())
    pieces = transcode(file, query.start)
    first = next(pieces, b"")
    if not first:
        raise UnsupportedMediaType(
            f"The file of track {path.track_id} cannot be decoded from there."
        )
    closing: threading.Event = current_app.extensions["closing"]
    rest = itertools.takewhile(lambda _: not closing.is_set(), pieces)
    response = Response(itertools.chain([first], rest), mimetype="audio/mpeg")
    response.call_on_close(pieces.close)
    return response


@api.get(
    "/tracks/<int:track_id>/cover",
    responses={
        200: content("image/gif", "image/jpeg", "image/png", "image/webp"),
        **NOT_MODIFIED,
        **problems(404),
    },
)
def cover(path: OfTrack, header: Revalidating) -> Response:
    """Send the picture inside a track's file."""
    track = available_track(current_or_catalog(), path.track_id)
    picture = read_cover(track.path) if track.has_cover and _is_plain_file(track.path) else None
    if picture is None:
        raise NotFound(f"Track {track.id} has no cover.")
    response = Response(picture.data, mimetype=picture.media_type)
    response.headers["Cache-Control"] = "private, max-age=86400"
    return tagged(response)


def _part(whole: Response, path: Path) -> Response:
    """Return the part of a file that the request asks for, or the whole.

    The server's own loop sends it (PEP 3333: up to Content-Length): a player that reads no more
    than it plays holds no thread meanwhile.
    """
    length, modified = whole.content_length or 0, whole.last_modified
    if modified is None:
        raise RuntimeError("a file that is sent has no time of its last change")
    try:
        byte_range = wanted_range(request.headers, length, whole.headers.get("ETag", ""), modified)
    except RequestedRangeNotSatisfiable:
        whole.close()
        raise
    if byte_range is None:
        return whole
    whole.close()
    first, n_bytes = byte_range
    file = path.open("rb")
    file.seek(first)
    wrap = request.environ.get("wsgi.file_wrapper")
    part = Response(
        wrap(file) if wrap else LimitedStream(file, n_bytes),
        206,
        whole.headers,
        direct_passthrough=bool(wrap),
    )
    part.call_on_close(file.close)
    part.content_length = n_bytes
    part.content_range = ContentRange("bytes", first, first + n_bytes, length)
    return part


def _file(track_id: int) -> Path:
    """Return where the file of a track is, or raise NotFound."""
    path = available_track(current_or_catalog(), track_id).path
    if not _is_plain_file(path):
        raise NotFound(f"The file of track {track_id} is gone: run `earshot build` again.")
    return path


def _is_plain_file(path: Path) -> bool:
    """Say whether a path leads to a file: no pipe or device put in its place, which may block."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False
