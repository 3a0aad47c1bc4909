"""What answers a request: the home as it is now, its tracks, and the person who listens."""

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


def listener_id(served: Served) -> int | None:
    """Return the id of the person who listens here, None before their first listen or word."""
    found = served.catalog.listener(current_app.config["LISTENER"])
    return None if found is None else found.id


def writing_listener_id(served: Served) -> int:
    """Return the id of the person who listens here, writing them down at the first time."""
    found = served.catalog.listener(current_app.config["LISTENER"], create=True)
    if found is None:
        raise RuntimeError("the catalogue made no listener")
    return found.id


def living(served: Served, track_id: int) -> Track:
    """Return a track whose file is in the library, or raise NotFound."""
    found = served.catalog.track(track_id) if track_id <= LARGEST_ID else None
    if found is None or found.removed:
        raise NotFound(f"The library has no track {track_id}.")
    return found
