"""What a server and its workers tell each other by a socket: one request, then its answer.

A message is the lengths of its two parts, a head that JSON can hold, and a body of bytes.
"""

from __future__ import annotations

import json
import struct
from typing import Any, NamedTuple

RECEIVED = 256 << 10  # bytes at once
_LENGTHS = struct.Struct("!II")


class Answer(NamedTuple):
    """What a WSGI application answered."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes


def packed(head: Any, body: bytes) -> bytes:
    """Return a message."""
    text = json.dumps(head).encode()
    return _LENGTHS.pack(len(text), len(body)) + text + body


class Incoming:
    """Puts together a message that comes in pieces; the next one begins after its end."""

    def __init__(self) -> None:
        self._received = bytearray()

    def take(self, piece: bytes) -> tuple[Any, bytes] | None:
        """Take in a piece; return the head and the body when all of a message is here."""
        received = self._received
        received += piece
        if len(received) < _LENGTHS.size:
            return None
        n_head, n_body = _LENGTHS.unpack_from(received)
        begin = _LENGTHS.size + n_head
        if len(received) < begin + n_body:
            return None
        head, body = json.loads(received[_LENGTHS.size : begin]), bytes(received[begin:])
        received.clear()
        return head, body
