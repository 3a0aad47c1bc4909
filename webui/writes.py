"""The JSON API that writes: what a listener says and hears. And playlists in."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, get_args

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from recsys.catalog import FeedbackKind
from recsys.playlists import PlaylistError, parse, resolve
from recsys.query import LARGEST_ID
from webui.api import current, living
from webui.people import person, writing_listener

EARLIEST = 946_684_800  # Unix seconds: the year 2000
AHEAD = 86_400  # seconds that a clock may be
MAX_ENTRIES = 5_000  # of a playlist
MAX_MISSING = 50  # of its entries that are named as not found
_ROOT = Path("/")  # relative paths lead nowhere: the folder of the file is not known

writes = Blueprint("writes", __name__, url_prefix="/api/v1")


@writes.get("/session")
def session() -> Response:
    """Say who listens here, and the token that writing takes."""
    return jsonify(listener=person().listener, token=person().token)


@writes.put("/tracks/<int:track_id>/feedback")
def set_feedback(track_id: int) -> Response:
    """Write that the listener likes, dislikes or skips a track; a skip takes no like's place."""
    kind = _body().get("kind")
    if kind not in get_args(FeedbackKind):
        raise BadRequest(f'"kind" takes one of {", ".join(get_args(FeedbackKind))}.')
    _say(track_id, kind)
    return jsonify(track_id=track_id, kind=kind)


@writes.delete("/tracks/<int:track_id>/feedback")
def take_back(track_id: int) -> Response:
    """Take back what the listener said of a track."""
    _say(track_id, None)
    return Response(status=204)


@writes.post("/listens")
def listen() -> Response:
    """Write that the listener has heard a track: at least half of it, or four minutes."""
    body, now = _body(), int(time.time())
    track_id = _whole(body, "track_id", 1, LARGEST_ID)
    at = _whole(body, "listened_at", EARLIEST, now + AHEAD) if "listened_at" in body else now
    served = current()
    living(served, track_id)
    served.catalog.record_listens(writing_listener(served), [(track_id, at)])
    answer = jsonify(track_id=track_id, listened_at=at)
    answer.status_code = 201
    return answer


@writes.post("/playlists/import")
def read_playlist() -> Response:
    """Say which tracks a playlist names; nothing of it is kept."""
    if request.mimetype != "application/octet-stream":
        raise UnsupportedMediaType("A playlist is sent as it is, as application/octet-stream.")
    try:
        playlist = parse(request.get_data(), _ROOT)
    except PlaylistError as error:
        raise BadRequest(f"This file cannot be read as a playlist. {error}") from error
    if len(playlist.entries) > MAX_ENTRIES:
        raise BadRequest(f"This playlist has more than {MAX_ENTRIES} entries.")
    entries = resolve(current().catalog, playlist, follow_links=False)
    ids = dict.fromkeys(entry.track_id for entry in entries if entry.track_id is not None)
    missing = [found.entry for found in entries if found.track_id is None]
    return jsonify(
        title=playlist.title,
        tracks=list(ids),
        n_missing=len(missing),
        missing=[
            {"title": entry.title or entry.location, "artist": entry.creator}
            for entry in missing[:MAX_MISSING]
        ],
    )


def _say(track_id: int, kind: FeedbackKind | None) -> None:
    served = current()
    living(served, track_id)
    served.catalog.set_feedback(writing_listener(served), track_id, kind, int(time.time()))


def _body() -> dict[str, Any]:
    """Return the JSON object of a request, or raise BadRequest or UnsupportedMediaType."""
    try:
        body = request.get_json()
    except RecursionError:
        raise BadRequest("The body is JSON that is nested too deeply.") from None
    if not isinstance(body, dict):
        raise BadRequest("The body takes a JSON object.")
    return body


def _whole(body: dict[str, Any], name: str, least: int, most: int) -> int:
    """Return a whole number of a body, or raise BadRequest."""
    value = body.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise BadRequest(f'"{name}" takes a whole number from {least} to {most}.')
    return value
