"""How loud tracks are over their length, for a player's picture."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Protocol

from flask import Response, current_app, request
from pydantic import Field
from werkzeug.exceptions import NotFound, ServiceUnavailable

from recsys.catalog import CatalogError, Track
from webui.api.media import file_of
from webui.api.openapi import NOT_MODIFIED, answer, blueprint, problems, tagged
from webui.api.parameters import Described, OfTrack, Revalidating
from webui.connection import leave_pool
from webui.served import available_track, current_or_catalog

N_WAITING = 3  # requests, while a file is read for another one
RETRY_AFTER = 5  # s
_places = threading.BoundedSemaphore(1 + N_WAITING)
_one_at_a_time = threading.Lock()

api = blueprint("waveforms", tag="media")


class ReadLevels(Protocol):
    """Reads how loud a file is over its length, in bounded time."""

    def __call__(self, track: Track) -> bytes | None:
        """Return the levels of a track, a byte for each equal part.

        Empty for what cannot be decoded, None for what cannot be read now.
        """


class WaveformSchema(Described):
    """How loud a track is over its length."""

    track_id: int = Field(examples=[1])
    levels: list[int] = Field(
        description="Root mean squares of equal parts of the track, 255 being the loudest part's.",
        examples=[[12, 180, 255, 90]],
    )


@api.get(
    "/tracks/<int:track_id>/waveform",
    responses={200: WaveformSchema, **NOT_MODIFIED, **problems(404)},
)
def waveform(path: OfTrack, header: Revalidating) -> Response:
    """Return how loud a track is over its length: read the first time it is asked for."""
    track = available_track(current_or_catalog(), path.track_id)
    levels = _known(track)
    if levels is None:
        levels = _read(track)
    if not levels:
        raise NotFound(f"Track {track.id} has no waveform: its file cannot be decoded.")
    sent = answer(WaveformSchema(track_id=track.id, levels=list(levels)))
    sent.headers["Cache-Control"] = "private, max-age=86400"
    return tagged(sent)


def _known(track: Track) -> bytes | None:
    return current_or_catalog().catalog.levels(track.audio_hash) if track.audio_hash else None


def _read(track: Track) -> bytes | None:
    """Read a track's file and keep what was found. Raises NotFound, ServiceUnavailable."""
    read: ReadLevels | None = current_app.config["READ_LEVELS"]
    if read is None or not track.audio_hash or not track.duration:
        return None
    file_of(track)
    if not _places.acquire(blocking=False):
        raise ServiceUnavailable("Other waveforms are being read.", retry_after=RETRY_AFTER)
    try:
        leave_pool(request.environ)
        with _one_at_a_time:
            levels = _known(track)  # by now
            if levels is None and (levels := read(track)) is not None:
                with suppress(CatalogError):  # it is read again, then
                    current_or_catalog().catalog.store_levels({track.audio_hash: levels})
    finally:
        _places.release()
    return levels
