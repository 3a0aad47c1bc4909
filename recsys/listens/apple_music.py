"""Apple Music Play Activity.csv of Apple's "Data and Privacy" export."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from recsys.catalog import Listen, Recording
from recsys.listens import library_counts, values
from recsys.listens.choice import FormatChoice
from recsys.listens.columns import plain_name
from recsys.listens.notes import Notes
from recsys.listens.sources import BadLine, FormatError, Source, require_listener
from recsys.listens.table_rows import Event
from recsys.listens.tables import csv_table
from recsys.listens.values import BadValue

_ENOUGH = 0.5  # share of its length from which on a track that was broken off was played
_REQUIRED = {"eventstarttimestamp", "playdurationmilliseconds", "endreasontype"}
_TITLES = ("songname", "contentname", "trackname")
_ARTISTS = ("artistname",)


def is_header(header: Sequence[str]) -> bool:
    """Say whether these are the columns of the play activity."""
    return {plain_name(name) for name in header} >= _REQUIRED


def read(source: Source, choice: FormatChoice, notes: Notes) -> Iterator[Event | BadLine]:
    """Read plays and skips. Raises FormatError."""
    table = csv_table(source, choice)
    if table is None or not is_header(table.header):
        raise FormatError(f"{source.name} is no play activity of Apple Music.")
    listener = require_listener(source, choice.listener)
    names = [plain_name(name) for name in table.header]
    if not set(names) & set(_ARTISTS):
        notes.say("Apple names no artists in it: its plays find tracks by title and album alone.")
    for number, cells in table.rows():
        try:
            if isinstance(cells, str):
                raise BadValue(cells)
            row = dict(zip(names, (str(cell).strip() for cell in cells), strict=False))
            if event := _event(row, listener, notes):
                yield event
        except BadValue as error:
            yield BadLine(number, str(error), source.member)


def _event(row: Mapping[str, str], listener: str, notes: Notes) -> Event | None:
    """Turn a row into a play or a skip, None for what is neither. Raises BadValue."""
    if row.get("mediatype", "AUDIO").upper() not in ("AUDIO", ""):
        notes.leave_out("videos")
        return None
    if row.get("eventtype", "PLAY_END") not in ("PLAY_END", ""):
        notes.leave_out("events that are not the end of a play")
        return None
    recording = Recording(
        artist=next(filter(None, (row.get(name) for name in _ARTISTS)), "") or "",
        title=next(filter(None, (row.get(name) for name in _TITLES)), "") or "",
        album=row.get("albumname") or row.get("containeralbumname") or "",
        duration=values.seconds(row.get("mediadurationinmilliseconds"), 1e-3),
    )
    if not recording.title:
        notes.leave_out("plays without a name")
        return None
    at = values.unix_seconds(row.get("eventstarttimestamp") or row.get("eventendtimestamp"))
    reason = row["endreasontype"].upper()
    played = values.seconds(row["playdurationmilliseconds"], 1e-3) or 0.0
    if reason.startswith("TRACK_SKIPPED"):
        return library_counts.skip(listener, recording, at)
    enough = _ENOUGH * recording.duration if recording.duration else library_counts.SHORTEST_PLAY
    if reason == "NATURAL_END_OF_TRACK" or played >= enough:
        return Listen(listener, recording, at)
    notes.leave_out("plays that were paused or broken off before their middle")
    return None
