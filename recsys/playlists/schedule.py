"""When a playlist renews itself: daily, or weekly on Mondays, at four in the morning.

All that is kept is when it was renewed last. So times that were missed, by a server that did not
run, are made up once, and a clock that is put forward or back does no harm: see `is_due`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from recsys.catalog.renewals import Every

HOUR = 4  # of the machine's own time
_DAYS = {"day": 1, "week": 7}


def last_time(every: Every, now: float) -> int:
    """Return the last of the times up to now; Unix seconds, like `now`."""
    return round(_last(every, now).timestamp())


def next_time(every: Every, now: float) -> int:
    """Return the first of the times after now; Unix seconds, like `now`."""
    return round((_last(every, now) + timedelta(days=_DAYS[every])).timestamp())


def is_due(every: Every, renewed_at: int | None, now: float) -> bool:
    """Say whether a playlist that was renewed then, None for never, is to be renewed now.

    It is where one of its times has passed since. A last time that lies ahead of the next two was
    written when the clock was far wrong: it is renewed, and the clock's own time is kept. One that
    is nearer waits until the clock has caught up.
    """
    if renewed_at is None or renewed_at < last_time(every, now):
        return True
    return renewed_at > next_time(every, next_time(every, now))


def _last(every: Every, now: float) -> datetime:
    """Return the last of the times, as the machine's clocks show it."""
    shown = datetime.fromtimestamp(now)
    last = shown.replace(hour=HOUR, minute=0, second=0, microsecond=0)
    if last > shown:
        last -= timedelta(days=1)
    return last - timedelta(days=last.weekday()) if every == "week" else last
