"""Single values of listening histories: times, counts, identifiers, however they are written."""

from __future__ import annotations

import re
import uuid
from functools import lru_cache

from recsys.catalog.base import is_name
from recsys.listens.times import LATEST, NoTime, TimeFormat, possible_orders

_LENGTH = re.compile(r"(?:(\d{1,2}):)?(\d{1,3}):(\d{2}(?:\.\d+)?)")
ANY_TIME = TimeFormat()
_MOST_PLAYS = 2**31
_MARKS_OF_THOUSANDS = {  # between a digit and three others
    ".": re.compile(r"(?<=\d)[,'’ \u00a0\u202f](?=\d{3}(?!\d))"),
    ",": re.compile(r"(?<=\d)[.'’ \u00a0\u202f](?=\d{3}(?!\d))"),
}
_ISRC = re.compile(r"[A-Z]{2}[A-Z0-9]{3}\d{7}")


class BadValue(ValueError):
    """A value that a listen cannot have; the message says which, in a sentence."""


def unix_seconds(value: object, written: TimeFormat = ANY_TIME) -> int:
    """Return a time in Unix seconds: a number of seconds, milli-, micro- or nanoseconds, or a date.

    A date without a zone is in UTC. Raises BadValue.

    >>> unix_seconds("1700000000"), unix_seconds(1_700_000_000_500)
    (1700000000, 1700000000)
    >>> unix_seconds("14 Nov 2023 22:13"), unix_seconds("2023-11-14T22:13:20Z")
    (1699999980, 1700000000)
    """
    if isinstance(value, str) and len(value) == 10 and value.isdigit() and value[0] != "0":
        return _checked(int(value), value)  # nearly always
    if value is None or isinstance(value, bool) or value == "":
        raise BadValue("There is no time.")
    try:
        seconds = written.seconds(value)
    except NoTime:
        if isinstance(value, str) and len(possible_orders(value)) > 1:
            raise BadValue(
                f"{value[:40]!r} can be two dates: say with --dates dmy or --dates mdy which."
            ) from None
        raise BadValue(f"{str(value)[:40]!r} is no time.") from None
    except OverflowError:
        raise BadValue(f"{str(value)[:40]!r} is no time of a listen.") from None
    return _checked(seconds, value)


def _checked(seconds: float, value: object) -> int:
    if not 0 < seconds < LATEST:
        raise BadValue(f"{str(value)[:40]!r} is no time of a listen.")
    return int(seconds)


def plays(value: object, decimal: str = ".") -> int:
    """Return a count of plays, written with this decimal mark.

    Raises BadValue for what is no positive whole number.

    >>> plays("1.234", decimal=","), plays("3,0", decimal=",")
    (1234, 3)
    """
    try:
        number = number_of(value, decimal)
    except (TypeError, ValueError):
        raise BadValue(f"{str(value)[:40]!r} is no count.") from None
    if not (1 <= number < _MOST_PLAYS and number == int(number)):
        raise BadValue(f"{str(value)[:40]!r} is no count of plays.")
    return int(number)


def number_of(value: object, decimal: str = ".") -> float:
    """Return a number written with this decimal mark and any of thousands.

    Raises ValueError, TypeError.
    """
    if isinstance(value, str) and not value.isdigit():
        value = _MARKS_OF_THOUSANDS[decimal].sub("", value.strip()).replace(",", ".")
    return float(value)  # type: ignore[arg-type]


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


def seconds(value: object, unit: float = 1.0, decimal: str = ".") -> float | None:
    """Return a duration, given in units of `unit` seconds or as in "3:45", None for anything else.

    >>> seconds(61500, 1e-3), seconds("3:45"), seconds("1:02:03"), seconds("")
    (61.5, 225.0, 3723.0, None)
    """
    if isinstance(value, str) and (clock := _LENGTH.fullmatch(value.strip())):
        hours, minutes, rest = clock.groups(default="0")
        return 3600 * float(hours) + 60 * float(minutes) + float(rest) or None
    try:
        number = number_of(value, decimal) * unit
    except (TypeError, ValueError):
        return None
    return number if 0 < number < 1e6 else None


def number(value: object) -> int | None:
    """Return a track number such as 3 or "03/12", None for anything else."""
    found = re.match(r"\s*(\d{1,4})(?:\.0)?\s*(?:/|$)", str(value))
    return (int(found[1]) or None) if found else None


def words(value: object) -> str:
    """Return a text without spaces around it, an empty one for anything else."""
    return value.strip() if isinstance(value, str) else ""
