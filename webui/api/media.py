"""Audio files, as they are or transcoded, and covers."""

from __future__ import annotations

import itertools
import stat
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

from flask import Response, current_app, request, send_file
from pydantic import Field
from werkzeug.datastructures import ContentRange
from werkzeug.exceptions import (
    Conflict,
    NotFound,
    RequestedRangeNotSatisfiable,
    UnsupportedMediaType,
)
from werkzeug.wsgi import LimitedStream

from recsys.catalog import Track
from recsys.library.covers import Cover, SmallCovers, read_cover, read_folder_cover
from recsys.similarity.highlights import PREVIEW_SECONDS
from webui.api.openapi import BYTES, NOT_MODIFIED, blueprint, content, problems, tagged
from webui.api.parameters import WHOLE, OfTrack, Parameters, Revalidating, takes
from webui.api.ranges import wanted_range
from webui.connection import begin_stream
from webui.rate_limits import payer
from webui.served import available_track, current, current_or_catalog

MAX_START = 100_000  # seconds
MIN_EDGE, MAX_EDGE = 16, 2000  # pixels of a cover
_MEDIA_TYPES = {
    ".aac": "audio/aac",
    ".aif": "audio/aiff",
    ".aiff": "audio/aiff",
    ".ape": "audio/x-ape",
    ".flac": "audio/flac",
    ".m4a": "audio/mp4",
    ".m4b": "audio/mp4",
    ".mka": "audio/x-matroska",
    ".mp2": "audio/mpeg",
    ".mp3": "audio/mpeg",
    ".mpc": "audio/x-musepack",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".spx": "audio/ogg",
    ".wav": "audio/wav",
    ".wma": "audio/x-ms-wma",
    ".wv": "audio/x-wavpack",
}
_SENT = sorted({*_MEDIA_TYPES.values(), BYTES})

api = blueprint("media")


StreamKind = Literal["mp3", "opus"]
KINDS: dict[StreamKind, str] = {"mp3": "audio/mpeg", "opus": "audio/ogg"}
BIT_RATE = 192  # thousands of bits a second, where nothing else is asked for


class Transcode(Protocol):
    """Turns any audio into what every player plays."""

    def __call__(
        self,
        path: Path,
        start: float,
        *,
        stop: float | None = None,
        bit_rate: int = BIT_RATE,
        kind: StreamKind = "mp3",
    ) -> Generator[bytes, None, None]:
        """Give a file from `start` to `stop` seconds, piece by piece; nothing for what is no audio.

        `bit_rate` is in thousands of bits a second.
        """


class FromQuery(Parameters):
    """Where to begin."""

    start: Annotated[float, Field(ge=0, le=MAX_START), takes(f"seconds from 0 to {MAX_START}")] = (
        Field(0.0, description="Seconds.", examples=[12.5])
    )


class OfSize(Parameters):
    """How large a picture may be."""

    size: Annotated[
        int | None,
        Field(ge=MIN_EDGE, le=MAX_EDGE),
        WHOLE,
        takes(f"a whole number from {MIN_EDGE} to {MAX_EDGE}"),
    ] = Field(None, description="Pixels of the longer side, at most.", examples=[300])


@api.get(
    "/tracks/<int:track_id>/audio",
    responses={
        200: content(*_SENT),
        206: content(*_SENT, status=206),
        **problems(404, 415, 416),
    },
)
def audio(path: OfTrack) -> Response:
    """Send a track's file, whole or the ranges asked for (RFC 9110, section 14).

    A track that is a part of a file is sent as MP3, without ranges.
    """
    return send_track(available_track(current_or_catalog(), path.track_id))


@api.get(
    "/tracks/<int:track_id>/audio.mp3",
    responses={200: content("audio/mpeg"), **problems(404, 415)},
)
def transcoded(path: OfTrack, query: FromQuery) -> Response:
    """Send a track as MP3 from a place on, for players that cannot decode its file."""
    return send_transcoded(available_track(current_or_catalog(), path.track_id), query.start)


