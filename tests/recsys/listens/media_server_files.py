"""Databases of Navidrome and Jellyfin, made by code as these servers have them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

AUDIO = "MediaBrowser.Controller.Entities.Audio.Audio"
ARTIST = "MediaBrowser.Controller.Entities.Audio.MusicArtist"
FILM = "MediaBrowser.Controller.Entities.Movies.Movie"

NAVIDROME = """
CREATE TABLE library (id INTEGER PRIMARY KEY, name TEXT, path TEXT);
CREATE TABLE artist (id TEXT PRIMARY KEY, name TEXT, sort_artist_name TEXT);
CREATE TABLE media_file (id TEXT PRIMARY KEY, path TEXT, title TEXT, album TEXT, artist TEXT,
  artist_id TEXT, duration REAL, track_number INTEGER, mbz_recording_id TEXT, tags JSONB,
  missing BOOLEAN DEFAULT FALSE, library_id INTEGER DEFAULT 1);
CREATE TABLE annotation (user_id, item_id, item_type, play_count, play_date);
"""
JELLYFIN = """
CREATE TABLE BaseItems (Id TEXT PRIMARY KEY, Type TEXT, Name TEXT, Artists TEXT, AlbumArtists TEXT,
  Album TEXT, RunTimeTicks INTEGER, IndexNumber INTEGER, Path TEXT);
CREATE TABLE BaseItemProviders (ItemId TEXT, ProviderId TEXT, ProviderValue TEXT);
"""
OLD_JELLYFIN = """
CREATE TABLE TypedBaseItems (guid GUID PRIMARY KEY, type TEXT, Name TEXT, Artists TEXT,
  AlbumArtists TEXT, Album TEXT, RunTimeTicks INTEGER, IndexNumber INTEGER, Path TEXT,
  ProviderIds TEXT);
"""


class Song(NamedTuple):
    """A song of a media server; `id` as its API has it."""

    id: str
    title: str
    artist: str
    path: str = ""
    album: str = ""
    seconds: float = 1.0
    mbid: str = ""
    isrc: str = ""


def navidrome(
    path: Path, songs: Iterable[Song], artists: Sequence[tuple[str, str]] = (), root: str = "/music"
) -> Path:
    """Make Navidrome's database; paths are as seen from its library's folder."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(NAVIDROME)
        connection.execute("INSERT INTO library VALUES (1, 'Music', ?)", (root,))
        connection.executemany("INSERT INTO artist (id, name) VALUES (?, ?)", artists)
        for song in songs:
            tags = json.dumps({"isrc": [{"id": "x", "value": song.isrc}]} if song.isrc else {})
            row = (song.id, song.path, song.title, song.album, song.artist, song.seconds)
            connection.execute(
                "INSERT INTO media_file (id, path, title, album, artist, duration,"
                " mbz_recording_id, tags) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (*row, song.mbid, tags),
            )
        connection.commit()
    return path


def jellyfin(
    path: Path, songs: Iterable[Song], artists: Sequence[tuple[str, str]] = (), *, old: bool = False
) -> Path:
    """Make Jellyfin's database, of 10.11, or `old` of an earlier one."""

    def key(item_id: str) -> object:
        return UUID(item_id).bytes_le if old else str(UUID(item_id)).upper()

    table = "TypedBaseItems" if old else "BaseItems"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(OLD_JELLYFIN if old else JELLYFIN)
        names = f"{'guid' if old else 'Id'}, Type, Name"
        connection.execute(
            f"INSERT INTO {table} ({names}) VALUES (?, ?, 'Film')", (key(32 * "f"), FILM)
        )
        for artist_id, name in artists:
            connection.execute(
                f"INSERT INTO {table} ({names}) VALUES (?, ?, ?)", (key(artist_id), ARTIST, name)
            )
        for song in songs:
            connection.execute(
                f"INSERT INTO {table} ({names}, Artists, Album, RunTimeTicks, Path)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    *(key(song.id), AUDIO, song.title, song.artist, song.album),
                    *(round(song.seconds * 10_000_000), song.path),
                ),
            )
            if old:
                provided = f"MusicBrainzTrack=x|MusicBrainzRecording={song.mbid}"
                connection.execute(
                    "UPDATE TypedBaseItems SET ProviderIds = ? WHERE guid = ?",
                    (provided, key(song.id)),
                )
            elif song.mbid:
                connection.execute(
                    "INSERT INTO BaseItemProviders VALUES (?, 'MusicBrainzRecording', ?)",
                    (key(song.id), song.mbid),
                )
        connection.commit()
    return path
