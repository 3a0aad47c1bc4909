"""A media server's songs and artists by its own ids, from Navidrome's or Jellyfin's database."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from recsys.catalog import Recording
from recsys.listens import values
from recsys.listens.databases import Database, opened
from recsys.listens.media_servers import AUDIO, jellyfin_recording
from recsys.listens.sources import FormatError, Source

_ARTIST = "MediaBrowser.Controller.Entities.Audio.MusicArtist"
_RECORDING_ID = "MusicBrainzRecording"  # Jellyfin's own MusicBrainzTrack is of a release's track
_UUID = re.compile(r"[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}")


class ServerSong(NamedTuple):
    """A song of a media server.

    id    as `canonical_id` writes it
    path  of its file, as the server sees it, "" where it does not say
    """

    id: str
    recording: Recording
    path: str


@dataclass(frozen=True)
class ServerItems:
    """What a media server has; `artists` are names by id."""

    server: str
    songs: tuple[ServerSong, ...]
    artists: dict[str, str]


def canonical_id(text: str) -> str:
    """Return an id as it is compared: a UUID in Jellyfin's form, anything else as it is.

    >>> canonical_id("5E3A6F0C-0000-4000-8000-00000000000A"), canonical_id("4UIHGchWmFKcqg")
    ('5e3a6f0c00004000800000000000000a', '4UIHGchWmFKcqg')
    """
    return UUID(text).hex if _UUID.fullmatch(text) else text


def read_items(path: Path) -> ServerItems:
    """Read a media server's database, which may be in use; nothing in it is changed.

    Raises FormatError for a file that is damaged or of no server that is known, and OSError.
    """
    source = Source(path)
    with opened(source) as database:
        if database.has("media_file", "id", "title", "path"):
            songs, artists = _navidrome(database), _navidrome_artists(database)
            return ServerItems("Navidrome", tuple(songs), artists)
        if database.has("BaseItems", "Id", "Type", "Name", "Path"):
            songs, artists = _jellyfin(database), _jellyfin_artists(database)
            return ServerItems("Jellyfin", tuple(songs), artists)
        if database.has("TypedBaseItems", "guid", "type", "Name", "Path"):
            songs, artists = _old_jellyfin(database), _old_jellyfin_artists(database)
            return ServerItems("Jellyfin", tuple(songs), artists)
    raise FormatError(
        f"{source.name} is no database of Navidrome (navidrome.db) or Jellyfin (jellyfin.db, "
        "library.db)."
    )


# Navidrome

_SONG = ("id", "title", "artist", "album", "duration", "track_number", "path", "missing", "tags")
_SONG_IDS = ("mbz_recording_id", "library_id")


def _navidrome(database: Database) -> Iterator[ServerSong]:
    roots: dict[Any, str] = {}
    if database.has("library", "id", "path"):
        rows = database.rows("library", ["library.id", "library.path"])
        roots = {row["library.id"]: values.words(row["library.path"]) for row in rows}
    columns = [f"media_file.{name}" for name in (*_SONG, *_SONG_IDS)]
    for row in database.rows("media_file", columns, "ORDER BY media_file.id"):
        cells = {name.partition(".")[2]: value for name, value in row.items()}
        if cells["missing"] or not cells["id"]:
            continue
        recording = Recording(
            artist=values.words(cells["artist"]),
            title=values.words(cells["title"]),
            album=values.words(cells["album"]),
            duration=values.seconds(cells["duration"]),
            mbid=values.mbid(cells["mbz_recording_id"]),
            isrc=values.isrc(_first_tag(cells["tags"], "isrc")),
            track_number=values.number(cells["track_number"]),
        )
        path = str(cells["path"] or "")
        if not path.startswith("/"):  # since 0.55 as seen from the library's folder
            path = f"{roots.get(cells['library_id'], '')}/{path}"
        yield ServerSong(canonical_id(str(cells["id"])), recording, path)


def _first_tag(tags: object, name: str) -> str | None:
    """Return the first value of a tag in Navidrome's JSON: {"isrc": [{"value": "…"}]}."""
    try:
        found = json.loads(str(tags or "{}"))[name][0]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return str(found.get("value", "")) if isinstance(found, dict) else str(found)


