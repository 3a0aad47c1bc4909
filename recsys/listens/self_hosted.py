"""Exports of scrobble servers that people run themselves: Maloja, Koito, multi-scrobbler."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recsys.catalog import Listen, Recording
from recsys.listens import values
from recsys.listens.json_records import Around, RecordFormat
from recsys.listens.values import BadValue


def _is_maloja(entry: Mapping[str, Any]) -> bool:
    track = entry.get("track")
    return "time" in entry and isinstance(track, dict) and "artists" in track and "title" in track


def _maloja(entry: dict[str, Any], around: Around) -> list[Listen]:
    """Read a scrobble of a Maloja export or of its API. Raises BadValue."""
    track = entry["track"]
    album = track.get("album")
    album = album.get("albumtitle") or album.get("name") if isinstance(album, dict) else album
    recording = Recording(
        artist=joined(track["artists"]),
        title=_titled(track["title"]),
        album=values.words(album),
        duration=values.seconds(track.get("length")),
    )
    return [Listen(around.owner(), recording, values.unix_seconds(entry["time"]))]


def _is_koito(entry: Mapping[str, Any]) -> bool:
    track = entry.get("track")
    return "listened_at" in entry and isinstance(track, dict) and "aliases" in track


def _koito(entry: dict[str, Any], around: Around) -> list[Listen]:
    """Read a listen of a Koito export. Raises BadValue."""
    track = entry["track"]
    album = entry.get("album")
    artists = entry.get("artists")
    credited = (
        [part for part in artists if isinstance(part, dict)] if isinstance(artists, list) else []
    )
    credited.sort(key=lambda artist: artist.get("is_primary") is not True)
    recording = Recording(
        artist=joined([_alias(artist) for artist in credited]),
        title=_titled(_alias(track)),
        album=_alias(album) if isinstance(album, dict) else "",
        duration=values.seconds(track.get("duration")),
        mbid=values.mbid(track.get("mbid")),
    )
    return [Listen(around.owner(), recording, values.unix_seconds(entry["listened_at"]))]


def _alias(named: dict[str, Any]) -> str:
    """Return the primary alias of a track, an album or an artist."""
    aliases = named.get("aliases")
    known = [one for one in aliases if isinstance(one, dict)] if isinstance(aliases, list) else []
    known.sort(key=lambda one: one.get("is_primary") is not True)
    return next(filter(None, (values.words(one.get("alias")) for one in known)), "")


def _is_play(entry: Mapping[str, Any]) -> bool:
    play = entry.get("play", entry)
    data = play.get("data") if isinstance(play, dict) else None
    return isinstance(data, dict) and "track" in data and "playDate" in data


def _play(entry: dict[str, Any], around: Around) -> list[Listen]:
    """Read a play of multi-scrobbler. Raises BadValue."""
    data = entry.get("play", entry)["data"]
    meta = data.get("meta")
    brainz = meta.get("brainz") if isinstance(meta, dict) else None
    brainz = brainz if isinstance(brainz, dict) else {}
    recording = Recording(
        artist=joined(data.get("artists")),
        title=_titled(data["track"]),
        album=values.words(data.get("album")),
        duration=values.seconds(data.get("duration")),
        mbid=values.mbid(brainz.get("recording")) or values.mbid(brainz.get("track")),
        isrc=values.isrc(data.get("isrc")),
    )
    return [Listen(around.owner(), recording, values.unix_seconds(data["playDate"]))]


def joined(artists: object) -> str:
    """Return artists given as a list of names or of objects with one, or as a text, in a text."""
    if not isinstance(artists, list):
        artists = [artists]
    names = (one.get("name") if isinstance(one, dict) else one for one in artists)
    return ", ".join(filter(None, map(values.words, names)))


def _titled(title: object) -> str:
    if not (words := values.words(title)):
        raise BadValue("It has no title.")
    return words


RECORDS = (
    RecordFormat("koito", _is_koito, _koito),
    RecordFormat("maloja", _is_maloja, _maloja),
    RecordFormat("multiscrobbler", _is_play, _play),
)
