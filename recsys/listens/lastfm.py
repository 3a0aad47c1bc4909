"""Last.fm: recent, loved and top tracks of a user, as the API answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recsys.catalog import Listen, Opinion, PlayCount, Recording
from recsys.listens import values
from recsys.listens.json_records import Around, RecordFormat
from recsys.listens.values import BadValue

_OTHER_KEYS = ("date", "@attr", "mbid", "streamable", "image", "url", "loved", "playcount")


def _is_track(entry: Mapping[str, Any]) -> bool:
    has_names = "artist" in entry and "name" in entry
    return has_names and "ms_played" not in entry and any(key in entry for key in _OTHER_KEYS)


def _events(track: dict[str, Any], around: Around) -> list[Listen | Opinion | PlayCount]:
    """Turn a track into a listen, a like or a count, or nothing. Raises BadValue."""
    recording = Recording(
        artist=_text(track.get("artist")),
        title=values.words(track.get("name")),
        album=_text(track.get("album")),
        mbid=values.mbid(track.get("mbid")),
    )
    date = track.get("date")
    at = date.get("uts") or date.get("#text") if isinstance(date, dict) else date
    attributes = track.get("@attr")
    is_playing = isinstance(attributes, dict) and attributes.get("nowplaying")
    is_ours = not track.keys() & {"listeners", "userplaycount"}  # the count, not everybody's
    if date is None and not around.loved and "playcount" in track and is_ours and recording.title:
        return [PlayCount(around.owner(), recording, values.plays(track["playcount"]))]
    if is_playing or (date is None and not around.loved):
        around.notes.leave_out("tracks playing at the time of the export, or without a time")
        return []
    if not recording.title:
        raise BadValue("It has no name.")
    who = around.owner()
    if around.loved:
        return [Opinion(who, recording, "like", values.unix_seconds(at) if at else 0)]
    listen = Listen(who, recording, values.unix_seconds(at))
    if str(track.get("loved")) == "1":
        return [listen, Opinion(who, recording, "like", 0)]
    return [listen]


def _text(value: Any) -> str:
    """Return the name of an artist or album, in the short or the long form of the service."""
    if isinstance(value, dict):
        value = value.get("#text") or value.get("name")
    return values.words(value)


RECORDS = RecordFormat("lastfm", _is_track, _events)
