"""What plays now, by what players report; and what becomes of it: listens and skips.

A listen is half of a track or four minutes, whichever is less, of what was really heard: seeking is
not hearing. A skip is a track that another one replaced before that.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Literal, NamedTuple

from flask import current_app, g

from webui.subsonic.parameters import text

State = Literal["starting", "playing", "paused", "stopped"]
STATES: tuple[State, ...] = ("starting", "playing", "paused", "stopped")
LONG = 240.0  # s: a listen, however long the track is
AT_ONCE = 20.0  # s after which another track has not replaced the last one
_FORGOTTEN = 1800.0  # s after which a player that reports nothing plays nothing
_MOST_KNOWN = 1000  # players
_SLACK = 2.0  # s by which a report may be late


class Report(NamedTuple):
    """What a player reports; `seconds` is the track's length, None where it is unknown."""

    track_id: int
    seconds: float | None
    state: State
    position: float  # seconds
    rate: float = 1.0
    counts: bool = True  # whether listens and skips may follow


class PlaybackEvent(NamedTuple):
    """What follows from reports: a listen that began at a time in Unix seconds, or a skip."""

    kind: Literal["listen", "skip"]
    track_id: int
    at: int


class Playing(NamedTuple):
    """A track that plays now, and in which player; `minutes` ago it was reported."""

    track_id: int
    player: str
    state: State
    position_ms: int
    rate: float
    minutes: int


@dataclass
class _Player:
    """A player, by its last report."""

    report: Report
    at: float  # Unix seconds
    began: float
    heard: float = 0.0  # seconds
    was_counted: bool = False

    def position(self, now: float) -> float:
        """Return how far the track has come."""
        report = self.report
        moving = report.state in ("starting", "playing")
        position = report.position + (now - self.at) * report.rate * moving
        return position if report.seconds is None else min(position, report.seconds)

    @property
    def is_listen(self) -> bool:
        """Whether enough was heard."""
        seconds = self.report.seconds
        return self.heard >= min(LONG, seconds / 2 if seconds else LONG)


class Playbacks:
    """The players of everybody, in this process. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._players: dict[tuple[str, str], _Player] = {}

    def take(self, listener: str, player: str, report: Report, now: float) -> list[PlaybackEvent]:
        """Take in what a player of somebody reports, and return what follows."""
        with self._lock:
            key = listener, player
            events: list[PlaybackEvent] = []
            last = self._players.get(key)
            is_same = last is not None and last.report.track_id == report.track_id
            if last is not None and (not is_same or report.state == "starting"):
                events += _replaced(last, now, by_another=not is_same)
                last = None
            if last is None:
                if len(self._players) >= _MOST_KNOWN:
                    self._players.clear()
                last = _Player(report, now, now - report.position / max(report.rate, 0.1))
                if report.state == "starting":
                    last.began = now
                self._players[key] = last
                return events
            _hear(last, report.position, now)
            last.report, last.at = report, now
            if report.counts and last.is_listen and not last.was_counted:
                last.was_counted = True
                events.append(PlaybackEvent("listen", report.track_id, int(last.began)))
            return events

    def show(self, listener: str, player: str, report: Report, now: float) -> None:
        """Take in that a player of somebody plays a track, from which nothing follows."""
        with self._lock:
            last = self._players.get((listener, player))
            if last is None or last.report.track_id != report.track_id:
                self._players[listener, player] = _Player(report, now, now)

    def now(self, listener: str, now: float) -> list[Playing]:
        """Return what plays in somebody's players, the latest report first."""
        with self._lock:
            mine = [(key[1], one) for key, one in self._players.items() if key[0] == listener]
        mine.sort(key=lambda pair: -pair[1].at)
        return [
            Playing(
                one.report.track_id,
                player,
                one.report.state,
                round(1000 * one.position(now)),
                one.report.rate,
                int((now - one.at) // 60),
            )
            for player, one in mine
            if one.report.state != "stopped" and now - one.at < _FORGOTTEN
        ]


def _hear(player: _Player, position: float, now: float) -> None:
    """Add what was heard since the last report: what both the clock and the positions say."""
    if player.report.state not in ("starting", "playing"):
        return
    went_on = position - player.report.position
    passed = (now - player.at) * player.report.rate
    player.heard += max(0.0, min(went_on, passed + _SLACK))


def _replaced(last: _Player, now: float, *, by_another: bool) -> list[PlaybackEvent]:
    """Return what follows for a track after which something else begins."""
    if last.was_counted or not last.report.counts:
        return []
    _hear(last, last.position(now), now)
    if last.is_listen:
        return [PlaybackEvent("listen", last.report.track_id, int(last.began))]
    waited = now - last.at if last.report.state in ("paused", "stopped") else 0.0
    if by_another and waited <= AT_ONCE and now - last.at < _FORGOTTEN:
        return [PlaybackEvent("skip", last.report.track_id, int(now))]
    return []


def now_playing() -> list[Playing]:
    """Return what plays in the players of the person who asks."""
    return playbacks().now(g.person.listener, time.time())


def playbacks() -> Playbacks:
    """Return the players of everybody."""
    playbacks: Playbacks = current_app.extensions["playbacks"]
    return playbacks


def player_name() -> str:
    """Return what the asking player calls itself."""
    return (text("c") or "player")[:100]
