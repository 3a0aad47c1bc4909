"""What the taggers heard of a track over time, for its page."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify
from werkzeug.exceptions import Conflict

from recsys.taggram import taggram
from webui.api import current, living

taggrams = Blueprint("taggrams", __name__, url_prefix="/api/v1")


@taggrams.get("/tracks/<int:track_id>/taggram")
def of_track(track_id: int) -> Response:
    """Say how sure the taggers are of a track's surest tags, for each moment that was heard."""
    served = current()
    track = living(served, track_id)
    try:
        heard = served.similar.heard(track)
    except KeyError:
        raise Conflict(
            f"Track {track_id} is not analysed. {track.error or 'Run build_index.py again.'}"
        ) from None
    return jsonify(
        track_id=track_id, duration=track.duration, **taggram(heard, served.similar.tags).as_json()
    )
