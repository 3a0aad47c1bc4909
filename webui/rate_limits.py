"""How often something may be tried, counted in this process."""

from __future__ import annotations

import ipaddress
import math
import time

from flask import current_app
from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from werkzeug.exceptions import TooManyRequests

from webui.current_listener import person

LOGINS_OF_ADDRESS = RateLimitItemPerMinute(30, 15, namespace="address")  # 30 in 15 minutes
LOGINS_OF_ACCOUNT = RateLimitItemPerMinute(10, 15, namespace="account")
SOUNDS_OF_ACCOUNT = RateLimitItemPerHour(30, namespace="sounds")
_IPV6_NETWORK = 64  # bits: what one household has


class Limits:
    """What was tried of late, by whom."""

    def __init__(self) -> None:
        self._windows = MovingWindowRateLimiter(MemoryStorage())

    def spend(self, limit: RateLimitItem, whose: str, what: str) -> None:
        """Count an attempt; raise TooManyRequests, with `what` there are too many of."""
        if self._windows.hit(limit, whose):
            return
        ends = self._windows.get_window_stats(limit, whose).reset_time
        wait = max(1, math.ceil(ends - time.time()))
        minutes = math.ceil(wait / 60)
        raise TooManyRequests(
            f"Too many {what}: try again in {minutes} minute{'s' if minutes > 1 else ''}.",
            retry_after=wait,
        )


def spend(limit: RateLimitItem, whose: str, what: str) -> None:
    """Count an attempt of a request, or raise TooManyRequests."""
    limits: Limits = current_app.extensions["limits"]
    limits.spend(limit, whose, what)


def spend_analysis() -> None:
    """Count an analysis of an account; without accounts there is one person, and no limit."""
    if (account := person().account) is not None:
        spend(SOUNDS_OF_ACCOUNT, str(account.id), "files to analyse")


def network(address: str | None) -> str:
    """Return what attempts from an address are counted under.

    >>> network("2001:db8:1:2:3::4")
    '2001:db8:1:2::/64'
    """
    try:
        found = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return address or ""
    if found.version == 4:
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, _IPV6_NETWORK), strict=False))