def _navidrome_artists(database: Database) -> dict[str, str]:
    if not database.has("artist", "id", "name"):
        return {}
    rows = database.rows("artist", ["artist.id", "artist.name"])
    return {canonical_id(str(row["artist.id"])): values.words(row["artist.name"]) for row in rows}


# Jellyfin

_ITEM = ("Name", "Artists", "AlbumArtists", "Album", "RunTimeTicks", "IndexNumber", "Path")


def _jellyfin(database: Database) -> Iterator[ServerSong]:
    """Read the songs of jellyfin.db (10.11 and later)."""
    mbids: dict[Any, str] = {}
    if database.has("BaseItemProviders", "ItemId", "ProviderId", "ProviderValue"):
        columns = ["BaseItemProviders.ItemId", "BaseItemProviders.ProviderValue"]
        where = f"WHERE ProviderId = '{_RECORDING_ID}'"
        rows = database.rows("BaseItemProviders", columns, where)
        mbids = {row[columns[0]]: row[columns[1]] for row in rows}
    columns = ["BaseItems.Id", *(f"BaseItems.{name}" for name in _ITEM)]
    for row in database.rows("BaseItems", columns, f"WHERE Type = '{AUDIO}' ORDER BY Id"):
        song = _jellyfin_song(row, "id", mbids.get(row["BaseItems.Id"]))
        if song is not None:
            yield song


def _old_jellyfin(database: Database) -> Iterator[ServerSong]:
    """Read the songs of library.db (before 10.11)."""
    columns = [f"TypedBaseItems.{name}" for name in ("guid", "ProviderIds", *_ITEM)]
    for row in database.rows("TypedBaseItems", columns, f"WHERE type = '{AUDIO}' ORDER BY guid"):
        found = re.search(
            rf"(?:^|\|){_RECORDING_ID}=([^|]+)", str(row["TypedBaseItems.ProviderIds"])
        )
        song = _jellyfin_song(row, "guid", found[1] if found else None)
        if song is not None:
            yield song


def _jellyfin_song(row: dict[str, Any], key: str, mbid: object) -> ServerSong | None:
    cells = {name.partition(".")[2].lower(): value for name, value in row.items()}
    item_id = _jellyfin_id(cells[key])
    if item_id is None:
        return None
    recording = jellyfin_recording(cells)._replace(mbid=values.mbid(mbid))
    return ServerSong(item_id, recording, str(cells["path"] or ""))


def _jellyfin_id(value: object) -> str | None:
    """Return an item's id as Jellyfin's API has it, from a text or from .NET's 16 bytes."""
    if isinstance(value, bytes):
        return UUID(bytes_le=value).hex if len(value) == 16 else None
    return canonical_id(value) if isinstance(value, str) and _UUID.fullmatch(value) else None


def _jellyfin_artists(database: Database) -> dict[str, str]:
    columns = ["BaseItems.Id", "BaseItems.Name"]
    return _named(database.rows("BaseItems", columns, f"WHERE Type = '{_ARTIST}'"), *columns)


def _old_jellyfin_artists(database: Database) -> dict[str, str]:
    columns = ["TypedBaseItems.guid", "TypedBaseItems.Name"]
    return _named(database.rows("TypedBaseItems", columns, f"WHERE type = '{_ARTIST}'"), *columns)


def _named(rows: Iterator[dict[str, Any]], key: str, name: str) -> dict[str, str]:
    named = ((_jellyfin_id(row[key]), values.words(row[name])) for row in rows)
    return {item_id: words for item_id, words in named if item_id}
