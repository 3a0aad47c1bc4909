"""Last.fm: the pages of `user.getrecenttracks` as JSON, one, several, or a list of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from recsys.catalog import Listen, Recording
from recsys.listens import values
from recsys.listens.sources import BadLine, Source, text
from recsys.listens.values import BadValue

_BETWEEN = re.compile(r"[\s,\[\]]+")
_CHUNK = 1 << 20  # characters read at once
_LARGEST_VALUE = 256 << 20  # characters; a page of the service has at most 200 tracks


def read(source: Source, listener: str) -> Iterator[Listen | BadLine]:
    """Read the listens; what is playing now is none. A bad entry's number is its place."""
    number = 0
    try:
        for value in _values(source):
            for track, who in _tracks(value, listener):
                number += 1
                try:
                    listen = _listen(track, who)
                except BadValue as error:
                    yield BadLine(number, str(error), source.member)
                else:
                    if listen:
                        yield listen
    except BadValue as error:
        yield BadLine(number + 1, str(error), source.member)


def _values(source: Source) -> Iterator[Any]:
    """Give JSON values that stand one after another, or in one list, without reading all at once.

    Raises BadValue where the text is no JSON any more.
    """
    decoder = json.JSONDecoder()
    with source.open() as file, text(file) as characters:
        buffer, at, wanted, ended = "", 0, _CHUNK, False
        while True:
            if between := _BETWEEN.match(buffer, at):
                at = between.end()
            try:
                value, at = decoder.raw_decode(buffer, at)
            except (ValueError, RecursionError):
                if ended and at == len(buffer):
                    return
                if ended or len(buffer) - at > _LARGEST_VALUE:
                    raise BadValue("From here on it is no JSON, or cut off.") from None
                more = characters.read(wanted)
                buffer, at, ended, wanted = buffer[at:] + more, 0, not more, 2 * wanted
            else:
                wanted = _CHUNK
                yield value


def _tracks(value: Any, listener: str) -> Iterator[tuple[Any, str]]:
    """Give the tracks of a page, or a single track, with the listener's name."""
    page = value.get("recenttracks", value) if isinstance(value, dict) else None
    if not isinstance(page, dict):
        yield value, listener
        return
    if "track" not in page:
        if "artist" in page:
            yield page, listener
        return
    attributes = page.get("@attr")
    user = values.words(attributes.get("user")) if isinstance(attributes, dict) else ""
    tracks = page["track"] if isinstance(page["track"], list) else [page["track"]]
    for track in tracks:
        yield track, listener or user


def _listen(track: Any, listener: str) -> Listen | None:
    """Turn an entry into a listen, None for what is playing now. Raises BadValue."""
    if not isinstance(track, dict):
        raise BadValue("It is no track.")
    attributes = track.get("@attr")
    date = track.get("date")
    if (isinstance(attributes, dict) and attributes.get("nowplaying")) or date is None:
        return None
    recording = Recording(
        artist=_text(track.get("artist")),
        title=values.words(track.get("name")),
        album=_text(track.get("album")),
        mbid=values.mbid(track.get("mbid")),
    )
    if not recording.title:
        raise BadValue("It has no name.")
    at = date.get("uts") or date.get("#text") if isinstance(date, dict) else date
    return Listen(values.listener(listener), recording, values.unix_seconds(at))


def _text(value: Any) -> str:
    """Return the name of an artist or album, in the short or the long form of the service."""
    if isinstance(value, dict):
        value = value.get("#text") or value.get("name")
    return values.words(value)
