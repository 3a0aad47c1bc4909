"""The served home and its tracks, for views."""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app
from werkzeug.exceptions import NotFound

from recsys.catalog import Catalog, Track
from recsys.recommendation.query import LARGEST_ID
from recsys.served_home import Served, ServedHome, Unavailable
from webui.current_listener import for_owner


def current() -> Served:
    """Return the home that is served now."""
    home: ServedHome = current_app.extensions["served_home"]
    return home.current()


@dataclass(frozen=True)
class CatalogOnly:
    """A home that has no usable index yet: its catalogue alone."""

    catalog: Catalog


def current_or_catalog() -> Served | CatalogOnly:
    """Return the home that is served now, or its catalogue alone before its first index."""
    home: ServedHome = current_app.extensions["served_home"]
    try:
        return home.current()
    except Unavailable:
        return CatalogOnly(home.catalog())


def available_track(served: Served | CatalogOnly, track_id: int) -> Track:
    """Return a track whose file is in the library, or raise NotFound."""
    track = served.catalog.track(track_id) if track_id <= LARGEST_ID else None
    if track is None or track.removed:
        raise NotFound(f"The library has no track {track_id}.")
    return track


def label(track: Track) -> str:
    """Return a track as a person reads it."""
    return f"{track.title} · {track.artist}" if track.artist else track.title


def why_not_analysed(track: Track) -> str:
    """Say why a track is not analysed."""
    if track.error is None:
        return "It is not in the index: run `earshot build` again."
    return for_owner(track.error, "Its file cannot be analysed.")
