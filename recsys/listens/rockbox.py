"""Rockbox and other portable players: .scrobbler.log (Audioscrobbler's portable player log 1.1)."""

from __future__ import annotations

from collections.abc import Iterator

from recsys.catalog import Listen, Opinion, PlayCount, Recording
from recsys.listens import values
from recsys.listens.choice import FormatChoice
from recsys.listens.notes import Notes
from recsys.listens.repeated import added_up
from recsys.listens.sources import BadLine, Source, lines, require_listener
from recsys.listens.table_rows import Event
from recsys.listens.values import BadValue

BEGINNING = "#AUDIOSCROBBLER/"
_FIELDS = 7  # artist, album, title, track number, length, L or S, time; an MBID from 1.1 on
_CLOCK_SET = 946_684_800  # 2000: players without a clock count from 1970


def read(source: Source, choice: FormatChoice, notes: Notes) -> Iterator[Event | BadLine]:
    """Read plays (L) and skips (S). Raises FormatError where nobody is named."""
    listener = require_listener(source, choice.listener)
    yield from added_up(_rows(source, listener, notes))


def _rows(source: Source, listener: str, notes: Notes) -> Iterator[Event | BadLine]:
    with source.open_text() as file:
        for number, line in enumerate(lines(file), start=1):
            try:
                if line is None:
                    raise BadValue("The line is too long.")
                text = line.decode("utf-8", "replace")
                if text.startswith("#TZ/") and text[4:].strip().upper() != "UTC":
                    notes.say("The player's time zone is not in the file: its times count as UTC.")
                if text.strip() and not text.startswith("#"):
                    yield _event(text.split("\t"), listener, notes)
            except BadValue as error:
                yield BadLine(number, str(error), source.member)


def _event(cells: list[str], listener: str, notes: Notes) -> Listen | Opinion | PlayCount:
    if len(cells) < _FIELDS - 1:
        raise BadValue(f"It has {len(cells)} fields, not {_FIELDS}.")
    artist, album, title, number, length, rating, time, mbid = (*cells, "", "")[:8]
    recording = Recording(
        artist=artist.strip(),
        title=title.strip(),
        album=album.strip(),
        duration=values.seconds(length),
        mbid=values.mbid(mbid.strip()),
        track_number=values.number(number),
    )
    if not recording.title:
        raise BadValue("It names no track.")
    at = int(time) if time.strip().isdigit() else 0
    if at < _CLOCK_SET:
        notes.say("Plays of a player whose clock was not set are counted without their times.")
        at = 0
    if rating.strip().upper() == "S":
        return Opinion(listener, recording, "skip", at)
    if rating.strip().upper() != "L":
        raise BadValue(f"{rating[:40]!r} is neither L (played) nor S (skipped).")
    return Listen(listener, recording, at) if at else PlayCount(listener, recording, 1)
