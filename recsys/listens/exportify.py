"""Exportify's CSV files of Spotify playlists: likes at most, for they hold no plays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from recsys.catalog import Opinion, Recording
from recsys.listens import values
from recsys.listens.choice import FormatChoice
from recsys.listens.columns import plain_name
from recsys.listens.notes import Notes
from recsys.listens.sources import BadLine, FormatError, Source, require_listener
from recsys.listens.table_rows import Event
from recsys.listens.tables import csv_table
from recsys.listens.values import BadValue

_URIS = ("trackuri", "spotifyuri", "spotifyid", "spotifytrackid")
_LIKED = ("liked", "favorit", "saved", "loved")


def is_header(header: Sequence[str]) -> bool:
    """Say whether these are the columns of an Exportify file."""
    names = {plain_name(name) for name in header}
    return "addedat" in names and "trackname" in names and bool(names & set(_URIS))


def read(source: Source, choice: FormatChoice, notes: Notes) -> Iterator[Event | BadLine]:
    """Read the tracks as likes: of liked songs, and of other playlists where a person asks for it.

    Raises FormatError.
    """
    table = csv_table(source, choice)
    if table is None or not is_header(table.header):
        raise FormatError(f"{source.name} is no playlist of Exportify.")
    is_liked = any(word in source.file_name.casefold() for word in _LIKED)
    if not is_liked and choice.format != "exportify":
        raise FormatError(
            f"{source.name} is a playlist of Spotify, which says what was added to it and not what "
            "was played. To import its tracks as likes, add --format exportify."
        )
    listener = require_listener(source, choice.listener)
    notes.say("The tracks of Spotify's playlists are likes, and no plays.")
    names = [plain_name(name) for name in table.header]
    for number, cells in table.rows():
        try:
            if isinstance(cells, str):
                raise BadValue(cells)
            row = dict(zip(names, (str(cell).strip() for cell in cells), strict=False))
            yield Opinion(listener, _recording(row), "like", _added(row))
        except BadValue as error:
            yield BadLine(number, str(error), source.member)


def _recording(row: Mapping[str, str]) -> Recording:
    artists = row.get("artistnames") or row.get("artistname") or ""
    recording = Recording(
        artist=artists.replace(";", ", "),
        title=row.get("trackname", ""),
        album=row.get("albumname", ""),
        duration=values.seconds(row.get("trackdurationms") or row.get("durationms"), 1e-3),
        isrc=values.isrc(row.get("isrc")),
        item=next((row[name] for name in _URIS if row.get(name)), ""),
        track_number=values.number(row.get("tracknumber", "")),
    )
    if not recording.title:
        raise BadValue("It has no track name.")
    return recording


def _added(row: Mapping[str, str]) -> int:
    """Return when a track was added in Unix seconds, 0 where it is not known."""
    added = row.get("addedat", "")
    return 0 if not added or added.startswith("1970") else values.unix_seconds(added)
