"""A track in a player's library: how often it was played, when last, and how it is rated."""

from __future__ import annotations

from collections.abc import Iterator

from recsys.catalog import Opinion, PlayCount, Recording
from recsys.listens import values
from recsys.listens.notes import Notes
from recsys.listens.values import BadValue

SHORTEST_PLAY = 30  # seconds; what was played shorter and not to its end is a skip
_LIKED, _DISLIKED = 4, 1  # stars of five: from, up to


def events(
    listener: str,
    recording: Recording,
    notes: Notes,
    *,
    plays: object = 0,
    last_at: int = 0,
    stars: float = 0,
    liked: bool | None = None,
    said_at: int = 0,
) -> Iterator[PlayCount | Opinion]:
    """Give the count of a track, and the like or dislike that its stars or its heart stand for.

    Times in Unix seconds, 0 where not known; `stars` of five, 0 for none; `liked` None where
    nothing was said. Raises BadValue.
    """
    if not (recording.title or recording.mbid):
        raise BadValue("It has no title.")
    if plays not in (None, "", 0):
        yield PlayCount(listener, recording, values.plays(plays), last_at)
    if liked is None and stars:
        notes.say(
            "Four and five stars are likes, one star is a dislike; two and three say neither."
        )
        liked = True if stars >= _LIKED else False if stars <= _DISLIKED else None
    if liked is not None:
        yield Opinion(listener, recording, "like" if liked else "dislike", said_at)


def skip(listener: str, recording: Recording, at: int) -> Opinion:
    """Return the skip of a track, at a time in Unix seconds or 0."""
    return Opinion(listener, recording, "skip", at)
