"""Spotify's account data: the extended streaming history, the history of a year, saved tracks.

A play is what was played to its end, or for 30 seconds, Spotify's own measure. What was skipped, or
played shorter, is a skip.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recsys.catalog import Listen, Opinion, Recording
from recsys.listens import values
from recsys.listens.json_records import Around, RecordFormat
from recsys.listens.values import BadValue

SHORTEST_PLAY = 30_000  # milliseconds
_NAME = "master_metadata_track_name"
_PODCASTS = ("spotify_episode_uri", "episode_name", "audiobook_uri", "audiobook_title")


def _is_extended(entry: Mapping[str, Any]) -> bool:
    return "ms_played" in entry and (_NAME in entry or "spotify_track_uri" in entry)


def _extended(entry: dict[str, Any], around: Around) -> list[Listen | Opinion]:
    """Read a row of endsong_N.json or Streaming_History_Audio_*.json. Raises BadValue."""
    if entry.get("incognito_mode") is True:
        around.notes.leave_out("plays in private sessions")
        return []
    title = values.words(entry.get(_NAME))
    uri = values.words(entry.get("spotify_track_uri"))
    if not title and any(entry.get(key) for key in _PODCASTS):
        around.notes.leave_out("podcast episodes and audiobooks")
        return []
    if not title and not uri:
        around.notes.leave_out("plays without a name")
        return []
    recording = Recording(
        artist=values.words(entry.get("master_metadata_album_artist_name")),
        title=title,
        album=values.words(entry.get("master_metadata_album_album_name")),
        item=uri,
    )
    who = around.owner(entry.get("username"))
    at = values.unix_seconds(entry.get("ts"))
    is_skipped = entry.get("skipped") in (True, 1)
    is_whole = entry.get("reason_end") == "trackdone"
    return [_played(who, recording, at, _milliseconds(entry["ms_played"]), is_skipped, is_whole)]


def _is_of_a_year(entry: Mapping[str, Any]) -> bool:
    return "msPlayed" in entry and "endTime" in entry


def _of_a_year(entry: dict[str, Any], around: Around) -> list[Listen | Opinion]:
    """Read a row of StreamingHistory_music_N.json; its times are of UTC. Raises BadValue."""
    if "podcastName" in entry or "episodeName" in entry:
        around.notes.leave_out("podcast episodes and audiobooks")
        return []
    recording = Recording(
        artist=values.words(entry.get("artistName")), title=values.words(entry.get("trackName"))
    )
    if not recording.title:
        raise BadValue("It has no trackName.")
    at = values.unix_seconds(entry["endTime"])
    return [_played(around.owner(), recording, at, _milliseconds(entry["msPlayed"]), False, False)]


def _is_saved(entry: Mapping[str, Any]) -> bool:
    uri = entry.get("uri")
    is_track = isinstance(uri, str) and uri.startswith("spotify:track:")
    return is_track and "track" in entry and "artist" in entry


def _saved(entry: dict[str, Any], around: Around) -> list[Opinion]:
    """Read a track of YourLibrary.json: a like. Raises BadValue."""
    if around.keys[-1:] != ("tracks",):
        around.notes.leave_out("tracks that are hidden or in other lists of Spotify's library")
        return []
    recording = Recording(
        artist=values.words(entry.get("artist")),
        title=values.words(entry.get("track")),
        album=values.words(entry.get("album")),
        item=values.words(entry.get("uri")),
    )
    around.notes.say("Tracks saved in Spotify's library are likes.")
    return [Opinion(around.owner(), recording, "like", 0)]


def _is_of_a_playlist(entry: Mapping[str, Any]) -> bool:
    return "trackUri" in entry and "trackName" in entry and "msPlayed" not in entry


def _of_a_playlist(entry: dict[str, Any], around: Around) -> list[Opinion]:
    around.notes.leave_out("tracks of Spotify's playlists, which are no plays")
    return []


def _played(
    who: str, recording: Recording, at: int, milliseconds: float, is_skipped: bool, is_whole: bool
) -> Listen | Opinion:
    """Return the play or the skip of a row."""
    if is_skipped or (milliseconds < SHORTEST_PLAY and not is_whole):
        return Opinion(who, recording, "skip", at)
    return Listen(who, recording, at)


def _milliseconds(value: object) -> float:
    """Return a length of a play. Raises BadValue."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise BadValue(f"{str(value)[:40]!r} is no length of a play.")
    return value


RECORDS = (
    RecordFormat("spotify", _is_extended, _extended),
    RecordFormat("spotify", _is_of_a_year, _of_a_year),
    RecordFormat("spotify", _is_saved, _saved),
    RecordFormat("spotify", _is_of_a_playlist, _of_a_playlist),
)
