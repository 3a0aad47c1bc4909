"""What a person says of music, and hears: stars, ratings, scrobbles, playback reports."""

from __future__ import annotations

import re
import time

from flask import g

from recsys.catalog import MarkedKind
from recsys.catalog.marks import HIGHEST
from recsys.served_home import Served
from webui.api.listeners import AHEAD, EARLIEST
from webui.current_listener import writing_listener
from webui.subsonic.endpoints import endpoint, group
from webui.subsonic.errors import PROBLEM, SubsonicError, missing
from webui.subsonic.library import library
from webui.subsonic.parameters import flag, one_of, required, text, texts, unknown, whole, wholes
from webui.subsonic.playback import STATES, PlaybackEvent, Report, playbacks, player_name

_LATEST_MS = 10**15
_FASTEST = 16.0  # times as fast as recorded

api = group("annotation")


@endpoint(api, "star")
def star() -> None:
    """Star songs, albums and artists; a star of a song is a like."""
    _star(on=True)


@endpoint(api, "unstar")
def unstar() -> None:
    """Take stars back."""
    _star(on=False)


@endpoint(api, "setRating")
def set_rating() -> None:
    """Rate a song, an album or an artist; of a song 4 and 5 are a like, 1 and 2 a dislike."""
    view, item = library(), required("id")
    kind = view.kind(item)
    required("rating")
    rating = whole("rating", 0)
    if rating > HIGHEST:
        raise SubsonicError(PROBLEM, f'"rating" takes 1 to {HIGHEST}, or 0 for none.')
    listener, now = writing_listener(view.served), int(time.time())
    view.served.catalog.rate(listener, kind, _item(kind, item), rating or None, now)


@endpoint(api, "scrobble")
def scrobble() -> None:
    """Write that songs were heard, or show what plays now."""
    view, ids = library(), texts("id")
    if not ids:
        raise missing("id")
    tracks = view.tracks(ids)
    if not flag("submission", default=True):
        first = tracks[0]
        report = Report(first.id, first.duration, "playing", 0.0)
        playbacks().show(g.person.listener, player_name(), report, time.time())
        return
    now = int(time.time())
    times = [ms // 1000 for ms in wholes("time", most=_LATEST_MS)]
    times += [now] * (len(tracks) - len(times))
    if any(not EARLIEST <= at <= now + AHEAD for at in times):
        raise SubsonicError(
            PROBLEM, '"time" takes milliseconds since 1970, from the year 2000 to a day from now.'
        )
    plays = [(track.id, at) for track, at in zip(tracks, times, strict=False)]
    view.served.catalog.record_listens(writing_listener(view.served), plays)


@endpoint(api, "reportPlayback")
def report_playback() -> None:
    """Take in what a player plays; listens and skips follow from it."""
    view, song = library(), required("mediaId")
    if one_of("mediaType", ("song", "podcast")) != "song":
        raise unknown("podcast", song)
    track = view.track(song)
    required("positionMs")
    position = whole("positionMs", 0, most=_LATEST_MS) / 1000
    state = next(one for one in STATES if one == one_of("state", STATES))
    counts = not flag("ignoreScrobble", default=False)
    report = Report(track.id, track.duration, state, position, _rate(), counts)
    events = playbacks().take(g.person.listener, player_name(), report, time.time())
    _write(view.served, events)


def _write(served: Served, events: list[PlaybackEvent]) -> None:
    """Write what follows from reports."""
    if not events:
        return
    listener = writing_listener(served)
    heard = [(event.track_id, event.at) for event in events if event.kind == "listen"]
    if heard:
        served.catalog.record_listens(listener, heard)
    for event in events:
        if event.kind == "skip":
            served.catalog.set_feedback(listener, event.track_id, "skip", event.at)


def _rate() -> float:
    """Return how fast a player plays. Raises SubsonicError."""
    given = text("playbackRate") or "1"
    if not re.fullmatch(r"[0-9]{0,3}(\.[0-9]{1,20})?([eE]-?[0-9]{1,2})?", given, re.ASCII):
        raise SubsonicError(PROBLEM, '"playbackRate" takes a number such as 1.5.')
    return min(float(given or 0), _FASTEST)


def _star(*, on: bool) -> None:
    view = library()
    items = [(view.kind(one), one) for one in texts("id") if one]
    items += [("album", view.album(one).id) for one in texts("albumId") if one]
    items += [("artist", view.artist(one).id) for one in texts("artistId") if one]
    if not items:
        raise missing("id")
    marked = [(kind, _item(kind, one)) for kind, one in items]
    view.served.catalog.star(writing_listener(view.served), marked, int(time.time()), on=on)


def _item(kind: MarkedKind, one: str) -> str:
    """Return what a thing is marked by: of a track the id as the catalogue writes it."""
    return str(int(one)) if kind == "track" else one
