"""What the columns of a table hold: found by their usual names, or named by hand."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from recsys.catalog import FeedbackKind, Listen, Opinion, PlayCount, Recording
from recsys.listens import values
from recsys.listens.sources import FormatError, Source
from recsys.listens.values import BadValue

Event = Listen | PlayCount | Opinion

# What a column may hold, and the names it goes by elsewhere; the first found is taken.
COLUMNS: Mapping[str, Sequence[str]] = {
    "user": ("user", "user_id", "userid", "user_name", "username", "listener", "user_hash"),
    "item": ("item", "item_id", "itemid", "track_id", "trackid", "song_id", "songid", "song"),
    "artist": ("artist", "artist_name", "artistname"),
    "title": ("title", "track_name", "trackname", "name"),
    "album": ("album", "album_name", "release", "release_name"),
    "mbid": ("recording_mbid", "mbid", "track_mbid"),
    "isrc": ("isrc",),
    "duration": ("duration", "length", "seconds"),
    "duration_ms": ("duration_ms", "length_ms"),
    "count": ("count", "plays", "playcount", "play_count", "listen_count", "listens", "weight"),
    "time": ("time", "timestamp", "listened_at", "uts", "played_at", "date", "utc_time"),
    "kind": ("kind", "feedback"),
}
_KINDS: Mapping[str, FeedbackKind | None] = {
    "like": "like",
    "love": "like",
    "1": "like",
    "dislike": "dislike",
    "hate": "dislike",
    "-1": "dislike",
    "skip": "skip",
    "none": None,
    "0": None,
}


_HEARD = ("item", "artist", "title", "album", "mbid", "isrc", "duration", "duration_ms")
_RECORDINGS_KEPT = 50_000


class TableRow:
    """What the columns of a table mean."""

    def __init__(self, roles: Mapping[str, int], listener: str) -> None:
        """Take the place of each role's column."""
        self._listener = listener
        self._user, self._count, self._time, self._kind = (
            roles.get(role) for role in ("user", "count", "time", "kind")
        )
        self._heard = [(role, roles[role]) for role in _HEARD if role in roles]
        self._recording = lru_cache(_RECORDINGS_KEPT)(self._new_recording)

    def event(self, cells: Sequence[Any]) -> Event:
        """Return what a row says. Raises BadValue."""
        user = self._listener if self._user is None else _text(cells[self._user])
        who = values.listener(user)
        recording = self._recording(*[cells[place] for _, place in self._heard])
        time = None if self._time is None else cells[self._time]
        if self._kind is not None and not _is_empty(cells[self._kind]):
            said = _kind(cells[self._kind])
            return Opinion(who, recording, said, 0 if _is_empty(time) else _time(time))
        if self._count is None and self._time is not None:
            return Listen(who, recording, _time(time))
        return PlayCount(
            who, recording, 1 if self._count is None else values.plays(cells[self._count])
        )

    def _new_recording(self, *cells: Any) -> Recording:
        """Return the recording that some cells name. Raises BadValue."""
        heard = dict.fromkeys(_HEARD) | {
            role: cell for (role, _), cell in zip(self._heard, cells, strict=True)
        }
        recording = Recording(
            artist=_text(heard["artist"]),
            title=_text(heard["title"]),
            album=_text(heard["album"]),
            duration=values.seconds(heard["duration"])
            or values.seconds(heard["duration_ms"], 1e-3),
            mbid=values.mbid(heard["mbid"]) or values.mbid(heard["item"]),
            isrc=values.isrc(heard["isrc"]) or values.isrc(heard["item"]),
            item=_text(heard["item"]),
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


def _time(cell: object) -> int:
    if _is_empty(cell):
        raise BadValue("There is no time.")
    return values.unix_seconds(cell)


def _kind(cell: object) -> FeedbackKind | None:
    said = _text(cell).lower()
    if said not in _KINDS:
        raise BadValue(f"{said[:40]!r} is no feedback: like, dislike, skip or none.")
    return _KINDS[said]


def roles_of(
    header: Sequence[str], chosen: Mapping[str, str] | None, source: Source
) -> dict[str, int] | None:
    """Return the place of each role's column, None for a header without the usual names.

    `chosen` names columns by hand, by role; the others are found. Raises FormatError for a column
    that is not there.
    """
    names = [name.strip().lower() for name in header]
    roles = {}
    for role, usual in COLUMNS.items():
        place = next((names.index(name) for name in usual if name in names), None)
        if place is not None:
            roles[role] = place
    if "title" not in roles and "track" in names:
        # "track" is a title beside an artist, an identifier alone
        roles.setdefault("title" if "artist" in roles else "item", names.index("track"))
    for role, column in (chosen or {}).items():
        if column.strip().lower() not in names:
            raise FormatError(
                f"{source.name} has no column {column!r}; its columns are {', '.join(header)}."
            )
        roles[role] = names.index(column.strip().lower())
    return roles if roles.keys() & {"item", "title", "artist", "mbid", "isrc"} else None


def check_user(
    roles: Mapping[str, int], listener: str, header: Iterable[str], source: Source
) -> None:
    """Raise FormatError where nobody is said to have listened."""
    if "user" not in roles and not listener:
        raise FormatError(
            f"{source.name} has no column of listeners among {', '.join(header)}: "
            "name one with --columns user=COLUMN, or the listener with --listener."
        )


def parse_columns(text: str) -> dict[str, str] | list[str]:
    """Read "role=column,…" or, for a file without a header, "role,role,…" with "-" for none.

    Raises ValueError for an unknown role.
    """
    parts = [part.strip() for part in text.split(",")]
    pairs = [part.partition("=") for part in parts]
    for role, _, _ in pairs:
        if role not in COLUMNS and role != "-":
            raise ValueError(
                f"--columns knows no {role!r}; it takes {', '.join(COLUMNS)}, "
                "as role=COLUMN or in the file's order"
            )
    if all(equals for _, equals, _ in pairs):
        return {role: column for role, _, column in pairs}
    if any(equals for _, equals, _ in pairs):
        raise ValueError("--columns takes role=COLUMN for all columns, or roles alone")
    return parts


def order_of(cells: Sequence[str]) -> list[str] | None:
    """Return the roles of a Last.fm CSV without a header: artist, album, title and a date.

    None for a first row that is none of such a file.
    """
    try:
        values.unix_seconds(cells[3] if len(cells) == 4 else None)
    except BadValue:
        return None
    return ["artist", "album", "title", "time"]
