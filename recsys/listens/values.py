"""Single values of listening histories: times, counts, identifiers, however they are written."""

from __future__ import annotations

import math
import re
import uuid
from datetime import UTC, datetime
from functools import lru_cache

from recsys.catalog.base import is_name

LATEST = 2**33  # Unix seconds, in the year 2242; greater numbers are milliseconds or finer
_MOST_PLAYS = 2**31
_ISRC = re.compile(r"[A-Z]{2}[A-Z0-9]{3}\d{7}")
_WRITTEN = ("%d %b %Y %H:%M", "%d %b %Y, %H:%M", "%Y-%m-%d %H:%M:%S", "%d/%m/%Y %H:%M")


class BadValue(ValueError):
    """A value that a listen cannot have; the message says which, in a sentence."""


def unix_seconds(value: object) -> int:
    """Return a time in Unix seconds: a number of seconds, milli-, micro- or nanoseconds, or a date.

    A date without a zone is in UTC. Raises BadValue.

    >>> unix_seconds("1700000000"), unix_seconds(1_700_000_000_500)
    (1700000000, 1700000000)
    >>> unix_seconds("14 Nov 2023 22:13"), unix_seconds("2023-11-14T22:13:20Z")
    (1699999980, 1700000000)
    """
    if isinstance(value, datetime):
        return _checked_time(_of_date(value), value)
    if isinstance(value, bool) or value is None:
        raise BadValue("There is no time.")
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return _checked_time(_of_text(str(value)), value)
    while number >= LATEST and math.isfinite(number):
        number /= 1000
    return _checked_time(number, value)


def _of_text(text: str) -> float:
    text = text.strip().removesuffix(" UTC")
    try:
        return _of_date(datetime.fromisoformat(text))
    except ValueError:
        pass
    for written in _WRITTEN:
        try:
            return _of_date(datetime.strptime(text, written))
        except ValueError:
            continue
    raise BadValue(f"{text[:40]!r} is no time.")


def _of_date(date: datetime) -> float:
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()


def _checked_time(seconds: float, value: object) -> int:
    if not 0 < seconds < LATEST:
        raise BadValue(f"{str(value)[:40]!r} is no time of a listen.")
    return int(seconds)


def plays(value: object) -> int:
    """Return a count of plays. Raises BadValue for what is no positive whole number."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise BadValue(f"{str(value)[:40]!r} is no count.") from None
    if not (1 <= number < _MOST_PLAYS and number == int(number)):
        raise BadValue(f"{str(value)[:40]!r} is no count of plays.")
    return int(number)


@lru_cache(100_000)
def listener(name: str) -> str:
    """Return the name if a listener can be called so. Raises BadValue."""
    if not name:
        raise BadValue("It names no listener; give one with --listener.")
    if not is_name(name):
        raise BadValue(f"{name[:40]!r} cannot be a listener's name.")
    return name


def mbid(value: object) -> str | None:
    """Return a MusicBrainz identifier in lower case, None for anything else."""
    if not isinstance(value, str) or len(value) != 36:
        return None
    try:
        return str(uuid.UUID(value))
    except ValueError:
        return None


def isrc(value: object) -> str | None:
    """Return an ISRC without hyphens, None for anything else.

    >>> isrc("us-pr3-65-07810")
    'USPR36507810'
    """
    if isinstance(value, list):
        value = value[0] if value else None
    if not isinstance(value, str):
        return None
    code = value.replace("-", "").strip().upper()
    return code if _ISRC.fullmatch(code) else None


def seconds(value: object, unit: float = 1.0) -> float | None:
    """Return a duration, given in units of `unit` seconds, None where it says nothing."""
    try:
        number = float(value) * unit  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return number if 0 < number < 1e6 else None


def words(value: object) -> str:
    """Return a text without spaces around it, an empty one for anything else."""
    return value.strip() if isinstance(value, str) else ""
