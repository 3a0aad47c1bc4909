"""iTunes' and Apple Music's library as XML: File, Library, Export Library."""

from __future__ import annotations

import plistlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from xml.parsers.expat import ExpatError

from recsys.catalog import Recording
from recsys.listens import library_counts, values
from recsys.listens.choice import FormatChoice
from recsys.listens.notes import Notes
from recsys.listens.repeated import added_up
from recsys.listens.sources import BadLine, DamagedFile, FormatError, Source, require_listener
from recsys.listens.table_rows import Event
from recsys.listens.values import BadValue

_LARGEST = 1 << 30  # bytes; a track takes 2 kB
_STAR = 20  # of a rating from 0 to 100
_OTHER_MEDIA = ("Podcast", "Movie", "TV Show", "Music Video", "Audiobook", "iTunesU", "Has Video")


def read(source: Source, choice: FormatChoice, notes: Notes) -> Iterator[Event | BadLine]:
    """Read play counts with the time of the last play, loves and ratings. Raises FormatError."""
    listener = require_listener(source, choice.listener)
    yield from added_up(_rows(source, listener, notes))


def _rows(source: Source, listener: str, notes: Notes) -> Iterator[Event | BadLine]:
    for number, track in enumerate(_tracks(source), start=1):
        try:
            if not isinstance(track, dict):
                raise BadValue("It is no track.")
            if any(track.get(key) is True for key in _OTHER_MEDIA):
                notes.leave_out("podcasts, audiobooks and videos")
                continue
            yield from _events(track, listener, notes)
        except BadValue as error:
            yield BadLine(number, str(error), source.member)


def _tracks(source: Source) -> Iterator[Any]:
    """Give the tracks of a library. Raises FormatError."""
    try:
        with source.open() as file:
            data = file.read(_LARGEST + 1)
        if len(data) > _LARGEST:
            raise FormatError(f"{source.name} is larger than {_LARGEST >> 30} GiB.")
        library = plistlib.loads(data)
    except (plistlib.InvalidFileException, ExpatError, ValueError, OverflowError) as error:
        raise DamagedFile(f"{source.name} is a damaged property list: {error}.") from error
    except (AttributeError, IndexError, KeyError, TypeError, RecursionError) as error:
        raise DamagedFile(f"{source.name} is a damaged property list.") from error
    tracks = library.get("Tracks") if isinstance(library, dict) else None
    if not isinstance(tracks, dict):
        raise FormatError(f"{source.name} is a property list, but no music library: no Tracks.")
    yield from tracks.values()


def _events(track: dict[str, Any], listener: str, notes: Notes) -> Iterator[Event]:
    recording = Recording(
        artist=values.words(track.get("Artist")) or values.words(track.get("Album Artist")),
        title=values.words(track.get("Name")),
        album=values.words(track.get("Album")),
        duration=values.seconds(track.get("Total Time"), 1e-3),
        track_number=values.number(track.get("Track Number")),
    )
    is_own_rating = track.get("Rating Computed") is not True
    rating = track.get("Rating") if is_own_rating else 0
    liked = True if track.get("Loved") is True or track.get("Favorited") is True else None
    yield from library_counts.events(
        listener,
        recording,
        notes,
        plays=track.get("Play Count", 0),
        last_at=_seconds(track.get("Play Date UTC")),
        stars=rating / _STAR if isinstance(rating, (int, float)) else 0,
        liked=False if track.get("Disliked") is True else liked,
    )
    if track.get("Skip Count") and not track.get("Play Count"):
        yield library_counts.skip(listener, recording, _seconds(track.get("Skip Date")))


def _seconds(moment: object) -> int:
    """Return a time in Unix seconds, 0 for none."""
    return values.unix_seconds(moment) if isinstance(moment, datetime) else 0
