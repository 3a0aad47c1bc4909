"""A value that is made anew when what it was made of changes: at once where that is quick."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Hashable
from typing import Generic, NamedTuple, TypeVar

QUICK = 0.1  # s: what takes no longer is made by whoever asks for it
REST = (
    20.0  # times as long as making took, it is not made again: a build changes tracks all the time
)

_log = logging.getLogger(__name__)
_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")


class Made(NamedTuple, Generic[_Key, _Value]):
    """A value, and what it was made of."""

    key: _Key
    value: _Value


class Renewed(Generic[_Key, _Value]):
    """The value of a key that changes. Safe to share between threads.

    The first value, and any that takes at most QUICK, is made by whoever asks. A slower one is
    made in a thread meanwhile the last one is given, at most every REST times as long as it took;
    where that fails the last one stays.
    """

    def __init__(self, make: Callable[[_Key], _Value]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: Made[_Key, _Value] | None = None
        self._seconds = 0.0  # that making took
        self._ready_at = 0.0
        self._is_making = False

    def of(self, key: _Key) -> Made[_Key, _Value]:
        """Return the value of a key, or where making it takes long that of the one before it.

        Raises what making it raises.
        """
        made = self._made
        if made is not None and made.key == key:
            return made
        with self._lock:
            made = self._made
            if made is not None and made.key == key:
                return made
            if made is None or self._seconds <= QUICK:
                return self._renew(key)
            if not self._is_making and time.monotonic() >= self._ready_at:
                self._is_making = True
                threading.Thread(target=self._renew_later, args=(key,), daemon=True).start()
            return made

    def _renew(self, key: _Key) -> Made[_Key, _Value]:
        begin = time.monotonic()
        made = self._made = Made(key, self._make(key))
        end = time.monotonic()
        self._seconds, self._ready_at = end - begin, end + REST * (end - begin)
        return made

    def _renew_later(self, key: _Key) -> None:
        try:
            self._renew(key)
        except Exception:
            _log.warning(
                "what has changed could not be read; what was read before is used", exc_info=True
            )
            self._ready_at = time.monotonic() + REST * self._seconds
        finally:
            self._is_making = False
