"""When playlists renew themselves."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime

import pytest

from recsys.playlists.schedule import is_due, last_time, next_time

At = Callable[[str], int]


@pytest.fixture(params=["UTC", "Europe/Berlin", "Pacific/Auckland"])
def at(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[At]:
    """Return Unix seconds of what the clocks of some place show."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield lambda text: round(datetime.fromisoformat(text).timestamp())
    monkeypatch.undo()
    time.tzset()


def test_it_is_four_in_the_morning_and_mondays(at: At) -> None:
    for now, day, week in (  # 2 March 2026 is a Monday
        ("2026-03-04 12:00", "2026-03-04 04:00", "2026-03-02 04:00"),
        ("2026-03-04 03:59", "2026-03-03 04:00", "2026-03-02 04:00"),
        ("2026-03-02 04:00", "2026-03-02 04:00", "2026-03-02 04:00"),
        ("2026-03-02 03:00", "2026-03-01 04:00", "2026-02-23 04:00"),
        ("2026-03-29 12:00", "2026-03-29 04:00", "2026-03-23 04:00"),  # a day of 23 hours
        ("2026-04-05 12:00", "2026-04-05 04:00", "2026-03-30 04:00"),  # or 25 in Auckland
    ):
        assert last_time("day", at(now)) == at(day)
        assert last_time("week", at(now)) == at(week)
    assert next_time("day", at("2026-03-28 12:00")) == at("2026-03-29 04:00")
    assert next_time("week", at("2026-03-28 12:00")) == at("2026-03-30 04:00")


def test_missed_times_are_made_up_once(at: At) -> None:
    now = at("2026-03-04 12:00")
    assert is_due("day", None, now) and is_due("week", None, now)
    assert is_due("day", at("2026-02-01 12:00"), now)
    assert not is_due("day", now, now + 60)
    assert not is_due("day", at("2026-03-04 04:00"), now)
    assert is_due("day", at("2026-03-04 03:59"), now)
    assert not is_due("week", at("2026-03-02 04:00"), now)
    assert is_due("week", at("2026-03-01 20:00"), now)


def test_a_clock_that_jumps_does_no_harm(at: At) -> None:
    now = at("2026-03-04 12:00")
    assert not is_due("day", now + 3600, now)  # put back an hour: nothing is renewed twice
    assert not is_due("day", at("2026-03-04 05:00"), at("2026-03-03 23:00"))
    ahead = at("2037-01-01 12:00")  # renewed while the clock was years ahead
    assert is_due("day", ahead, now) and is_due("week", ahead, now)
    assert is_due("day", now, ahead) and not is_due("day", ahead, ahead + 60)
