"""JSON of any size, taken apart from the top without reading it whole.

Values up to a few megabytes are given whole; larger lists and objects are opened, and their parts
given one by one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import IO, Any

from recsys.listens.sources import text
from recsys.listens.values import BadValue

_BLANK = re.compile(r"\s*")
_CHUNK = 1 << 20  # characters read at once
_WHOLE = 1 << 22  # characters up to which a value is read whole
_DEEPEST = 50
_PAIR = re.compile(r"\s*,?\s*")

Context = Mapping[str, Any]  # what the objects around a value say, by key; "" is the nearest key


def values(file: IO[bytes]) -> Iterator[tuple[Any, Context]]:
    """Give values that stand one after another, or in lists and objects that are too large.

    Raises BadValue where the text is no JSON any more.
    """
    with text(file) as characters:
        stream = _Stream(characters)
        while stream.peek():
            yield from stream.value({}, 0, top=True)
            stream.skip(_PAIR)


class _Stream:
    """A text that is read on where it has to be."""

    def __init__(self, characters: IO[str]) -> None:
        self._characters = characters
        self._decoder = json.JSONDecoder()
        self._buffer, self._at, self._ended = "", 0, False

    def peek(self) -> str:
        """Return the next character that is no blank, an empty text at the end."""
        while True:
            self._at = _BLANK.match(self._buffer, self._at).end()  # type: ignore[union-attr]
            if self._at < len(self._buffer):
                return self._buffer[self._at]
            if not self._read():
                return ""

    def skip(self, pattern: re.Pattern[str]) -> None:
        """Go behind what the pattern matches here."""
        self.peek()
        if found := pattern.match(self._buffer, self._at):
            self._at = found.end()

    def value(
        self, context: Context, depth: int, *, top: bool = False
    ) -> Iterator[tuple[Any, Context]]:
        """Give the next value, or its parts. Raises BadValue."""
        first = self.peek()
        if not (top and first == "["):
            found, value = self._whole()
            if found:
                yield value, context
                return
        if first not in ("[", "{") or depth >= _DEEPEST:
            raise BadValue("From here on it is no JSON, or cut off.")
        self._at += 1
        yield from self._list(context, depth) if first == "[" else self._object(context, depth)

    def _list(self, context: Context, depth: int) -> Iterator[tuple[Any, Context]]:
        while (following := self.peek()) != "]":
            if not following:
                raise BadValue("From here on it is no JSON, or cut off.")
            if following == ",":
                self._at += 1
                continue
            yield from self.value(context, depth + 1)
        self._at += 1

    def _object(self, context: Context, depth: int) -> Iterator[tuple[Any, Context]]:
        inner = dict(context)
        while (following := self.peek()) != "}":
            if following == ",":
                self._at += 1
                continue
            found, key = self._whole()
            if not found or not isinstance(key, str) or self.peek() != ":":
                raise BadValue("From here on it is no JSON, or cut off.")
            self._at += 1
            if self.peek() in ("[", "{"):
                yield from self.value({**inner, "": key}, depth + 1)
                continue
            found, inner[key] = self._whole()
            if not found:
                raise BadValue("From here on it is no JSON, or cut off.")
        self._at += 1

    def _whole(self) -> tuple[bool, Any]:
        """Return the next value if it is not too large, and whether it is not."""
        while True:
            try:
                value, end = self._decoder.raw_decode(self._buffer, self._at)
            except (ValueError, RecursionError):
                if len(self._buffer) - self._at > _WHOLE or not self._read():
                    return False, None
            else:
                if end == len(self._buffer) and isinstance(value, (int, float)) and self._read():
                    continue  # a number may go on
                self._at = end
                return True, value

    def _read(self) -> bool:
        """Read on; say whether there was more."""
        wanted = max(_CHUNK, len(self._buffer) - self._at)  # doubling, so that retries stay few
        more = "" if self._ended else self._characters.read(wanted)
        self._ended = not more
        self._buffer, self._at = self._buffer[self._at :] + more, 0
        return bool(more)