@api.get(
    "/tracks/<int:track_id>/preview",
    responses={200: content("audio/mpeg"), **problems(404, 409, 415)},
)
def preview(path: OfTrack) -> Response:
    """Send half a minute of a track from its highlight on, as MP3."""
    served = current()
    track = available_track(served, path.track_id)
    try:
        highlight = served.similar.highlight(served.similar.sound_of(track))
    except KeyError:
        raise Conflict(f"Track {track.id} has no highlight: it is not analysed.") from None
    start = max(0.0, min(highlight.start, (track.duration or 0.0) - PREVIEW_SECONDS))
    return send_transcoded(track, start, seconds=PREVIEW_SECONDS)


@api.get(
    "/tracks/<int:track_id>/cover",
    responses={
        200: content("image/gif", "image/jpeg", "image/png", "image/webp"),
        **NOT_MODIFIED,
        **problems(404),
    },
)
def cover(path: OfTrack, query: OfSize, header: Revalidating) -> Response:
    """Send the picture in a track's file or folder; as a smaller JPEG where `size` asks for it."""
    track = available_track(current_or_catalog(), path.track_id)
    picture = picture_of(track)
    if picture is None:
        raise NotFound(f"Track {track.id} has no cover.")
    return send_picture(picture, query.size)


def media_type(path: Path) -> str:
    """Return what a file of the library is sent as."""
    return _MEDIA_TYPES.get(path.suffix.lower(), BYTES)


def file_of(track: Track) -> Path:
    """Return where the file of a track is, or raise NotFound."""
    if not is_plain_file(track.path):
        raise NotFound(f"The file of track {track.id} is gone: run `earshot build` again.")
    return track.path


def send_track(track: Track, bit_rate: int | None = None) -> Response:
    """Send the file of a track as it is, or a part of one as MP3. Raises as `send_transcoded`."""
    return send_transcoded(track, 0.0, bit_rate) if track.part else send_audio(file_of(track))


def send_audio(file: Path) -> Response:
    """Send a file, whole or the part that the request asks for."""
    sent = send_file(file, mimetype=media_type(file), conditional=False)
    sent.make_conditional(request)
    sent.accept_ranges = "bytes"
    if sent.status_code == 200 and request.method == "GET":
        return _part(sent, file)
    return sent


def send_transcoded(
    track: Track,
    start: float,
    bit_rate: int | None = None,
    kind: StreamKind = "mp3",
    seconds: float | None = None,
) -> Response:
    """Send a track in another format from `start` on, all or so many `seconds`.

    Raises NotFound, and UnsupportedMediaType where it cannot be decoded or nothing is transcoded.
    """
    transcode: Transcode | None = current_app.config["TRANSCODE"]
    if transcode is None:
        raise UnsupportedMediaType("This server transcodes nothing.")
    file = file_of(track)
    begin_stream(request.environ, payer())
    how: dict[str, Any] = {}
    if bit_rate is not None or kind != "mp3":
        how = {"bit_rate": bit_rate or BIT_RATE, "kind": kind}
    if seconds is not None:
        how["stop"] = track.begin + min(start + seconds, track.duration or start + seconds)
    elif track.part:
        how["stop"] = track.end
    if track.part:
        start = min(track.begin + start, how["stop"])
    pieces = transcode(file, start, **how)
    first = next(pieces, b"")
    if not first:
        raise UnsupportedMediaType(f"The file of track {track.id} cannot be decoded from there.")
    closing: threading.Event = current_app.extensions["closing"]
    rest = itertools.takewhile(lambda _: not closing.is_set(), pieces)
    sent = Response(itertools.chain([first], rest), mimetype=KINDS[kind])
    sent.call_on_close(pieces.close)
    return sent


def picture_of(track: Track) -> Cover | None:
    """Return the picture inside a track's file, or that of its folder; None without one."""
    has_own = track.has_cover and is_plain_file(track.path)
    own = read_cover(track.path) if has_own else None
    return own or read_folder_cover(track.path.parent)


def send_picture(picture: Cover, edge: int | None) -> Response:
    """Send a picture of at most `edge` pixels a side; it is asked for again after a day."""
    small: SmallCovers = current_app.extensions["small_covers"]
    picture = picture if edge is None else small.of(picture, edge)
    sent = Response(picture.data, mimetype=picture.media_type)
    sent.headers["Cache-Control"] = "private, max-age=86400"
    return tagged(sent)


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


def is_plain_file(path: Path) -> bool:
    """Say whether a path leads to a file: no pipe or device put in its place, which may block."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False
