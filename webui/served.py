"""What answers a request: the home as it is now, and its tracks."""

from __future__ import annotations

from flask import current_app
from werkzeug.exceptions import NotFound

from recsys.catalog import Track
from recsys.query import LARGEST_ID
from recsys.serving import Served, ServedHome


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
