"""Rows of a table as JSON objects: lastfmstats and other exporters."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from recsys.listens import columns
from recsys.listens.json_records import Around, RecordFormat
from recsys.listens.table_rows import Event, TableRow
from recsys.listens.times import TimeFormat

_SCALARS = (str, int, float, type(None))


def _is_row(entry: Mapping[str, Any]) -> bool:
    if not all(isinstance(value, _SCALARS) for value in entry.values()):
        return False
    return _roles(tuple(entry)) is not None


@lru_cache(1000)
def _roles(keys: tuple[str, ...]) -> dict[str, int] | None:
    """Return the roles of the keys of a row that has a title and a time or a count."""
    roles = columns.named_roles(keys)
    has_name = {"title", "item", "mbid"} & roles.keys() and ("artist" in roles or "mbid" in roles)
    return roles if has_name and {"time", "count"} & roles.keys() else None


@lru_cache(1000)
def _row(keys: tuple[str, ...], listener: str, written: TimeFormat, loved: bool) -> TableRow:
    return TableRow(_roles(keys) or {}, listener, written, loved=loved)


def _events(entry: dict[str, Any], around: Around) -> list[Event]:
    keys = tuple(entry)
    if unused := columns.unused(keys, [tuple(entry.values())], (_roles(keys) or {}).values()):
        around.notes.say(f"Keys not used: {', '.join(unused)}.")
    listener = around.choice.listener or around.listener
    row = _row(keys, listener, TimeFormat(around.choice.dates), around.loved)
    return [row.event(tuple(entry.values()))]


RECORDS = RecordFormat("json", _is_row, _events)
