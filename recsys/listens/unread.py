"""What files of other programs are that hold no listening history, or none that is read.

A file that a person may well try is refused by what it is, with what to do instead.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from recsys.listens.databases import Database

_OF_ANOTHER = "Have the player send its plays to ListenBrainz or Last.fm, and import their export"
_AS_TABLE = "Export its play counts as a table with artist, title and count (CSV), and import that"
_PLAYLIST = "a playlist, which says nothing of plays: import it on the page of playlists"
_PROLOGUE = re.compile(r"\A(?:\s|<\?xml[^>]*>|<!--.*?-->)+", re.DOTALL)
# Of databases: the program, and tables with columns that only its have.
_DATABASES: Sequence[tuple[str, str, Mapping[str, Sequence[str]]]] = (
    ("the library of Strawberry or Clementine", _AS_TABLE, {"songs": ("playcount", "skipcount")}),
    ("a library of beets", _AS_TABLE, {"items": ("path",), "item_attributes": ("key",)}),
    ("MPD's stickers", _AS_TABLE, {"sticker": ("uri", "name", "value")}),
    ("a library of Plex", _OF_ANOTHER, {"metadata_items": (), "metadata_item_views": ()}),
    ("a library of Banshee", _AS_TABLE, {"CoreTracks": (), "CoreArtists": ()}),
    ("a library of Poweramp", _OF_ANOTHER, {"folder_files": ("played_times",)}),
    ("a library of Mixxx", _AS_TABLE, {"library": ("timesplayed",), "track_locations": ()}),
    ("Kodi's library of music", _AS_TABLE, {"song": ("strTitle", "iTimesPlayed")}),
    ("a library of Lyrion (Squeezebox)", _AS_TABLE, {"tracks_persistent": ("playcount",)}),
    ("a library of Funkwhale", _OF_ANOTHER, {"history_listening": ()}),
    ("a library of Koel", _OF_ANOTHER, {"interactions": ("play_count", "song_id")}),
    ("a home of Earshot", "Its plays are in it already", {"recordings": (), "listens": ()}),
)
# Of texts: the program, what to do, and how they begin.
_TEXTS: Sequence[tuple[str, str, re.Pattern[str]]] = tuple(
    (what, instead, re.compile(beginning, re.IGNORECASE))
    for what, instead, beginning in (
        ("Rhythmbox' library", _AS_TABLE, r"<rhythmdb[\s>]"),
        ("Rhythmbox' file of all playlists", "Export one as M3U or XSPF", r"<rhythmdb-playlists\b"),
        ("a playlist of Winamp's B4S form", "Export it as M3U", r"<WinampXML\b"),
        ("a collection of Traktor", _AS_TABLE, r"<NML\b"),
        ("a collection of rekordbox", _AS_TABLE, r"<DJ_PLAYLISTS\b"),
        ("statistics of foobar2000", _AS_TABLE, r"<PlaybackStatistics\b"),
        ("MPD's database, which holds no plays", _AS_TABLE, r"info_begin\s+format:"),
        ("a log of MPD", _OF_ANOTHER, r"[^\n]{1,40}: (?:player|client|update): "),
        ("Rockbox' database of tags", "Import its .scrobbler.log", r"## Changelog version \d"),
        ("Rockbox' playback.log", "Import its .scrobbler.log", r"#?\s*\d{6,10}:\d+:\d+:/[^\n]"),
        ("a text of lyrics", "Leave it beside its song", r"\[(?:\d+:\d\d[.:]|ti:|ar:|al:)"),
        (
            "a cue sheet",
            "Leave it beside its album",
            r"REM (?:GENRE|DATE|DISCID|COMMENT)\b|(?:FILE|PERFORMER) \"",
        ),
        (_PLAYLIST, "", r"#EXTM3U|#EXTINF|\[playlist\]|<\?wpl|<(?:asx|smil|playlist)\b"),
        (
            "a web page",
            "Import an export of the service, or an answer of its API",
            r"<(?:!doctype )?html",
        ),
    )
)
# Of tables: the program, what to do, and columns that only its have, in lower case.
_TABLES: Sequence[tuple[str, str, frozenset[str]]] = (
    (
        "TuneMyMusic's table of playlists",
        "It says nothing of plays: import the history of the service itself",
        frozenset({"track name", "artist name", "playlist name", "type"}),
    ),
    (
        "Apple Music's list of favourites",
        "The plays are in Apple Music Play Activity.csv",
        frozenset({"favorite type", "item reference", "preference"}),
    ),
    (
        "Apple Music's daily history, which names no artists apart from titles",
        "The plays are in Apple Music Play Activity.csv",
        frozenset({"track description", "date played", "track identifier"}),
    ),
    (
        "YouTube Music's list of saved songs, which says nothing of plays",
        "The plays are in watch-history.json",
        frozenset({"video id", "song title", "album title"}),
    ),
    (
        "a history of Serato, whose times of day have no dates",
        "Add a column of dates, and name it with --columns time=COLUMN",
        frozenset({"name", "artist", "start time", "deck"}),
    ),
)
_KEYS: Sequence[tuple[str, str, frozenset[str]]] = (  # of records in JSON, in the same way
    (
        "Apple Music's list of the library",
        "The plays are in Apple Music Play Activity.csv",
        frozenset({"Track Identifier", "Title", "Track Play Count"}),
    ),
    (
        "an answer of Jellyfin or Emby",
        "Import the server's database, jellyfin.db",
        frozenset({"Name", "RunTimeTicks", "UserData"}),
    ),
    (
        "a history of Plex by Tautulli",
        "Export it as a table (CSV), and name its columns with --columns",
        frozenset({"grandparent_title", "parent_title", "media_type"}),
    ),
)


class Unread(NamedTuple):
    """What a file is that is not read as a history, and what to do instead, "" for nothing."""

    what: str
    instead: str

    @property
    def is_playlist(self) -> bool:
        """Whether it is a playlist of a form that is read as one."""
        return self.what == _PLAYLIST

    @property
    def sentence(self) -> str:
        """Both, as a sentence goes on after "It is"."""
        return f"{self.what}. {self.instead}." if self.instead else f"{self.what}."


def of_database(database: Database) -> Unread | None:
    """Say what a database is, None for one of a program that is not known here."""
    for what, instead, tables in _DATABASES:
        if all(
            table in database.tables and database.has(table, *columns)
            for table, columns in tables.items()
        ):
            return Unread(what, instead)
    return None


def of_text(head: str) -> Unread | None:
    """Say what a text is by its beginning, None for one that is not known here."""
    head = _PROLOGUE.sub("", head)
    found = (Unread(what, instead) for what, instead, begins in _TEXTS if begins.match(head))
    return next(found, None)


def of_header(header: Sequence[str]) -> Unread | None:
    """Say what a table is by its columns, None for one that is not known here."""
    return _of_names(_TABLES, {name.strip().casefold() for name in header})


def of_keys(keys: Sequence[str]) -> Unread | None:
    """Say what records in JSON are by their keys, None for ones that are not known here."""
    return _of_names(_KEYS, set(keys))


def _of_names(known: Sequence[tuple[str, str, frozenset[str]]], names: set[str]) -> Unread | None:
    return next((Unread(what, instead) for what, instead, own in known if own <= names), None)
