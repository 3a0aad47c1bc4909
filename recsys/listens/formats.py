"""Which format a file has, and its events. Formats are recognised by content, not by name."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from recsys.listens import (
    apple_music,
    databases,
    datasets,
    exportify,
    flat_records,
    itunes,
    lastfm,
    listenbrainz,
    media_servers,
    rockbox,
    self_hosted,
    spotify,
    tables,
    text_encoding,
    unread,
    youtube_music,
)
from recsys.listens.choice import FormatChoice
from recsys.listens.json_records import RecordReader
from recsys.listens.notes import Notes
from recsys.listens.repeated import added_up
from recsys.listens.sources import (
    BadLine,
    DamagedFile,
    FormatError,
    Source,
    lines,
    sources_in,
    text_codec,
)
from recsys.listens.table_rows import Event

Reader: TypeAlias = Callable[[Source, FormatChoice, Notes], Iterator[Event | BadLine]]

_RECORDS = (
    *(listenbrainz.RECORDS, lastfm.RECORDS, *spotify.RECORDS, youtube_music.RECORDS),
    *(*self_hosted.RECORDS, flat_records.RECORDS),
)
_RECORD_FORMATS = tuple(dict.fromkeys(record.name for record in _RECORDS))
_READERS: Mapping[str, Reader] = {
    "msd": datasets.read_triplets,
    "hetrec": datasets.read_hetrec,
    "rockbox": rockbox.read,
    "itunes": itunes.read,
    "navidrome": media_servers.read,
    "jellyfin": media_servers.read,
    "applemusic": apple_music.read,
    "exportify": exportify.read,
    "csv": tables.read_csv,
    "parquet": tables.read_parquet,
}
FORMATS = (*_RECORD_FORMATS, *_READERS)
_TABLES = ("csv", "parquet", "json")  # of anybody; beside an export in a ZIP they are not read
_LOOKED_FOR = (
    "an export of ListenBrainz, Last.fm, Spotify, Apple Music, YouTube Music (JSON), Maloja, "
    "Koito, multi-scrobbler, Exportify or Rockbox, a library of iTunes (XML), a database of "
    "Navidrome or Jellyfin, the MSD's train_triplets.txt, hetrec's user_artists.dat, or a CSV, "
    "TSV or Parquet table with columns such as user, track, artist, title, count, timestamp"
)
_PLIST = re.compile(r"<plist|<!DOCTYPE\s+plist", re.I)
_SHOWN = 5  # names in a sentence


def read(
    path: Path, choice: FormatChoice, notes: Notes | None = None
) -> Iterator[tuple[str, Iterator[Event | BadLine]]]:
    """Give the format and the events of a file, or of each history in a ZIP.

    What a person should know of how it was read goes to `notes`. Raises FormatError for what cannot
    be read; OSError.
    """
    notes = notes or Notes()
    with sources_in(path, choice.encoding) as sources:
        if len(sources) == 1 and not sources[0].member:
            name = choice.format or detect(sources[0], choice)
            yield name, _events(sources[0], name, choice, notes)
            return
        yield from _read_archive(path, sources, choice, notes)


def _read_archive(
    path: Path, sources: Sequence[Source], choice: FormatChoice, notes: Notes
) -> Iterator[tuple[str, Iterator[Event | BadLine]]]:
    """Give the histories in a ZIP: all files of known exports, else its one table."""
    user = next((s for s in sources if listenbrainz.USER.fullmatch(s.member)), None)
    named = choice
    if user and not choice.listener:
        named = replace(choice, listener=listenbrainz.user_of(user))
    formats: dict[Source, str] = {}
    for source in sorted(sources, key=_in_order):
        if source is not user and (name := _recognised(source, choice)):
            formats[source] = name
    exports = {source: name for source, name in formats.items() if name not in _TABLES}
    chosen = exports or formats
    if not chosen:
        raise FormatError(
            f"{Source(path).name} is a ZIP without a listening history that is known; it holds "
            f"{_listed(sources)}. Looked for {_LOOKED_FOR}."
        )
    if not exports and len({_shape(source) for source in chosen}) > 1:
        raise FormatError(
            f"{Source(path).name} holds several tables, {_listed(list(chosen))}. Unpack it and "
            "import the right ones."
        )
    if others := [source for source in sources if source not in chosen and source is not user]:
        notes.say(f"Not read in the ZIP, for they are no listening history: {_listed(others)}.")
    for source, name in chosen.items():
        yield name, _events(source, name, named, notes)


def _in_order(source: Source) -> tuple[object, ...]:
    """Sort by the numbers in the names; feedback comes last, when what was played is known."""
    parts = re.split(r"(\d+)", source.member)
    is_feedback = "feedback" in source.file_name or "loved" in source.file_name.casefold()
    return is_feedback, [(int(p), "") if p.isdigit() else (-1, p) for p in parts]


def _shape(source: Source) -> object:
    """Return what tables have in common that may be read one after another."""
    table = tables.csv_table(source, FormatChoice())
    return tuple(table.header) if table else source


def _listed(sources: Sequence[Source]) -> str:
    names = [source.member for source in sources[:_SHOWN]]
    more = len(sources) - len(names)
    return ", ".join(names) + (f" and {more:,} more" if more else "")


def _recognised(source: Source, choice: FormatChoice) -> str | None:
    """Return the format of a file in a ZIP, None for one that is no history."""
    if choice.format and choice.format not in _RECORD_FORMATS:
        return choice.format if _may_be(source, choice) else None
    try:
        return detect(source, choice)
    except DamagedFile:
        raise
    except FormatError:
        return None


def _may_be(source: Source, choice: FormatChoice) -> bool:
    """Say whether a file in a ZIP can have the format that a person names."""
    try:
        return detect(source, replace(choice, format=None)) == choice.format
    except FormatError:
        return False


def _events(
    source: Source, name: str, choice: FormatChoice, notes: Notes
) -> Iterator[Event | BadLine]:
    if name in _RECORD_FORMATS:
        yield from added_up(_records(choice, notes).read(source))
    else:
        yield from _READERS[name](source, choice, notes)
    if name not in ("msd", "hetrec", "parquet", "navidrome", "jellyfin", "itunes"):
        codec = text_codec(source)
        if codec != text_encoding.UTF_8 and not choice.encoding:
            notes.say(
                f"{source.name} was read as {text_encoding.shown(codec)}; where names look wrong, "
                "say another with --encoding."
            )


def _records(choice: FormatChoice, notes: Notes) -> RecordReader:
    """Return a reader of the records that are looked for."""
    only = choice.format if choice.format in _RECORD_FORMATS else None
    records = [record for record in _RECORDS if only is None or record.name == only]
    return RecordReader(records, choice, notes)


def detect(source: Source, choice: FormatChoice) -> str:
    """Return the format of a file. Raises FormatError for none that is known."""
    head = source.head()
    if head.startswith(databases.BEGINNING):
        if name := media_servers.name_of(source):
            return name
        with databases.opened(source) as database:
            _refuse(source, unread.of_database(database))
        raise _unknown(source, "it is an SQLite database without the tables of a known server")
    for beginning, binary in ((b"PAR1", "parquet"), (b"bplist00", "itunes")):
        if head.startswith(beginning):
            return binary
    if choice.columns:
        return "csv"
    first = next((line for line in lines(io.BytesIO(head)) if line and line.strip()), b"")
    if datasets.is_triplets(first):
        return "msd"
    return "hetrec" if datasets.is_hetrec(first) else _of_text(source, choice)


def _of_text(source: Source, choice: FormatChoice) -> str:
    text = source.head_text().lstrip()
    if text.startswith(rockbox.BEGINNING):
        return "rockbox"
    if text.startswith("<"):
        if _PLIST.search(text):
            return "itunes"
        if "YouTube" in text and re.match(r"<(?:!doctype\s+)?html", text, re.I):
            raise FormatError(
                f"{source.name} is Takeout's history as a web page. Choose JSON instead of HTML "
                "for the history in Google Takeout, and import that."
            )
    _refuse(source, unread.of_text(text))
    if text[:1] in ("{", "["):
        return _of_json(source, choice)
    if not text.startswith("<") and "\0" not in text:
        table = tables.csv_table(source, choice)
        if table and apple_music.is_header(table.header):
            return "applemusic"
        if table and exportify.is_header(table.header):
            return "exportify"
        for header in (tables.first_row(source), table.header if table else ()):
            _refuse(source, unread.of_header(header))
        if table:
            return "csv"
        if order := tables.has_no_header(source):
            raise FormatError(
                f"{source.name} looks like a table of plays without a header. Say what its columns "
                f"hold, in their order and with - for what is not needed, as in --columns {order}."
            )
    raise _unknown(source)


def _of_json(source: Source, choice: FormatChoice) -> str:
    """Return the format of the first record in JSON. Raises FormatError where there is none."""
    reader = _records(choice, Notes())
    try:
        for _ in reader.read(source):
            if reader.found:
                break
    except FormatError:
        if not reader.found:
            for names in reader.unknown:
                _refuse(source, unread.of_keys(names))
            keys = f", and its entries have the keys {reader.keys()}" if reader.unknown else ""
            raise _unknown(source, f"it is JSON without records that are known{keys}") from None
    return next(iter(reader.found))


def _refuse(source: Source, found: unread.Unread | None) -> None:
    """Raise FormatError for a file that is known to be none of plays that are read."""
    if found:
        raise FormatError(f"{source.name} is not read: it is {found.sentence}")


def _unknown(source: Source, why: str = "") -> FormatError:
    reason = f": {why}" if why else ""
    return FormatError(
        f"{source.name} is no listening history that is known{reason}. Looked for {_LOOKED_FOR}."
    )
