"""Navidrome's and Jellyfin's databases: plays, counts, stars and hearts of their users."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from recsys.catalog import Listen, Recording
from recsys.listens import library_counts, values
from recsys.listens.choice import FormatChoice
from recsys.listens.databases import Database, opened
from recsys.listens.notes import Notes
from recsys.listens.repeated import added_up
from recsys.listens.sources import BadLine, FormatError, Source
from recsys.listens.table_rows import Event
from recsys.listens.values import BadValue

_TICKS = 1e-7  # seconds of a tick of .NET
AUDIO = "MediaBrowser.Controller.Entities.Audio.Audio"
_ITEM_NAME = re.compile(r"(?P<artist>.+?) - (?P<title>.+?)(?: \((?P<album>[^()]*)\))?", re.DOTALL)
_NOT_KNOWN = "Not Known"

Reader = Callable[[Database, FormatChoice, Notes], Iterator[Event | str]]


def name_of(source: Source) -> str | None:
    """Return the format of a database, None for one of no server that is known."""
    with opened(source) as database:
        found = _reader(database)
    return found[0] if found else None


def read(source: Source, choice: FormatChoice, notes: Notes) -> Iterator[Event | BadLine]:
    """Read the plays of all users, or of --listener's alone where a user has that name."""
    with opened(source) as database:
        found = _reader(database)
        if found is None:
            raise FormatError(f"{source.name} is a database of no media server that is known.")
        yield from added_up(_numbered(found[1](database, choice, notes), source))


def _numbered(events: Iterator[Event | str], source: Source) -> Iterator[Event | BadLine]:
    for number, event in enumerate(events, start=1):
        yield BadLine(number, event, source.member) if isinstance(event, str) else event


def _reader(database: Database) -> tuple[str, Reader] | None:
    if database.has("annotation", "play_count", "item_id") and database.has("media_file", "title"):
        return "navidrome", _navidrome
    if database.has("PlaybackActivity", "ItemName", "DateCreated", "PlayDuration"):
        return "jellyfin", _playback_reporting
    if database.has("UserData", "PlayCount", "ItemId") and database.has("BaseItems", "Name"):
        return "jellyfin", _jellyfin
    if database.has("UserDatas", "playCount", "key") and database.has("TypedBaseItems", "Name"):
        return "jellyfin", _old_jellyfin
    return None


def _people(choice: FormatChoice, names: dict[str, str]) -> Callable[[str], str | None]:
    """Return how a user's id becomes a listener: None for users who are not asked for.

    `names` by id. With --listener, the user of that name; of a single user of another name, all.
    """
    if not choice.listener:
        return lambda user: names.get(user) or user or None
    wanted = {i for i, name in names.items() if name.casefold() == choice.listener.casefold()}
    if wanted:
        return lambda user: choice.listener if user in wanted else None
    if len(names) > 1:
        raise FormatError(
            f"The database has the users {', '.join(sorted(names.values()))}, and none is called "
            f"{choice.listener!r}: name one with --listener, or leave it out for all."
        )
    return lambda _: choice.listener


def _each(
    rows: Iterator[dict[str, Any]],
    events: Callable[[dict[str, Any], str], Iterator[Event]],
    person: Callable[[str], str | None],
    user: str,
) -> Iterator[Event | str]:
    """Give the events of rows, and a sentence for each that has none."""
    for row in rows:
        if (who := person(str(row[user] or ""))) is None:
            continue
        try:
            yield from events(row, values.listener(who))
        except BadValue as error:
            yield str(error)


# Navidrome

_FILE = (
    *("media_file.title", "media_file.artist", "media_file.album", "media_file.duration"),
    *("media_file.track_number", "media_file.mbz_recording_id", "media_file.mbz_track_id"),
)


