"""Format durations as players do."""

from __future__ import annotations


def clock(seconds: float) -> str:
    """Format seconds as m:ss or h:mm:ss.

    >>> clock(7), clock(3723)
    ('0:07', '1:02:03')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def seconds(text: str) -> float:
    """Parse what `clock` writes, or plain seconds. Raises ValueError.

    >>> seconds("1:05"), seconds("1:02:03"), seconds("7.5")
    (65.0, 3723.0, 7.5)
    """
    parts = text.strip().split(":")
    whole = all(part.isascii() and part.isdigit() for part in parts[:-1])
    last = parts[-1]
    if not (
        1 <= len(parts) <= 3 and whole and last.replace(".", "", 1).isdigit() and last.isascii()
    ):
        raise ValueError(f"wanted a time as 1:05 or 65, not {text}")
    value = 0.0
    for number in (float(part) for part in parts):
        value = 60 * value + number
    return value
