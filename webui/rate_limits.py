"""Rate limits, counted in this process."""

from __future__ import annotations

import ipaddress
import math
import threading
import time
from collections.abc import Sequence
from typing import NoReturn

from flask import current_app, request
from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from werkzeug.exceptions import TooManyRequests

from webui.current_listener import person

LOGINS_OF_ADDRESS = RateLimitItemPerMinute(30, 15, namespace="address")  # 30 in 15 minutes
# The more wrong passwords one name had from one address, the longer the next one waits.
LOGINS_OF_NAME = (
    RateLimitItemPerMinute(5, namespace="name"),
    RateLimitItemPerMinute(10, 15, namespace="name"),
    RateLimitItemPerHour(20, 3, namespace="name"),
)
FAILURES_OF_ADDRESS = RateLimitItemPerMinute(60, 15, namespace="players")
PASSWORDS_OF_SESSION = RateLimitItemPerMinute(10, 15, namespace="session")
SOUNDS_OF_ACCOUNT = RateLimitItemPerHour(30, namespace="sounds")
IMPORTS_OF_ACCOUNT = RateLimitItemPerHour(30, namespace="imports")
_IPV6_NETWORK = 64  # bits: what one household has


class Limits:
    """Recent attempts, by client."""

    def __init__(self) -> None:
        self._windows = MovingWindowRateLimiter(MemoryStorage())
        self._lock = threading.Lock()

    def spend(self, limit: RateLimitItem, whose: str, what: str) -> None:
        """Count an attempt; raise TooManyRequests, with `what` there are too many of."""
        if self._windows.hit(limit, whose):
            return
        self._refuse(limit, whose, what)

    def spend_all(self, limits: Sequence[RateLimitItem], whose: str, what: str) -> None:
        """Count an attempt by several limits, or by none and raise TooManyRequests."""
        with self._lock:
            for limit in reversed(limits):
                if not self._windows.test(limit, whose):
                    self._refuse(limit, whose, what)
            for limit in limits:
                self._windows.hit(limit, whose)

    def check_all(self, limits: Sequence[RateLimitItem], whose: str, what: str) -> None:
        """Raise TooManyRequests where another attempt would be one too many; count nothing."""
        for limit in reversed(limits):
            if not self._windows.test(limit, whose):
                self._refuse(limit, whose, what)

    def forget(self, limits: Sequence[RateLimitItem], whose: str) -> None:
        """Count the attempts no longer that led to one that was right."""
        for limit in limits:
            self._windows.clear(limit, whose)

    def _refuse(self, limit: RateLimitItem, whose: str, what: str) -> NoReturn:
        ends = self._windows.get_window_stats(limit, whose).reset_time
        wait = max(1, math.ceil(ends - time.time()))
        minutes = math.ceil(wait / 60)
        raise TooManyRequests(
            f"Too many {what}: try again in {minutes} minute{'s' if minutes > 1 else ''}.",
            retry_after=wait,
        )


def limits() -> Limits:
    """Return the app's rate limits."""
    counted: Limits = current_app.extensions["limits"]
    return counted


def payer() -> str:
    """Return whose share a request takes: an account's, or an address's."""
    if (account := person().account) is not None:
        return f"account {account.id}"
    return network(request.remote_addr)


def spend_analysis() -> None:
    """Count an analysis of an account; without accounts there is one person, and no limit."""
    if (account := person().account) is not None:
        limits().spend(SOUNDS_OF_ACCOUNT, str(account.id), "files to analyse")


def spend_import() -> None:
    """Count an import of an account; without accounts there is no limit."""
    if (account := person().account) is not None:
        limits().spend(IMPORTS_OF_ACCOUNT, str(account.id), "histories to import")


def network(address: str | None) -> str:
    """Return what attempts from an address are counted under.

    >>> network("2001:db8:1:2:3::4")
    '2001:db8:1:2::/64'
    """
    try:
        parsed = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return address or ""
    if parsed.version == 4:
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, _IPV6_NETWORK), strict=False))
