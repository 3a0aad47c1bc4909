"""Resolving what a query on the command line names: a track, or an audio file."""

from __future__ import annotations

import os
from pathlib import Path

from earshot.command import NotFound
from encoders.projection import Projection
from index.arrays import Float32Array
from recsys.catalog import Catalog, Track
from recsys.catalog.track_features import Features
from recsys.home.files import WEIGHTS_NAME
from recsys.library.suffixes import AUDIO_SUFFIXES

MAX_ID_DIGITS = 9  # longer numbers are words


def is_file(query: str) -> bool:
    """Say whether the query names an existing file."""
    try:
        return Path(query).is_file()
    except (OSError, ValueError):  # longer than a path can be, or with a NUL in it
        return False


def find_track(catalog: Catalog, query: str) -> Track:
    """Return the track with this id, or the first match of search words. Raises NotFound."""
    if os.sep in query and Path(query).suffix.lower() in AUDIO_SUFFIXES:
        raise NotFound(f"There is no file {query}.")
    is_id = query.isascii() and query.isdigit() and len(query) <= MAX_ID_DIGITS
    by_id = catalog.track(int(query)) if is_id else None
    matches = [by_id] if by_id else catalog.search(query, 1)
    if not matches:
        raise NotFound(f'No track of the library matches "{query}", and it is not a file.')
    return matches[0]


def find_listener(catalog: Catalog, name: str) -> int:
    """Return the id of the listener of a name. Raises NotFound."""
    listener = catalog.listener(name)
    if listener is None:
        raise NotFound(f'There is no listener "{name}": run `earshot import` first.')
    return listener.id


def track_of_file(catalog: Catalog, path: Path) -> Track | None:
    """Return the analysed track of the library that a file is, None for a file from outside."""
    row = catalog.files().get(path.parent.resolve() / path.name)
    track = catalog.track(row.id) if row and not row.removed else None
    return track if track and track.status == "ready" else None


def incomparable(track: Track) -> NotFound:
    """Return the refusal to compare a track that is not in the index; it says why."""
    reason = track.error or "It is not in the index: run `earshot build` again."
    return NotFound(f"{track.name} cannot be compared. {reason}")


def analyse_file(
    path: Path, catalog: Catalog, projection: Projection
) -> tuple[Float32Array, Features]:
    """Return embedding (dim,) and features of a file from outside. Raises AudioError."""
    # torch, which takes seconds to import, and which a machine that only serves lacks
    from encoders.extract import load_known_extractor  # noqa: PLC0415

    extractor = load_known_extractor(projection.extractors, catalog.home / WEIGHTS_NAME)
    features = extractor.features(path)
    return projection.embed([features])[0], features
