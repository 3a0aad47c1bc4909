"""Records of known services in JSON, in whatever lists, pages and answers they lie.

What a record is, is recognised by its keys; where it lies matters only for what the containers
say: whose it is, and whether it is a loved track.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

from recsys.listens import json_stream, values
from recsys.listens.choice import FormatChoice
from recsys.listens.json_stream import Context
from recsys.listens.notes import Notes
from recsys.listens.sources import BadLine, FormatError, Source, lines
from recsys.listens.table_rows import Event
from recsys.listens.values import BadValue

_DEEPEST = 60
_KEYS_SHOWN = 12
_USER_KEYS = ("user", "username", "user_name", "user_id", "musicbrainz_id", "name_user")
_HEAD_LINES = 50


@dataclass
class Around:
    """What is known around a record.

    listener  the one a person names, else the one its containers name, else ""
    chosen    whether a person named it
    keys      the keys that lead to it, the nearest last
    loved     whether it lies among loved tracks
    """

    choice: FormatChoice
    notes: Notes
    listener: str = ""
    keys: tuple[str, ...] = ()
    loved: bool = False

    def owner(self, *named: object) -> str:
        """Return the listener of a record that may itself name one. Raises BadValue for none."""
        names = (self.choice.listener, *(values.words(name) for name in named), self.listener)
        return values.listener(next(filter(None, names), ""))


@dataclass(frozen=True)
class RecordFormat:
    """A kind of record.

    name     as --format takes it
    matches  whether a JSON object is one
    events   turns one into events; raises BadValue
    """

    name: str
    matches: Callable[[Mapping[str, Any]], bool]
    events: Callable[[dict[str, Any], Around], Iterable[Event]]


@dataclass
class RecordReader:
    """Finds the records of some formats in JSON.

    found    how many there were of each format
    unknown  how often objects with these keys lay where records are expected
    """

    formats: Sequence[RecordFormat]
    choice: FormatChoice
    notes: Notes
    found: Counter[str] = field(default_factory=Counter)
    unknown: Counter[tuple[str, ...]] = field(default_factory=Counter)
    _last: RecordFormat | None = None

    def read(self, source: Source) -> Iterator[Event | BadLine]:
        """Read a file, of JSON lines or a document. Raises FormatError for one without records."""
        around = Around(self.choice, self.notes, loved="loved" in source.file_name.casefold())
        with source.open_text() as file:
            if is_lines(source.head_text()):
                yield from self._of_lines(file, source, around)
            else:
                yield from self._of_document(file, source, around)
        if self.unknown and self.found:
            n = self.unknown.total()
            self.notes.say(f"{n:,} entries are of an unknown kind, with the keys {self.keys()}.")
        elif not self.found:
            raise FormatError(
                f"{source.name} is JSON, but holds no records that are known"
                + (f"; its entries have the keys {self.keys()}." if self.unknown else ".")
            )

    def keys(self) -> str:
        """Return the keys of the entries that are most often unknown."""
        keys = max(self.unknown, key=self.unknown.__getitem__)
        more = f" and {len(keys) - _KEYS_SHOWN} more" if len(keys) > _KEYS_SHOWN else ""
        return ", ".join(key[:40] for key in keys[:_KEYS_SHOWN]) + more

    def _of_lines(
        self, file: IO[bytes], source: Source, around: Around
    ) -> Iterator[Event | BadLine]:
        for number, line in enumerate(lines(file), start=1):
            if line is not None and not line.strip():
                continue
            try:
                entry = _parsed(line)
                if record := self._format_of(entry):
                    self.found[record.name] += 1
                    yield from record.events(entry, around)
                    continue
                before = self.found.total()
                for part in self._events(entry, around, 0):
                    yield BadLine(number, part, source.member) if isinstance(part, str) else part
                if self.found.total() == before:
                    self.unknown[tuple(entry)] += 1
                    keys = ", ".join(list(entry)[:_KEYS_SHOWN])
                    raise BadValue(f"It is no record that is known; its keys are {keys}.")
            except BadValue as error:
                yield BadLine(number, str(error), source.member)

    def _of_document(
        self, file: IO[bytes], source: Source, around: Around
    ) -> Iterator[Event | BadLine]:
        number = 0
        try:
            for value, context in json_stream.values(file):
                before = self.found.total()
                for part in self._events(value, _inside(around, context), 0):
                    number += 1
                    yield BadLine(number, part, source.member) if isinstance(part, str) else part
                if isinstance(value, dict) and self.found.total() == before:
                    self.unknown[tuple(value)] += 1
        except BadValue as error:
            yield BadLine(number + 1, str(error), source.member)

    def _events(self, value: Any, around: Around, depth: int) -> Iterator[Event | str]:
        """Give the events in a value, and sentences for records that hold none."""
        if depth > _DEEPEST:
            yield "It is nested too deep."
        elif isinstance(value, dict):
            if record := self._format_of(value):
                self.found[record.name] += 1
                try:
                    yield from record.events(value, around)
                except BadValue as error:
                    yield str(error)
                return
            inner = _inside(around, value)
            for key, part in value.items():
                if isinstance(part, (dict, list)):
                    yield from self._events(part, _inside(inner, {"": key}), depth + 1)
        elif isinstance(value, list):
            has_records = any(isinstance(part, dict) and self._format_of(part) for part in value)
            for part in value:
                before = self.found.total()
                yield from self._events(part, around, depth + 1)
                if has_records and not isinstance(part, (dict, list)):
                    yield "It is no record."
                elif isinstance(part, dict) and self.found.total() == before:
                    self.unknown[tuple(part)] += 1
        elif depth == 0 and self.found:
            yield "It is no record."

    def _format_of(self, entry: dict[str, Any]) -> RecordFormat | None:
        if self._last and self._last.matches(entry):  # nearly always
            return self._last
        for record in self.formats:
            if record.matches(entry):
                self._last = record
                return record
        return None


def _inside(around: Around, container: Context) -> Around:
    """Return what is known inside a container, given what it says itself."""
    key = container.get("")
    listener = around.listener or _user_of(container)
    if key is None and listener == around.listener:
        return around
    loved = around.loved or (isinstance(key, str) and "loved" in key.casefold())
    keys = (*around.keys, key) if isinstance(key, str) else around.keys
    return Around(around.choice, around.notes, listener, keys, loved)


def _user_of(container: Context) -> str:
    """Return the user that a container names, "" for none."""
    attributes = container.get("@attr")
    for place in (container, attributes):
        if isinstance(place, Mapping):
            for key in _USER_KEYS:
                if name := values.words(place.get(key)):
                    return name
    return ""


def is_lines(head: str) -> bool:
    """Say whether a text is JSON lines: several objects, each a line of its own from its start."""
    n_whole = 0
    for line in head.replace("\r\n", "\n").split("\n")[:_HEAD_LINES]:
        if not line.startswith("{"):
            if line.strip() and not n_whole:
                return False
            continue
        try:
            n_whole += isinstance(json.loads(line), dict)
        except (ValueError, RecursionError):
            continue
    return n_whole > 0


def _parsed(line: bytes | None) -> dict[str, Any]:
    if line is None:
        raise BadValue("The line is too long to be a listen.")
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        raise BadValue("It is no JSON in UTF-8.") from None
    if not isinstance(entry, dict):
        raise BadValue("It is no JSON object.")
    return entry
