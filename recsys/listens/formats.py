"""Which format a file has, and its events."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from recsys.listens import datasets, lastfm, listenbrainz, tables
from recsys.listens.columns import Event, order_of, roles_of
from recsys.listens.sources import BadLine, FormatError, Source, lines, members

Columns: TypeAlias = dict[str, str] | list[str]

FORMATS = ("listenbrainz", "lastfm", "msd", "hetrec", "csv", "parquet")
_LOOKED_FOR = (
    "a ListenBrainz export (ZIP, or JSON lines with track_metadata or score), Last.fm JSON with "
    "recenttracks, the MSD's train_triplets.txt, hetrec's user_artists.dat, or a CSV, TSV or "
    "Parquet table with columns such as user, track, artist, title, count, timestamp"
)


@dataclass(frozen=True)
class FormatChoice:
    """What a person says of a file: its format, whose listens they are, what its columns hold."""

    format: str | None = None
    listener: str = ""
    columns: Columns | None = None


def read(path: Path, choice: FormatChoice) -> Iterator[tuple[str, Iterator[Event | BadLine]]]:
    """Give the format and the events of a file, or of each file in a ZIP.

    Raises FormatError for what cannot be read; OSError.
    """
    if Source(path).head(4) == b"PK\x03\x04":
        yield from _read_zip(path, choice)
    else:
        source = Source(path)
        found = choice.format or detect(source, choice)
        yield found, _events(source, found, choice)


def _read_zip(path: Path, choice: FormatChoice) -> Iterator[tuple[str, Iterator[Event | BadLine]]]:
    names = members(path)
    history = sorted(
        (name for name in names if listenbrainz.HISTORY.fullmatch(name)), key=_by_month
    )
    if history and choice.format in (None, "listenbrainz"):
        user = next((name for name in names if listenbrainz.USER.fullmatch(name)), None)
        listener = choice.listener or (listenbrainz.user_of(Source(path, user)) if user else "")
        for name in history:
            yield "listenbrainz", listenbrainz.read(Source(path, name), listener)
        return
    if len(names) != 1:
        raise FormatError(
            f"{Source(path).name} is a ZIP without ListenBrainz' listens/<year>/<month>.jsonl or "
            "feedback.jsonl, and holds several other files. Unpack it and import the right one."
        )
    source = Source(path, names[0])
    found = choice.format or detect(source, choice)
    yield found, _events(source, found, choice)


def _by_month(name: str) -> tuple[int, ...]:
    """Sort by year and month; feedback comes last, when what was heard is known."""
    if name.endswith("feedback.jsonl"):
        return (1,)
    return (0, *(int(part) for part in name.removesuffix(".jsonl").split("/") if part.isdigit()))


def _events(source: Source, name: str, choice: FormatChoice) -> Iterator[Event | BadLine]:
    readers: dict[str, Callable[[], Iterator[Event | BadLine]]] = {
        "listenbrainz": lambda: listenbrainz.read(source, choice.listener),
        "lastfm": lambda: lastfm.read(source, choice.listener),
        "msd": lambda: datasets.read_triplets(source),
        "hetrec": lambda: datasets.read_hetrec(source),
        "csv": lambda: tables.read_csv(source, choice.listener, choice.columns),
        "parquet": lambda: tables.read_parquet(source, choice.listener, choice.columns),
    }
    return readers[name]()


def detect(source: Source, choice: FormatChoice) -> str:
    """Return the format of a file. Raises FormatError for none that is known."""
    head = source.head()
    if head.startswith(b"PAR1"):
        return "parquet"
    if choice.columns:
        return "csv"
    first = next((line for line in lines(io.BytesIO(head)) if line and line.strip()), b"")
    if datasets.is_triplets(first):
        return "msd"
    if datasets.is_hetrec(first):
        return "hetrec"
    if first[:1] in (b"{", b"["):
        if found := _json_format(head, first):
            return found
    elif _has_columns(head, first, source):
        return "csv"
    raise FormatError(
        f"{source.name} is no listening history that is known. Looked for {_LOOKED_FOR}."
    )


def _json_format(head: bytes, first: bytes) -> str | None:
    try:
        is_listenbrainz = listenbrainz.is_event(json.loads(first))
    except (ValueError, RecursionError):
        is_listenbrainz = b'"track_metadata"' in first and first.startswith(b"{")
    if is_listenbrainz:
        return "listenbrainz"
    is_lastfm = b'"recenttracks"' in head or (b'"artist"' in head and b'"date"' in head)
    return "lastfm" if is_lastfm else None


def _has_columns(head: bytes, first: bytes, source: Source) -> bool:
    try:
        header = tables.cells_of(first.decode(), tables.sniff_delimiter(first))
    except UnicodeDecodeError:
        return False
    if b"\0" in head or not header or len(header) < 2:
        return False
    return order_of(header) is not None or roles_of(header, None, source) is not None
