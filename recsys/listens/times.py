"""Times as people and programs write them, and what a file's times have in common.

The order of day and month is a property of a file: one value that has only one reading decides it
for all, else the order of the rows in time does. Numbers below 100,000 are days of a spreadsheet
where all of a column are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Literal, TypeAlias

Order: TypeAlias = Literal["dmy", "mdy", "ymd"]

ORDERS: tuple[Order, ...] = ("dmy", "mdy", "ymd")
LATEST = 2**33  # Unix seconds, in the year 2242; greater numbers are milliseconds or finer
EARLIEST_PLAY = 978_307_200  # 2001: before that nothing was recorded; for numbers without a name
_FIRST_DAY = datetime(1899, 12, 30, tzinfo=UTC)  # of spreadsheets
_DAY_NUMBERS = (20_000, 80_000)  # from 1954 to 2119
_TOMORROW = timedelta(days=2)  # a clock may be wrong by so much

_ZONE = r"(?P<zone>Z|UTC|GMT|(?:UTC|GMT)?[+-]\d{2}:?\d{2})"
_CLOCK = (
    r"(?P<hour>\d{1,2})(?:[:.h](?P<minute>\d{2}))(?:[:.](?P<second>\d{2})(?:[.,]\d{1,9})?)?"
    r"(?:\s*(?P<half>[AaPp])\.?\s?[Mm]\.?)?"
)
_AFTER = rf"(?:(?:\s*,?\s+|T|\s+(?:at|um|à|-)\s+){_CLOCK})?(?:\s*\(?{_ZONE}\)?)?"
_WEEKDAY = r"(?:[^\W\d]{2,12}\.?,?\s+)?"
_NUMERIC = re.compile(rf"{_WEEKDAY}(\d{{1,4}})([./-])(\d{{1,2}})\2(\d{{1,4}}){_AFTER}", re.I)
_DAY_MONTH = re.compile(
    rf"{_WEEKDAY}(?P<day>\d{{1,2}})(?:\.|st|nd|rd|th|er)?(?:\s+|-)(?:de\s+)?(?P<month>[^\W\d]{{3,12}})"
    rf"\.?,?(?:\s+|-)(?:de\s+)?(?P<year>\d{{4}}){_AFTER}",
    re.I,
)
_MONTH_DAY = re.compile(
    rf"{_WEEKDAY}(?P<month>[^\W\d]{{3,12}})\.?\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?\s+"
    rf"(?P<year>\d{{4}}){_AFTER}",
    re.I,
)
_CLOCK_ALONE = re.compile(rf"{_CLOCK}(?:\s*{_ZONE})?", re.I)
_COMPACT = re.compile(r"(?P<y>(?:19|20)\d\d)(?P<m>\d\d)(?P<d>\d\d)(?:(\d\d)(\d\d)(\d\d))?")
# The first letters that tell months apart, in English, German, French, Spanish, Italian, Dutch and
# Portuguese.
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan ene gen jän",
            "feb fév fev",
            "mar mär maa mrz",
            "apr avr abr",
            "may mai mag mei",
            "jun juin giu",
            "jul juil lug",
            "aug aoû ago aou",
            "sep set",
            "oct okt ott out",
            "nov",
            "dec dez déc dic",
        ),
        start=1,
    )
    for name in names.split()
}


class NoTime(ValueError):
    """A text is no time."""


class AmbiguousTimes(Exception):
    """The dates of a file can be read in more than one way; the message says which."""


@dataclass(frozen=True)
class TimeFormat:
    """How the times of a file are written.

    order        of day, month and year in dates of three numbers, None where no row decided it
    day_numbers  whether numbers are days of a spreadsheet
    """

    order: Order | None = None
    day_numbers: bool = False

    def seconds(self, value: object) -> float:
        """Return a time in Unix seconds; without a zone it is in UTC. Raises NoTime."""
        if isinstance(value, datetime):
            return _utc(value).timestamp()
        if isinstance(value, date):
            return datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp()
        if isinstance(value, bool) or value is None:
            raise NoTime
        try:
            number = float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            return self._of_text(str(value).strip())
        if self.day_numbers and 0 < number < 100_000:
            return (_FIRST_DAY + timedelta(days=number)).timestamp()
        if _may_be_compact(number) and is_compact(str(value)):
            compact = _COMPACT.fullmatch(str(value).strip())
            parts = [int(part) for part in compact.groups(default="0")] if compact else []
            return _built(parts[0], parts[1], parts[2], parts[3], parts[4], parts[5])
        while number >= LATEST and number != float("inf"):
            number /= 1000
        return number

    def _of_text(self, text: str) -> float:
        try:
            return _utc(datetime.fromisoformat(text.removesuffix(" UTC"))).timestamp()
        except ValueError:
            pass
        if numeric := _NUMERIC.fullmatch(text):
            return self._of_numbers(numeric, text)
        for pattern in (_DAY_MONTH, _MONTH_DAY):
            if named := pattern.fullmatch(text):
                month = _month(named["month"])
                return _with_clock(named, int(named["year"]), month, int(named["day"]))
        if self.day_numbers and (days := text.replace(",", ".")).replace(".", "", 1).isdigit():
            return (_FIRST_DAY + timedelta(days=float(days))).timestamp()
        try:
            return _utc(parsedate_to_datetime(text)).timestamp()
        except (ValueError, IndexError):
            raise NoTime from None

    def _of_numbers(self, numeric: re.Match[str], text: str) -> float:
        orders = possible_orders(text)
        if self.order in orders:
            orders = [self.order]
        has_year_first = len(numeric[1]) == 4
        if len(orders) != 1 or (self.order not in (None, orders[0]) and not has_year_first):
            raise NoTime
        return _with_clock(numeric, *_parts(numeric[1], numeric[3], numeric[4], orders[0]))


def format_of(texts: Iterable[str], order: Order | None = None) -> TimeFormat:
    """Return how a file's times are written, from all of them that could decide it.

    `order` is what a person says. Raises AmbiguousTimes where nothing decides.
    """
    counts = dict.fromkeys(ORDERS, 0)
    n_dates = n_days = n_numbers = 0
    in_time = {choice: _Monotony() for choice in ORDERS}
    example = ""
    for text in texts:
        if is_number(text):
            n_numbers += 1
            n_days += _DAY_NUMBERS[0] < float(text.replace(",", ".")) < _DAY_NUMBERS[1]
            continue
        orders = possible_orders(text)
        if not orders:
            continue
        n_dates += 1
        example = example or text
        for choice in orders:
            counts[choice] += 1
            in_time[choice].add(TimeFormat(choice).seconds(text))
    day_numbers = n_days > 0 and n_days == n_numbers
    if order or not n_dates:
        return TimeFormat(order, day_numbers)
    return TimeFormat(_decided(counts, n_dates, in_time, example), day_numbers)


def _decided(
    counts: dict[Order, int], n_dates: int, in_time: dict[Order, _Monotony], example: str
) -> Order:
    """Return the order that all dates have. Raises AmbiguousTimes."""
    possible = [choice for choice in ORDERS if counts[choice] == n_dates]
    if len(possible) > 1:
        sorted_ones = [choice for choice in possible if in_time[choice].is_sorted]
        possible = sorted_ones if len(sorted_ones) == 1 else possible
    if len(possible) == 1:
        return possible[0]
    if possible and all(in_time[choice].is_same_as(in_time[possible[0]]) for choice in possible):
        return possible[0]
    readings = possible or [choice for choice in ORDERS if counts[choice]]
    why = "can be read as" if possible else "contradict one another; they are"
    names = " or ".join(_ORDER_NAMES[choice] for choice in readings)
    raise AmbiguousTimes(
        f"its dates (such as {example!r}) {why} {names}: say which with "
        + " or ".join(f"--dates {choice}" for choice in readings)
        + "."
    )


_ORDER_NAMES = {"dmy": "day, month, year", "mdy": "month, day, year", "ymd": "year, month, day"}


class _Monotony:
    """Whether times rise or fall throughout, and what they add up to."""

    def __init__(self) -> None:
        self._last: float | None = None
        self._rises = self._falls = True
        self._steps = 0
        self._sum = 0.0
        self._latest = 0.0

    def add(self, seconds: float) -> None:
        """Add the next time."""
        if self._last is not None and seconds != self._last:
            self._steps += 1
            self._rises &= seconds > self._last
            self._falls &= seconds < self._last
        self._last = seconds
        self._sum += seconds
        self._latest = max(self._latest, seconds)

    @property
    def is_sorted(self) -> bool:
        """Whether several times are in order, and none is yet to come."""
        now = (datetime.now(UTC) + _TOMORROW).timestamp()
        return self._steps >= 2 and (self._rises or self._falls) and self._latest <= now

    def is_same_as(self, other: _Monotony) -> bool:
        """Whether it does not matter which of two readings is taken."""
        return self._sum == other._sum and self._latest == other._latest


def possible_orders(text: str) -> list[Order]:
    """Return the orders in which a text of three numbers is a date, [] for any other text.

    >>> possible_orders("11/14/2023"), possible_orders("01.02.2023 10:00")
    (['mdy'], ['dmy'])
    """
    numeric = _NUMERIC.fullmatch(text.strip())
    if not numeric:
        return []
    orders: list[Order] = []
    for order in ORDERS:
        if order == "mdy" and numeric[2] == ".":
            continue  # with points the day comes first everywhere
        try:
            _with_clock(numeric, *_parts(numeric[1], numeric[3], numeric[4], order))
        except NoTime:
            continue
        orders.append(order)
    return orders


def is_number(text: str) -> bool:
    """Say whether a text is a number, with a point or a comma."""
    return text.strip().replace(",", ".", 1).replace(".", "", 1).isdigit()


def _may_be_compact(number: float) -> bool:
    """Say whether a number may be 20231114, or 20231114221320."""
    return 19e6 <= number < 21e6 or 19e12 <= number < 21e12


def is_compact(text: str) -> bool:
    """Say whether digits are a date written without separators, as in 20231114."""
    found = _COMPACT.fullmatch(text.strip())
    return found is not None and 1 <= int(found["m"]) <= 12 and 1 <= int(found["d"]) <= 31


def looks_like_time(text: str) -> bool:
    """Say whether a text is surely a time: a date, or a number that is one of this century."""
    text = text.strip()
    if is_number(text):
        number = float(text.replace(",", "."))
        if is_compact(text):
            return True
        while number >= LATEST:
            number /= 1000
        latest = (datetime.now(UTC) + 366 * timedelta(days=1)).timestamp()
        return EARLIEST_PLAY <= number <= latest
    if len(text) < 8 or not text[:40].strip()[-1:]:
        return False
    if possible_orders(text):
        return True
    try:
        return TimeFormat().seconds(text) > 0
    except NoTime:
        return False


def clock_seconds(text: str) -> int | None:
    """Return the seconds since midnight of a time of day, None for any other text.

    >>> clock_seconds("10:13 PM"), clock_seconds("22:13:20"), clock_seconds("x")
    (79980, 80000, None)
    """
    found = _CLOCK_ALONE.fullmatch(text.strip())
    if not found:
        return None
    try:
        hour, minute, second = _clock(found)
    except NoTime:
        return None
    return 3600 * hour + 60 * minute + second


def _parts(first: str, second: str, third: str, order: Order) -> tuple[int, int, int]:
    """Return year, month and day. Raises NoTime where the year has the wrong place."""
    year, month, day = {
        "dmy": (third, second, first),
        "mdy": (third, first, second),
        "ymd": (first, second, third),
    }[order]
    if len(year) not in (2, 4) or len(month) > 2 or len(day) > 2:
        raise NoTime
    return int(year) + (2000 if len(year) == 2 else 0), int(month), int(day)


def _month(name: str) -> int:
    """Return the number of a month by its name. Raises NoTime."""
    name = name.casefold()
    for length in (4, 3):
        if name[:length] in _MONTHS:
            return _MONTHS[name[:length]]
    raise NoTime


def _clock(found: re.Match[str]) -> tuple[int, int, int]:
    hour, minute, second = (int(found[name] or 0) for name in ("hour", "minute", "second"))
    if half := found["half"]:
        if not 1 <= hour <= 12:
            raise NoTime
        hour = hour % 12 + (12 if half in "pP" else 0)
    if hour > 23 or minute > 59 or second > 60:
        raise NoTime
    return hour, minute, min(second, 59)


def _with_clock(found: re.Match[str], year: int, month: int, day: int) -> float:
    """Return the Unix seconds of a date and what follows it. Raises NoTime."""
    seconds = _built(year, month, day, *_clock(found))
    zone = re.search(r"([+-])(\d\d):?(\d\d)$", found["zone"] or "")
    if zone:
        offset = 3600 * int(zone[2]) + 60 * int(zone[3])
        seconds -= offset if zone[1] == "+" else -offset
    return seconds


def _built(year: int, month: int, day: int, hour: int, minute: int, second: int) -> float:
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()
    except (ValueError, OverflowError):
        raise NoTime from None


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
