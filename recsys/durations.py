"""How lengths and times are written, as players do."""

from __future__ import annotations


def clock(seconds: float) -> str:
    """Write a span of time.

    >>> clock(7), clock(3723)
    ('0:07', '1:02:03')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
