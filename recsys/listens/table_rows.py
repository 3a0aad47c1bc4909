"""The rows of a table as events, by what its columns hold."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

from recsys.catalog import FeedbackKind, Listen, Opinion, PlayCount, Recording
from recsys.listens import times, values
from recsys.listens.library_counts import SHORTEST_PLAY
from recsys.listens.times import TimeFormat
from recsys.listens.values import ANY_TIME, BadValue

Event: TypeAlias = Listen | PlayCount | Opinion

_KINDS: Mapping[str, FeedbackKind | None] = {
    "like": "like",
    "love": "like",
    "loved": "like",
    "up": "like",
    "1": "like",
    "dislike": "dislike",
    "hate": "dislike",
    "down": "dislike",
    "-1": "dislike",
    "skip": "skip",
    "none": None,
    "0": None,
}
_OF_RECORDING = (
    *("item", "artist", "title", "album", "mbid", "isrc"),
    *("duration", "duration_ms", "track_number"),
)
_NO_PLAYS = frozenset({"", "0", "0.0", "0,0"})
_NO_MUSIC = re.compile(r"podcast|episode|audiobook|video|movie|film|show|radio", re.IGNORECASE)
_RECORDINGS_KEPT = 50_000


class NoPlay(Exception):
    """A row that holds no play on purpose; the message is the plural of what it is."""


class TableRow:
    """Turns the cells of a row into an event."""

    def __init__(
        self,
        roles: Mapping[str, int],
        listener: str,
        written: TimeFormat = ANY_TIME,
        decimal: str = ".",
        *,
        loved: bool = False,
    ) -> None:
        """Take the place of each role's column, and how the file writes times and numbers.

        With `loved`, each row is a like.
        """
        self._listener = listener
        self.width = max(roles.values()) + 1
        self._user, self._count, self._time, self._kind, self._clock = (
            roles.get(role) for role in ("user", "count", "time", "kind", "clock")
        )
        self._written, self._decimal, self._loved = written, decimal, loved
        self._medium = roles.get("medium")
        self._played, self._unit = roles.get("played"), 1.0
        if self._played is None:
            self._played, self._unit = roles.get("played_ms"), 1e-3
        self._places = [(role, roles[role]) for role in _OF_RECORDING if role in roles]
        self._recording = lru_cache(_RECORDINGS_KEPT)(self._new_recording)

    @property
    def is_counted(self) -> bool:
        """Whether rows are counts, which add up over a file, and no single listens."""
        return not self._loved and (self._count is not None or self._time is None)

    def event(self, cells: Sequence[Any]) -> Event:
        """Return the event of a row. Raises BadValue, and NoPlay for one without a play."""
        if self._medium is not None and _NO_MUSIC.search(_text(cells[self._medium])):
            raise NoPlay("podcasts, audiobooks and videos")
        user = self._listener if self._user is None else _text(cells[self._user]) or self._listener
        who = values.listener(user)
        recording = self._recording(*[cells[place] for _, place in self._places])
        time = None if self._time is None else cells[self._time]
        if self._loved:
            return Opinion(who, recording, "like", 0 if _is_empty(time) else self._at(cells))
        if self._kind is not None and not _is_empty(cells[self._kind]):
            kind = _kind(cells[self._kind])
            return Opinion(who, recording, kind, 0 if _is_empty(time) else self._at(cells))
        if self._count is None and self._time is not None:
            if self._is_skip(cells, recording.duration):
                return Opinion(who, recording, "skip", self._at(cells))
            return Listen(who, recording, self._at(cells))
        if self._count is not None and _text(cells[self._count]) in _NO_PLAYS:
            raise NoPlay("tracks without plays")
        count = 1 if self._count is None else values.plays(cells[self._count], self._decimal)
        return PlayCount(who, recording, count, 0 if _is_empty(time) else self._at(cells))

    def _is_skip(self, cells: Sequence[Any], duration: float | None) -> bool:
        """Say whether a row was played for less than SHORTEST_PLAY and half of its length."""
        if self._played is None or _is_empty(cells[self._played]):
            return False
        played = values.seconds(cells[self._played], self._unit, self._decimal) or 0.0
        return played < SHORTEST_PLAY and (duration is None or played < duration / 2)

    def _at(self, cells: Sequence[Any]) -> int:
        """Return the time of a row in Unix seconds. Raises BadValue."""
        time = cells[self._time or 0]
        if _is_empty(time):
            raise BadValue("There is no time.")
        at = values.unix_seconds(time, self._written)
        if self._clock is None or _is_empty(cells[self._clock]):
            return at
        clock = times.clock_seconds(str(cells[self._clock]))
        if clock is None:
            raise BadValue(f"{str(cells[self._clock])[:40]!r} is no time of day.")
        return at + clock

    def _new_recording(self, *cells: Any) -> Recording:
        """Return the recording that some cells name. Raises BadValue."""
        named = dict.fromkeys(_OF_RECORDING) | {
            role: cell for (role, _), cell in zip(self._places, cells, strict=True)
        }
        recording = Recording(
            artist=_text(named["artist"]),
            title=_text(named["title"]),
            album=_text(named["album"]),
            duration=values.seconds(named["duration"], decimal=self._decimal)
            or values.seconds(named["duration_ms"], 1e-3, self._decimal),
            mbid=values.mbid(named["mbid"]) or values.mbid(named["item"]),
            isrc=values.isrc(named["isrc"]) or values.isrc(named["item"]),
            item=_text(named["item"]),
            track_number=values.number(named["track_number"]),
        )
        if recording.title or recording.item or recording.mbid or recording.isrc:
            return recording
        if not recording.artist:
            raise BadValue("It names no track and no artist.")
        return recording._replace(kind="artist")


def _is_empty(cell: object) -> bool:
    return cell is None or cell == "" or (isinstance(cell, float) and math.isnan(cell))


def _text(cell: object) -> str:
    """Return the text of a cell; a whole number is one, however it is stored."""
    if isinstance(cell, str):
        return cell.strip()
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return "" if _is_empty(cell) else str(cell)


def _kind(cell: object) -> FeedbackKind | None:
    text = _text(cell).lower()
    if text not in _KINDS:
        raise BadValue(f"{text[:40]!r} is no feedback: like, dislike, skip or none.")
    return _KINDS[text]
