"""The page of tempo and key: the library on the Camelot wheel."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from flask import Blueprint, render_template, request

from recsys.catalog import Track
from recsys.home.track_table import UNKNOWN, TrackTable
from recsys.musical_key import KEYS, camelot
from recsys.recommendation.query import LARGEST_ID
from recsys.track_map.wheel import RINGS, radius_of, wheel_places, wheel_points
from webui import current_listener
from webui.served import current
from webui.texts import read_whole

N_DRAWN = 1000  # tracks, spread evenly over the library
SIZE = 200.0  # of the drawing's unit circle

wheel_page = Blueprint("wheel_page", __name__)


class DrawnPoint(NamedTuple):
    """A track of the drawing, and where it lies."""

    track: Track
    x: float
    y: float
    minor: bool
    chosen: bool


class KeyRow(NamedTuple):
    """A key, how many tracks are in it, and their middle tempo, None where none is known."""

    place: str
    key: str
    n: int
    tempo: float | None


@wheel_page.get("/wheel")
def show() -> str:
    """Show the wheel; `track` is marked on it."""
    served = current()
    table = served.recommender.track_table()
    chosen = read_whole(request.args.get("track", ""), 1, LARGEST_ID)
    known = table.available & (table.keys != UNKNOWN) & ~np.isnan(table.tempos)
    rows = np.flatnonzero(known)
    drawn = rows[np.linspace(0, len(rows) - 1, min(len(rows), N_DRAWN)).astype(int)]
    if chosen is not None:
        drawn = np.union1d(drawn, [row for row in table.rows([chosen]).tolist() if known[row]])
    drawn = drawn.astype(np.intp)
    points = wheel_points(
        (int(table.ids[row]), KEYS[table.keys[row]], float(table.tempos[row])) for row in drawn
    )
    tracks = {track.id: track for track in served.catalog.tracks(table.ids[drawn].tolist())}
    places = [(place, *_at(place.angle, 1.13)) for place in wheel_places()]
    return render_template(
        "wheel.html",
        points=[
            DrawnPoint(
                tracks[point.track_id],
                *_at(point.angle, point.radius),
                point.minor,
                point.track_id == chosen,
            )
            for point in points
            if point.track_id in tracks
        ],
        places=places,
        rings=[(bpm, SIZE * radius_of(bpm)) for bpm in RINGS],
        keys=_keys(table),
        n_known=len(rows),
        n_tracks=served.n_indexed,
        person=current_listener.person(),
    )


def _keys(table: TrackTable) -> list[KeyRow]:
    """Return every key, in the order of the wheel."""
    rows = []
    for number, key in enumerate(KEYS):
        of_key = table.available & (table.keys == number)
        tempos = table.tempos[of_key & ~np.isnan(table.tempos)]
        tempo = float(np.median(tempos)) if len(tempos) else None
        rows.append(KeyRow(camelot(key), key, int(of_key.sum()), tempo))
    return sorted(rows, key=lambda row: (int(row.place[:-1]), row.place[-1]))


def _at(angle: float, radius: float) -> tuple[float, float]:
    """Return x and y of an angle from the top, clockwise, rounded for the drawing."""
    x, y = SIZE * radius * math.sin(angle), -SIZE * radius * math.cos(angle)
    return round(x, 1), round(y, 1)
