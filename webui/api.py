"""The JSON API that reads: search, tracks, what sounds like them, mixes, playlists."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, current_app, jsonify, request
from werkzeug.exceptions import BadRequest, Conflict, NotFound

from recsys.catalog import Track
from recsys.playlists import WRITERS
from recsys.query import LARGEST_ID
from recsys.serving import Served, ServedHome
from recsys.similarity import shown
from webui import lists, people
from webui.mixes import Mix

MAX_RESULTS = 200
MAX_QUERY = 500  # characters
_PLAYLIST_TYPES = {
    "m3u8": "audio/x-mpegurl; charset=utf-8",
    "xspf": "application/xspf+xml",
    "jspf": "application/jspf+json",
}

api = Blueprint("api", __name__, url_prefix="/api/v1")


@api.get("/search")
def search() -> Response:
    """Find tracks by words."""
    words = request.args.get("q", "").strip()
    if not words or len(words) > MAX_QUERY:
        raise BadRequest(f'"q" takes 1 to {MAX_QUERY} characters.')
    found = current().catalog.search(words, _number("limit", 10))
    return jsonify(tracks=[as_json(track) for track in found])


@api.get("/tracks/<int:track_id>")
def track(track_id: int) -> Response:
    """Describe a track."""
    return jsonify(as_json(living(current(), track_id)))


@api.get("/tracks/<int:track_id>/similar")
def similar(track_id: int) -> Response:
    """Name the tracks that sound like one, best first."""
    k = _number("k", 10)
    cap = _number("artist_cap", 1) if "artist_cap" in request.args else None
    served = current()
    seed = living(served, track_id)
    try:
        neighbours = served.similar.of_track(seed, k, artist_cap=cap)
    except KeyError:
        reason = seed.error or "It is not in the index: run build_index.py again."
        raise Conflict(f"Track {track_id} cannot be compared. {reason}") from None
    return jsonify(
        tracks=[
            {
                **as_json(n.track),
                "similarity": shown(n.similarity),
                "shared_tags": list(n.shared_tags),
            }
            for n in neighbours
        ]
    )


@api.get("/tracks/<int:track_id>/similar/<int:other_id>")
def reasons(track_id: int, other_id: int) -> Response:
    """Say why two tracks sound alike."""
    served = current()
    one, other = living(served, track_id), living(served, other_id)
    similar = served.similar
    try:
        found = similar.reasons(similar.heard(one), [other])[other.id]
    except KeyError as missing:
        raise Conflict(
            f"Track {missing.args[0]} cannot be compared: it is not analysed. "
            "Run build_index.py again."
        ) from None
    return jsonify(tracks=[as_json(one), as_json(other)], **found.as_json())


@api.get("/complete")
def complete() -> Response:
    """Complete the name of an artist, an album, a tag or a track."""
    words = request.args.get("q", "")[:MAX_QUERY]
    found = current().completer.complete(words, _number("limit", 12))
    return jsonify(
        completions=[
            {"kind": one.kind, "ref": one.ref, "name": one.name, "detail": one.detail}
            for one in found
        ]
    )


@api.get("/mix")
def mix() -> Response:
    """Answer a mix: seeds, exclusions, controls, for the person who listens here."""
    served = current()
    listing = lists.answer(served, Mix.parse(request.args), people.listener(served))
    return jsonify(tracks=[_row_as_json(row) for row in listing.rows], sentences=listing.sentences)


@api.get("/playlists/export.<kind>")
def export(kind: str) -> Response:
    """Write tracks, in their order, as a playlist that other players read."""
    if kind not in WRITERS:
        raise NotFound(f"Playlists are written as {', '.join(WRITERS)}.")
    ids = request.args.get("tracks", "").split(",")
    if len(ids) > MAX_RESULTS or not all(_is_id(text) for text in ids):
        raise BadRequest(f'"tracks" takes 1 to {MAX_RESULTS} ids with commas between them.')
    title = request.args.get("title", "")[:MAX_QUERY]
    tracks = [track for track in current().catalog.tracks(map(int, ids)) if not track.removed]
    answer = Response(WRITERS[kind](tracks, title), content_type=_PLAYLIST_TYPES[kind])
    answer.headers.set("Content-Disposition", "attachment", filename=f"earshot.{kind}")
    return answer


def current() -> Served:
    """Return what answers now."""
    home: ServedHome = current_app.extensions["served_home"]
    return home.current()


def living(served: Served, track_id: int) -> Track:
    """Return a track whose file is in the library, or raise NotFound."""
    found = served.catalog.track(track_id) if track_id <= LARGEST_ID else None
    if found is None or found.removed:
        raise NotFound(f"The library has no track {track_id}.")
    return found


def _number(name: str, default: int) -> int:
    """Return a parameter from 1 to MAX_RESULTS, or raise BadRequest."""
    text = request.args.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= MAX_RESULTS):
        raise BadRequest(f'"{name}" takes a whole number from 1 to {MAX_RESULTS}.')
    return int(text)


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 11 and int(text) <= LARGEST_ID


def _row_as_json(row: lists.Row) -> dict[str, Any]:
    """Describe a row of a mix."""
    found = row.recommendation
    return {
        **as_json(row.track),
        "score": round(found.score, 4),
        "similarity": round(found.similarity, 4),
        "evidence": round(found.evidence, 4),
        "rung": found.rung,
        "reasons": [
            {
                "kind": reason.kind,
                "ref": reason.ref,
                "amount": round(reason.amount, 4),
                "text": reason.words,
            }
            for reason in found.reasons
        ],
        "shared_tags": list(row.shared_tags),
        "feedback": row.feedback,
        "kept": row.kept,
    }


def as_json(found: Track) -> dict[str, Any]:
    """Describe a track; where its file lies is nobody's business."""
    return {
        "id": found.id,
        "title": found.title,
        "artist": found.artist,
        "album": found.album,
        "duration": found.duration,
        "status": found.status,
    }
