"""Tracks on the Camelot wheel: the angle is the key, the distance from the centre the tempo.

Keys side by side, and minor and major of one place, mix harmonically.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from recsys.musical_key import KEYS, camelot, short_key

SLOWEST, FASTEST = 40.0, 220.0  # beats a minute at the centre and at the rim
RINGS = (60, 90, 120, 150, 180)  # beats a minute that are marked
_SIDE = 0.11  # of minor, before its place's angle, and of major, behind it
_SPREAD = 0.09  # at most, to both sides, of tracks of one key
_GOLDEN = (math.sqrt(5) - 1) / 2  # whose multiples are spread evenly between whole numbers


class WheelPoint(NamedTuple):
    """A track on the wheel.

    angle   radians clockwise from the top
    radius  0 at the centre to 1 at the rim
    """

    track_id: int
    angle: float
    radius: float
    minor: bool


class WheelPlace(NamedTuple):
    """One of the twelve places: its number, its keys by short names, its angle."""

    number: int
    minor: str
    major: str
    angle: float


def wheel_points(tracks: Iterable[tuple[int, str, float]]) -> list[WheelPoint]:
    """Return the points of tracks: id, key as `recsys.musical_key` has it, beats a minute.

    Tracks of one key are spread a little, the same ones always in the same way.
    """
    points = []
    for track_id, key, tempo in tracks:
        minor = key.endswith("minor")
        spread = _SPREAD * (2 * (track_id * _GOLDEN % 1) - 1)
        angle = place_angle(int(camelot(key)[:-1])) + (-_SIDE if minor else _SIDE) + spread
        points.append(WheelPoint(track_id, angle, radius_of(tempo), minor))
    return points


def radius_of(tempo: float) -> float:
    """Return a tempo's distance from the centre.

    >>> radius_of(40), radius_of(130), radius_of(500)
    (0.0, 0.5, 1.0)
    """
    return min(max((tempo - SLOWEST) / (FASTEST - SLOWEST), 0.0), 1.0)


def place_angle(number: int) -> float:
    """Return the angle of a place, 1 at the top."""
    return 2 * math.pi * (number - 1) / 12


def wheel_places() -> list[WheelPlace]:
    """Return the twelve places.

    >>> wheel_places()[7][:3]
    (8, 'Am', 'C')
    """
    by_place = {camelot(key): key for key in KEYS}
    return [
        WheelPlace(
            number,
            short_key(by_place[f"{number}A"]),
            short_key(by_place[f"{number}B"]),
            place_angle(number),
        )
        for number in range(1, 13)
    ]
