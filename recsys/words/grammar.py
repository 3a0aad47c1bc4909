"""The grammar of queries by words: what is wanted, what is not, numbers, and likeness.

docs/words.md has the grammar for people.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from recsys.catalog.search import MAX_QUERY, fold
from recsys.musical_key import KEYS, parse_key

Quantity = Literal["bpm", "year", "minutes"]
AROUND = 0.06  # of a tempo: what "around 120 bpm" takes in, to both sides
AROUND_YEARS = 2
FIRST_YEAR = 1900
_DECADES = {
    "twenties": 1920, "thirties": 1930, "forties": 1940, "fifties": 1950, "sixties": 1960,
    "seventies": 1970, "eighties": 1980, "nineties": 1990, "noughties": 2000,
}  # fmt: skip

# Words that say nothing about music by themselves.
FILLERS = frozenset(
    """
    a an the and or with for of to in on at by from as so into up my me i we you it its is
    are be that this his her their there which who through during while early late more very
    really quite rather bit little some any something anything kind sort style styles feel
    feeling vibe vibes mood tempo good great nice get play find give want please stuff music
    song songs track tracks tune tunes piece pieces sound sounds sounding
    """.split()  # noqa: SIM905
)
_NEGATIONS = (
    r"without(?: any)?|no|not(?: too)?|non|never|minus|excluding|except(?: for)?|less|fewer"
)
_NUMBER = r"\d{1,4}(?:\.\d+)?"
_UNIT = r"(?P<unit>bpm|beats (?:a|per) minute|minutes?|mins?)"
_ABOUT = re.compile(
    rf"(?:(?P<how>around|about|circa|roughly|approximately|~)\s*)?(?P<value>{_NUMBER})\s*{_UNIT}\b"
)
_BETWEEN = re.compile(
    rf"(?:between|from)?\s*(?P<low>{_NUMBER})\s*(?:and|to|-|–)\s*(?P<high>{_NUMBER})\s*{_UNIT}\b"
)
_BOUND = re.compile(
    r"(?P<side>under|below|less than|slower than|shorter than|at most|over|above|more than|"
    rf"faster than|longer than|at least)\s+(?P<value>{_NUMBER})\s*{_UNIT}\b"
)
_DECADE = re.compile(
    r"(?:(?:from|in|of) )?(?:the )?(?:early |late |mid )?"
    rf"(?P<decade>(?:19|20)?\d0'?s|{'|'.join(_DECADES)})\b"
)
_YEARS = re.compile(
    r"(?:between|from)\s+(?P<low>(?:19|20)\d\d)\s*(?:and|to|-|–)\s*(?P<high>(?:19|20)\d\d)\b"
)
_YEAR = re.compile(
    r"(?P<how>from|in|of|before|after|since|until|around|circa)\s+(?P<year>(?:19|20)\d\d)\b"
)
_KEY = re.compile(
    r"(?:in )?(?:an? |the )?(?:key of )?(?:(?P<tonic>[a-g](?:[#♯♭b]| sharp| flat)?)[ -])?"
    r"(?P<mode>minor|major)(?: key)?\b|(?:in )?\b(?P<camelot>(?:1[0-2]|[1-9])[ab])\b"
)
_LIKE = re.compile(
    r"\b(?:(?:sounds?|sounding|something|music) )?(?P<side>unlike|not like|like|similar to)\s+"
    r"(?P<name>[^,;]+?)(?=\s*(?:[,;]|\bbut\b|\bonly\b|\bwith(?:out)?\b|$))"
)
_BREAK = re.compile(r"[,;.!?]|\bbut\b|\bwith\b|\bonly\b")


@dataclass(frozen=True)
class Range:
    """A range of tempo in beats a minute, of years, or of minutes; both ends count.

    text    as it was asked for
    decade  the name that taggers have for a decade, such as "70s"; "" for none
    """

    quantity: Quantity
    low: float
    high: float
    text: str
    decade: str = ""


@dataclass(frozen=True)
class WantedKeys:
    """Keys that are asked for, as `recsys.musical_key` writes them."""

    keys: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class Phrase:
    """Words that belong together, folded; `negated` where the music is to lack what they mean.

    text  the same as they were written, in lower case
    """

    words: tuple[str, ...]
    negated: bool = False
    text: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True)
class Likeness:
    """A name of an artist or a track to sound like; `negated` to sound unlike it."""

    name: str
    negated: bool = False


@dataclass
class Parsed:
    """A query by words in its parts."""

    phrases: list[Phrase] = field(default_factory=list)
    ranges: list[Range] = field(default_factory=list)
    likenesses: list[Likeness] = field(default_factory=list)
    keys: list[WantedKeys] = field(default_factory=list)


def parse(text: str) -> Parsed:
    """Take a query apart; what is longer than `MAX_QUERY` characters is cut off.

    >>> parsed = parse("calm piano without vocals around 120 bpm")
    >>> parsed.phrases
    [Phrase(words=('calm', 'piano'), negated=False), Phrase(words=('vocals',), negated=True)]
    >>> parsed.ranges[0].low, parsed.ranges[0].high
    (112.8, 127.2)
    """
    parsed = Parsed()
    rest = text[:MAX_QUERY].casefold().replace("’", "'")

    def like(match: re.Match[str]) -> str:
        negated = match["side"] in ("unlike", "not like")
        parsed.likenesses.append(Likeness(match["name"].strip(), negated))
        return " , "

    def ranged(match: re.Match[str]) -> str:
        found = _range(match)
        if found is None:
            return match[0]
        parsed.ranges.append(found)
        return " "

    def key(match: re.Match[str]) -> str:
        one = parse_key(match["camelot"] or f"{match['tonic'] or ''} {match['mode']}")
        keys = (one,) if one else tuple(k for k in KEYS if k.endswith(match["mode"]))
        parsed.keys.append(WantedKeys(keys, match[0].strip()))
        return " "

    rest = _LIKE.sub(like, rest)
    for pattern in (_BETWEEN, _BOUND, _ABOUT, _YEARS, _YEAR, _DECADE):
        rest = pattern.sub(ranged, rest)
    rest = _KEY.sub(key, rest)
    for part in _BREAK.split(rest):
        for negated, piece in _sides(part):
            if words := tuple(fold(piece).split()):
                parsed.phrases.append(Phrase(words, negated, piece.strip()))
    return parsed


def _sides(part: str) -> list[tuple[bool, str]]:
    """Split a part at its negation: what is before it is wanted, what follows it is not."""
    pieces = re.split(rf"\b(?:{_NEGATIONS})\b", part)
    return [(bool(place), piece) for place, piece in enumerate(pieces)]


def _range(match: re.Match[str]) -> Range | None:
    """Return what a match of a pattern of numbers means; None for values that nothing can have."""
    groups, text = match.groupdict(), match[0].strip()
    if "decade" in groups:
        return _decade(groups["decade"].replace("'", ""), text)
    if "unit" not in groups:
        return _years(groups, text)
    quantity: Quantity = "bpm" if groups["unit"].startswith("b") else "minutes"
    if "low" in groups:
        low, high = sorted((float(groups["low"]), float(groups["high"])))
        return Range(quantity, low, high, text)
    value = float(groups["value"])
    if side := groups.get("side"):
        above = side.split()[0] in ("over", "above", "more", "faster", "longer") or "least" in side
        return Range(quantity, *((value, float("inf")) if above else (0.0, value)), text)
    return Range(quantity, round(value * (1 - AROUND), 6), round(value * (1 + AROUND), 6), text)


def _decade(name: str, text: str) -> Range:
    start = _DECADES.get(name)
    if start is None:
        digits = int(name.removesuffix("s"))
        start = digits if digits >= 100 else digits + (2000 if digits < 20 else FIRST_YEAR)
    return Range("year", start, start + 9, text, f"{start % 100:02d}s")


def _years(groups: dict[str, str], text: str) -> Range:
    if "low" in groups:
        low, high = sorted((int(groups["low"]), int(groups["high"])))
        return Range("year", low, high, text)
    year, how = int(groups["year"]), groups["how"]
    bounds = {
        "before": (0, year - 1),
        "until": (0, year),
        "after": (year + 1, float("inf")),
        "since": (year, float("inf")),
        "around": (year - AROUND_YEARS, year + AROUND_YEARS),
        "circa": (year - AROUND_YEARS, year + AROUND_YEARS),
    }
    return Range("year", *bounds.get(how, (year, year)), text)
