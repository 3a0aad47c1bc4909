"""What answers a request: the home as it is now, and its tracks."""

from __future__ import annotations

from flask import current_app
from werkzeug.exceptions import NotFound

from recsys.catalog import Track
from recsys.recommendation.query import LARGEST_ID
from recsys.served_home import Served, ServedHome
from webui.current_listener import to_owner


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


def label(track: Track) -> str:
    """Return a track as a person reads it."""
    return f"{track.title} · {track.artist}" if track.artist else track.title


def why_not_heard(track: Track) -> str:
    """Say why nothing is known of how a track sounds."""
    if track.error is None:
        return "It is not in the index: run `earshot build` again."
    return to_owner(track.error, "Its file cannot be analysed.")
