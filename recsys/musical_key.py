"""Musical keys: the notations that tags and people use, and which keys mix harmonically.

A key is written as its keynote and mode, "C# minor". DJs write keys by their place on the circle
of fifths: Camelot "8A" for A minor, "8B" for C major, or Open Key "1m", "1d". Neighbours on the
circle share six of seven notes, and the minor and major key of one place all seven: they mix.
"""

from __future__ import annotations

import re

from encoders.features import TONICS as TONICS  # noqa: PLC0414 - for the packages above

KEYS = tuple(f"{tonic} {mode}" for mode in ("major", "minor") for tonic in TONICS)
_NATURALS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11, "h": 11}
_SIGNS = {"": 0, "#": 1, "♯": 1, "sharp": 1, "b": -1, "♭": -1, "flat": -1}
_WRITTEN = re.compile(
    r"(?P<note>[a-h])[ -]?(?P<sign>sharp|flat|[#♯b♭]?)[ -]?"
    r"(?P<mode>minor|major|min|maj|moll|dur|m|)"
)
_PLACED = re.compile(r"(?P<place>1[0-2]|0?[1-9])(?P<side>[abmd])")
_FIRST_CAMELOT = 8  # the place of C major and A minor; Open Key's is 1


def parse_key(text: str) -> str | None:
    """Return a key in our notation, None for what is none.

    >>> [parse_key(text) for text in ("Am", "Db", "8A", "1d", "F sharp minor", "Bbmin", "o", "")]
    ['A minor', 'C# major', 'A minor', 'C major', 'F# minor', 'Bb minor', None, None]
    """
    text = text.strip()
    if match := _PLACED.fullmatch(text.lower()):
        place, side = int(match["place"]), match["side"]
        tonic = 7 * (place - (_FIRST_CAMELOT if side in "ab" else 1))
        minor = side in "am"
        return _key(tonic + 9 if minor else tonic, minor)
    match = _WRITTEN.fullmatch(text.lower())
    if match is None:
        return None
    minor = match["mode"] in ("minor", "min", "moll") or (match["mode"] == "m" and text[-1] == "m")
    return _key(_NATURALS[match["note"]] + _SIGNS[match["sign"]], minor)


def camelot(key: str) -> str:
    """Return the place of a key on DJs' wheel.

    >>> camelot("A minor"), camelot("C major"), camelot("F# minor")
    ('8A', '8B', '11A')
    """
    place, minor = _place(KEYS.index(key))
    return f"{place}{'A' if minor else 'B'}"


def short_key(key: str) -> str:
    """Return a key as musicians and files name it.

    >>> short_key("C# minor"), short_key("Eb major")
    ('C#m', 'Eb')
    """
    return key.replace(" minor", "m").replace(" major", "")


def mixes_with(key: str) -> tuple[str, ...]:
    """Return the keys that mix with one: itself, its relative, and both neighbours by a fifth.

    >>> mixes_with("A minor")
    ('A minor', 'C major', 'E minor', 'D minor')
    """
    minor, tonic = divmod(KEYS.index(key), 12)
    relative = _key(tonic + (3 if minor else 9), not minor)
    return key, relative, _key(tonic + 7, bool(minor)), _key(tonic + 5, bool(minor))


def _key(tonic: int, minor: bool) -> str:
    return KEYS[tonic % 12 + 12 * minor]


def _place(number: int) -> tuple[int, bool]:
    minor, tonic = divmod(number, 12)
    fifths = 7 * (tonic + (3 if minor else 0)) % 12
    return (fifths + _FIRST_CAMELOT - 1) % 12 + 1, bool(minor)
