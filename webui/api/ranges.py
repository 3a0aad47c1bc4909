"""Which part of a file a request asks for, as RFC 9110 has it in sections 13.1.5 and 14."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

from werkzeug.datastructures import Headers
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.http import parse_date

_ONE_RANGE = re.compile(r"bytes=[\s,]*([0-9]*)-([0-9]*)[\s,]*", re.ASCII | re.IGNORECASE)
_BEYOND = 10**18  # longer than any file
_SETTLED = 1.0  # s after which a file that changes has another Last-Modified


def wanted_range(
    headers: Headers, length: int, etag: str, modified: datetime
) -> tuple[int, int] | None:
    """Return the first byte asked for and how many, None for the whole file.

    `length`, `etag` (as the header has it) and `modified` are the file's. What is no range, another
    unit than bytes, several ranges, and ranges of what has changed meanwhile (`If-Range`) are
    answered with the whole file. Raises RequestedRangeNotSatisfiable, 416.
    """
    match = _ONE_RANGE.fullmatch(headers.get("Range", "").strip(" \t"))
    if match is None or not _is_unchanged(headers.get("If-Range"), etag, modified):
        return None
    first, last = map(_position, match.groups())
    if first is None and last is None:
        return None
    if first is None:  # the last so many
        first, last = max(length - (last or 0), 0), length - 1
        if length == 0 and match[2].strip("0"):
            return None
    elif last is not None and last < first:
        return None
    if first >= length:
        raise RequestedRangeNotSatisfiable(length)
    end = length if last is None else min(last + 1, length)
    return first, end - first


def _position(digits: str) -> int | None:
    if not digits:
        return None
    return int(digits) if len(digits.lstrip("0")) < 19 else _BEYOND


def _is_unchanged(if_range: str | None, etag: str, modified: datetime) -> bool:
    """Say whether a client has a part of what the file is now, compared strongly."""
    if if_range is None:
        return True
    date = parse_date(if_range)
    if date is None:
        return if_range.strip() == etag  # a weak one, W/"…", never is
    settled = time.time() - modified.timestamp() > _SETTLED
    return settled and date == modified.astimezone(UTC).replace(microsecond=0)
