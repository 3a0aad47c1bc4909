"""The map of the library for its page: places and colours, as few bytes as they take."""

from __future__ import annotations

import base64
import hashlib
import struct

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import BadRequest, NotFound

from recsys.library_map import Colours, Drawn
from recsys.query import LARGEST_ID
from recsys.serving import Served
from webui.api import MAX_QUERY, MAX_RESULTS, as_json, current

maps = Blueprint("maps", __name__, url_prefix="/api/v1/map")


@maps.get("")
def places() -> Response:
    """Send where every track lies.

    Little-endian: how many there are, uint32; their ids, uint32 each; x and y of each, uint16.
    """
    drawn = _drawn(current())
    content = b"".join(
        (
            struct.pack("<I", len(drawn.ids)),
            drawn.ids.astype("<u4").tobytes(),
            drawn.places.astype("<u2").tobytes(),
        )
    )
    return _kept(Response(content, mimetype="application/octet-stream"))


@maps.get("/colours")
def colours() -> Response:
    """Say what the tracks are drawn in, in the order of the map: base64 of a uint8 each."""
    served = current()
    drawn = _drawn(served)
    by = request.args.get("by", "sound")
    found: Colours | None = None
    if by == "sound":
        found = served.map.by_sound(drawn)
    elif by == "genre":
        found = served.map.by_genre(drawn)
    elif by.startswith("tag:") and len(by) <= MAX_QUERY:
        found = served.map.by_tag(drawn, by.removeprefix("tag:"))
    if found is None:
        raise BadRequest('"by" takes sound, genre, or tag: and one of the taggers\' tags.')
    values = base64.b64encode(found.values.tobytes()).decode()
    return _kept(jsonify(names=list(found.names), values=values))


@maps.get("/tracks")
def tracks() -> Response:
    """Name some tracks of the map, in their order; unknown ones are left out."""
    ids = request.args.get("ids", "").split(",")
    known = all(text.isascii() and text.isdigit() and len(text) < 11 for text in ids)
    if not known or len(ids) > MAX_RESULTS:
        raise BadRequest(f'"ids" takes 1 to {MAX_RESULTS} ids with commas between them.')
    wanted = [int(text) for text in ids if int(text) <= LARGEST_ID]
    found = [track for track in current().catalog.tracks(wanted) if not track.removed]
    return jsonify(tracks=[as_json(track) for track in found])


def _drawn(served: Served) -> Drawn:
    """Return the map, or raise NotFound."""
    drawn = served.map.drawn()
    if drawn is None:
        raise NotFound("There is no map of this library yet: run build_index.py.")
    return drawn


def _kept(answer: Response) -> Response:
    """Let a browser keep an answer, asking each time whether it is still the same."""
    answer.set_etag(hashlib.blake2b(answer.get_data(), digest_size=16).hexdigest())
    answer.headers["Cache-Control"] = "private, no-cache"
    answer.make_conditional(request)
    return answer