def _navidrome(database: Database, choice: FormatChoice, notes: Notes) -> Iterator[Event | str]:
    users = database.rows("user", ["user.id", "user.user_name"])
    person = _people(choice, {row["user.id"]: row["user.user_name"] for row in users})
    has_plays = database.has("scrobbles", "media_file_id", "user_id", "submission_time")
    if has_plays and any(
        True for _ in database.rows("scrobbles", ["scrobbles.user_id"], "LIMIT 1")
    ):
        notes.say("Navidrome's single plays are read; its counts, which include them, are not.")
        columns = [*_FILE, "scrobbles.user_id", "scrobbles.submission_time"]
        rest = "JOIN media_file ON media_file.id = scrobbles.media_file_id"
        rows = database.rows("scrobbles", columns, rest)
        yield from _each(rows, _navidrome_play, person, "scrobbles.user_id")
    else:
        has_plays = False

    def annotated(row: dict[str, Any], who: str) -> Iterator[Event]:
        yield from library_counts.events(
            who,
            _navidrome_recording(row),
            notes,
            plays=0 if has_plays else row["annotation.play_count"],
            last_at=_time(row["annotation.play_date"]),
            stars=row["annotation.rating"] or 0,
            liked=True if row["annotation.starred"] else None,
            said_at=_time(row["annotation.starred_at"]) if row["annotation.starred"] else 0,
        )

    names = ("user_id", "play_count", "play_date", "rating", "starred", "starred_at")
    columns = [*_FILE, *(f"annotation.{name}" for name in names)]
    rest = "JOIN media_file ON media_file.id = annotation.item_id"
    if database.has("annotation", "item_type"):
        rest += " WHERE annotation.item_type = 'media_file'"
    rows = database.rows("annotation", columns, rest)
    yield from _each(rows, annotated, person, "annotation.user_id")


def _navidrome_play(row: dict[str, Any], who: str) -> Iterator[Event]:
    at = values.unix_seconds(row["scrobbles.submission_time"])
    yield Listen(who, _navidrome_recording(row), at)


def _navidrome_recording(row: dict[str, Any]) -> Recording:
    mbid = row["media_file.mbz_recording_id"] or row["media_file.mbz_track_id"]
    return Recording(
        artist=values.words(row["media_file.artist"]),
        title=values.words(row["media_file.title"]),
        album=values.words(row["media_file.album"]),
        duration=values.seconds(row["media_file.duration"]),
        mbid=values.mbid(mbid),
        track_number=values.number(row["media_file.track_number"]),
    )


# Jellyfin


def _playback_reporting(
    database: Database, choice: FormatChoice, notes: Notes
) -> Iterator[Event | str]:
    """Read the Playback Reporting plugin's plays; it names users by their ids."""
    names = ("DateCreated", "UserId", "ItemType", "ItemName", "PlayDuration")
    columns = [f"PlaybackActivity.{name}" for name in names]
    users = {
        row["PlaybackActivity.UserId"]
        for row in database.rows("PlaybackActivity", ["PlaybackActivity.UserId"])
    }
    person = _people(choice, {user: user for user in users if user})
    notes.say("Jellyfin's playback reporting names no lengths: what played for 30 s is a play.")

    def played(row: dict[str, Any], who: str) -> Iterator[Event]:
        if row["PlaybackActivity.ItemType"] != "Audio":
            notes.leave_out("films, episodes and other items that are no music")
            return
        recording = _reported(values.words(row["PlaybackActivity.ItemName"]))
        at = values.unix_seconds(row["PlaybackActivity.DateCreated"])
        if (row["PlaybackActivity.PlayDuration"] or 0) >= library_counts.SHORTEST_PLAY:
            yield Listen(who, recording, at)
        else:
            yield library_counts.skip(who, recording, at)

    rows = database.rows("PlaybackActivity", columns)
    yield from _each(rows, played, person, "PlaybackActivity.UserId")


def _reported(name: str) -> Recording:
    """Return the recording of "Artist - Title (Album)". Raises BadValue."""
    found = _ITEM_NAME.fullmatch(name)
    if not found:
        raise BadValue(f"{name[:40]!r} names no artist and title.")
    artist, title, album = (
        "" if part in (None, _NOT_KNOWN) else part
        for part in found.group("artist", "title", "album")
    )
    if not title:
        raise BadValue(f"{name[:40]!r} names no title.")
    return Recording(artist, title, album)


