"""The token that writing takes, as pages hold it: masked, so that each page has another one.

A page that is compressed and holds what its address says gives away, by its length, what it repeats
(BREACH: Gluck, Harris and Prado 2013). A secret that is never the same cannot be guessed so.
"""

from __future__ import annotations

import secrets


def masked(token: bytes) -> str:
    """Return a token as a page may hold it: random bytes, and the token combined with them."""
    mask = secrets.token_bytes(len(token))
    return (mask + _combined(mask, token)).hex()


def unmasked(text: str) -> bytes:
    """Return the token of what `masked` made, b"" for anything else.

    >>> unmasked(masked(b"secret")), unmasked("zz"), unmasked("abc")
    (b'secret', b'', b'')
    """
    try:
        both = bytes.fromhex(text)
    except ValueError:
        return b""
    half = len(both) // 2
    return _combined(both[:half], both[half:]) if len(both) == 2 * half else b""


def _combined(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