def _jellyfin(database: Database, choice: FormatChoice, notes: Notes) -> Iterator[Event | str]:
    """Read the counts and hearts of jellyfin.db (10.11 and later)."""
    users = (
        database.rows("Users", ["Users.Id", "Users.Username"])
        if (database.has("Users", "Id", "Username"))
        else iter(())
    )
    person = _people(choice, {row["Users.Id"]: row["Users.Username"] for row in users})
    items = ("Type", "Name", "Artists", "AlbumArtists", "Album", "RunTimeTicks", "IndexNumber")
    data = ("UserId", "PlayCount", "LastPlayedDate", "IsFavorite", "Likes")
    columns = [*(f"BaseItems.{n}" for n in items), *(f"UserData.{n}" for n in data)]
    rest = "JOIN BaseItems ON BaseItems.Id = UserData.ItemId"
    rows = database.rows("UserData", columns, rest)
    yield from _each(rows, _counted("BaseItems", "UserData", notes), person, "UserData.UserId")


def _old_jellyfin(database: Database, choice: FormatChoice, notes: Notes) -> Iterator[Event | str]:
    """Read the counts and hearts of library.db (before 10.11), whose users are in another file."""
    found = database.rows("UserDatas", ["UserDatas.userId"], "GROUP BY userId")
    person = _people(
        choice, {str(row["UserDatas.userId"]): str(row["UserDatas.userId"]) for row in found}
    )
    items = ("type", "Name", "Artists", "AlbumArtists", "Album", "RunTimeTicks", "IndexNumber")
    data = ("userId", "playCount", "lastPlayedDate", "isFavorite", "rating")
    columns = [*(f"TypedBaseItems.{n}" for n in items), *(f"UserDatas.{n}" for n in data)]
    rest = "JOIN TypedBaseItems ON TypedBaseItems.UserDataKey = UserDatas.key"
    rows = database.rows("UserDatas", columns, rest)
    renamed = ({key.lower(): value for key, value in row.items()} for row in rows)
    events = _counted("typedbaseitems", "userdatas", notes)
    yield from _each(renamed, events, person, "userdatas.userid")


def _counted(
    item: str, data: str, notes: Notes
) -> Callable[[dict[str, Any], str], Iterator[Event]]:
    """Return how a row of an item and a user's data of it becomes events."""

    def events(row: dict[str, Any], who: str) -> Iterator[Event]:
        cells = {key.partition(".")[2].lower(): value for key, value in row.items()}
        if cells["type"] != AUDIO:
            notes.leave_out("films, episodes and other items that are no music")
            return
        likes = cells.get("likes")
        liked = None if likes is None else bool(likes)
        yield from library_counts.events(
            who,
            jellyfin_recording(cells),
            notes,
            plays=cells["playcount"],
            last_at=_time(cells["lastplayeddate"]),
            liked=True if cells["isfavorite"] else liked,
        )

    return events


def jellyfin_recording(cells: Mapping[str, Any]) -> Recording:
    """Return the recording of an item, by its columns in lower case."""
    artists = values.words(cells["artists"]) or values.words(cells["albumartists"])
    return Recording(
        artist=", ".join(_listed(artists)),
        title=values.words(cells["name"]),
        album=values.words(cells["album"]),
        duration=values.seconds(cells["runtimeticks"], _TICKS),
        track_number=values.number(cells["indexnumber"]),
    )


def _listed(artists: str) -> list[str]:
    """Return the artists of "A|B", or of a JSON list."""
    try:
        names = json.loads(artists)
    except (ValueError, RecursionError):
        names = artists.split("|")
    if not isinstance(names, list):
        names = [artists]
    return [name for name in map(values.words, names) if name]


def _time(value: object) -> int:
    """Return a time in Unix seconds, 0 for what is none."""
    try:
        return values.unix_seconds(str(value).partition(" +")[0] if value else None)
    except BadValue:
        return 0
