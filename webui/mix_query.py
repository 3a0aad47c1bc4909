"""What a list is asked for with, as it stands in an address.

like=artist:Nina Simone & unlike=tag:party & without=track:7 & discovery=.8 & keep=12@1
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, fields, replace
from typing import Literal, Protocol
from urllib.parse import urlencode

from werkzeug.exceptions import BadRequest

from recsys.recommendation.query import LARGEST_ID
from webui.uploads import read_sound

Kind = Literal["track", "artist", "album", "tag", "sound"]
Side = Literal["like", "unlike", "without"]
SIDES: tuple[Side, ...] = ("like", "unlike", "without")
KINDS: tuple[Kind, ...] = ("track", "artist", "album", "tag", "sound")

MAX_REFS = 200  # of all sides together
MAX_NAME = 1000  # characters: as long as the catalogue keeps
MAX_SOUND_NAME = 10_000  # with its embedding
MAX_LENGTH = 200


@dataclass(frozen=True)
class Ref:
    """Something named: a track by its id, an album by the id of one of its tracks, or by name.

    A sound from outside the library is named by all that is known of it: `webui.uploads`.
    """

    kind: Kind
    name: str

    @property
    def track_id(self) -> int:
        """The id; of a track or an album alone."""
        return int(self.name)

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


class Arguments(Protocol):
    """What a request's query string is read through."""

    def getlist(self, key: str, /) -> list[str]:
        """Return every value of a key."""


@dataclass(frozen=True)
class Mix:
    """A question to the recommender, and what a person has done with the answer.

    like, unlike  what the list shall sound like and not
    without       what it shall not have in it
    keep          (track id, place from 1): what stays where it is, whatever else changes
    length        of the list
    unplayed      leaves out what the listener has played
    The others are those of `recsys.recommendation.query.Query`.
    """

    like: tuple[Ref, ...] = ()
    unlike: tuple[Ref, ...] = ()
    without: tuple[Ref, ...] = ()
    keep: tuple[tuple[int, int], ...] = ()
    length: int = 20
    discovery: float = 0.5
    consistency: float = 0.0
    diversity: float = 0.0
    artist_cap: int | None = None
    max_duration: int | None = None
    unplayed: bool = False

    @classmethod
    def parse(cls, arguments: Arguments) -> Mix:
        """Read a query string; what it does not name has its default. Raises BadRequest."""
        refs = {side: tuple(map(_ref, _values(arguments, side))) for side in SIDES}
        if any(ref.kind == "sound" for ref in refs["without"]):
            raise BadRequest("A sound that is not in the library cannot be left out.")
        if sum(map(len, refs.values())) > MAX_REFS:
            raise BadRequest(f"A list takes at most {MAX_REFS} seeds and exclusions.")
        distinct = {side: tuple(dict.fromkeys(found)) for side, found in refs.items()}
        return cls(
            **distinct,
            keep=_kept(",".join(arguments.getlist("keep"))),
            length=_whole(arguments, "length", MAX_LENGTH) or cls.length,
            discovery=_share(arguments, "discovery", cls.discovery),
            consistency=_share(arguments, "consistency", cls.consistency),
            diversity=_share(arguments, "diversity", cls.diversity),
            artist_cap=_whole(arguments, "artist_cap", MAX_LENGTH),
            max_duration=_whole(arguments, "max_duration", 24 * 3600),
            unplayed=_switch(arguments, "unplayed"),
        )

    def address(self, **changes: object) -> str:
        """Return the query string, with its question mark, of this mix or one with changes.

        >>> Mix(like=(Ref("tag", "slow jazz"),)).address(length=30)
        '?like=tag%3Aslow+jazz&length=30'
        """
        return "?" + urlencode(replace(self, **changes).arguments())  # type: ignore[arg-type]

    def arguments(self, *, controls: bool = True) -> list[tuple[str, str]]:
        """Return names and values of what differs from the defaults, with the controls or not."""
        given: list[tuple[str, str]] = [
            (side, str(ref)) for side in SIDES for ref in getattr(self, side)
        ]
        if self.keep:
            given.append(("keep", ",".join(f"{track_id}@{place}" for track_id, place in self.keep)))
        for field in fields(self):
            value = getattr(self, field.name)
            if controls and field.name not in (*SIDES, "keep") and value != field.default:
                given.append((field.name, str(int(value) if value is True else value)))
        return given

    # What a person may do next, each as an address

    def adding(self, side: Side, kind: Kind, name: object) -> str:
        """Name one thing more, moving it where it is on another side."""
        ref = Ref(kind, str(name))
        moved = {
            other: tuple(known for known in getattr(self, other) if known != ref) for other in SIDES
        }
        return self.address(**moved | {side: (*moved[side], ref)})

    def dropping(self, ref: Ref) -> str:
        """Name one thing no longer."""
        sides = {s: tuple(known for known in getattr(self, s) if known != ref) for s in SIDES}
        return self.address(**sides)

    def keeping(self, track_id: int, place: int) -> str:
        """Keep a track where it is."""
        others = [kept for kept in self.keep if kept[0] != track_id]
        return self.address(keep=tuple(sorted([*others, (track_id, place)], key=_place)))

    def freeing(self, track_id: int) -> str:
        """Keep a track no longer."""
        return self.address(keep=tuple(kept for kept in self.keep if kept[0] != track_id))

    def closing_up(self, track_id: int, place: int) -> Mix:
        """Return the mix in which a track's place is taken by what is below it."""
        return replace(
            self,
            keep=tuple((kept, at - (at > place)) for kept, at in self.keep if kept != track_id),
        )

    def removing(self, track_id: int, place: int) -> str:
        """Leave a track out, and let what is below it move up."""
        return self.closing_up(track_id, place).adding("without", "track", track_id)


def _values(arguments: Arguments, name: str) -> list[str]:
    return [value for value in arguments.getlist(name) if value]


def _last(arguments: Arguments, name: str) -> str | None:
    values = _values(arguments, name)
    return values[-1] if values else None


def _ref(text: str) -> Ref:
    kind, colon, name = text.partition(":")
    known = next((known for known in KINDS if known == kind), None)
    longest = MAX_SOUND_NAME if known == "sound" else MAX_NAME
    if known is None or not colon or not name.strip() or len(name) > longest:
        raise BadRequest(
            f'"{text[:50]}" names nothing: it takes track:ID, album:ID of one of its tracks, '
            "artist:NAME or tag:NAME."
        )
    if known in ("track", "album"):
        name = str(_id(name))
    elif known == "sound":
        read_sound(name)
    return Ref(known, name)


def _id(text: str) -> int:
    if not re.fullmatch("[0-9]{1,10}", text, re.ASCII) or not 0 < int(text) <= LARGEST_ID:
        raise BadRequest(f'"{text[:50]}" is no id of a track.')
    return int(text)


def _kept(text: str) -> tuple[tuple[int, int], ...]:
    """Read "12@1,7@4": ids and places, neither twice."""
    kept: dict[int, int] = {}
    for part in filter(None, text.split(",")):
        track_id, at, place = part.partition("@")
        if not at or _id(place) > MAX_LENGTH:
            raise BadRequest(f'"keep" takes ID@PLACE, with places up to {MAX_LENGTH}.')
        kept.setdefault(_id(track_id), int(place))
    by_place = {place: track_id for track_id, place in reversed(kept.items())}
    return tuple((by_place[place], place) for place in sorted(by_place))


def _place(kept: tuple[int, int]) -> int:
    return kept[1]


def _share(arguments: Arguments, name: str, default: float) -> float:
    text = _last(arguments, name)
    try:
        value = default if text is None else float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise BadRequest(f'"{name}" takes a number from 0 to 1.')
    return value


def _switch(arguments: Arguments, name: str) -> bool:
    text = _last(arguments, name)
    if text not in (None, "0", "1"):
        raise BadRequest(f'"{name}" takes 0 or 1.')
    return text == "1"


def _whole(arguments: Arguments, name: str, most: int) -> int | None:
    text = _last(arguments, name)
    if text is None:
        return None
    if not re.fullmatch("[0-9]{1,9}", text, re.ASCII) or not 1 <= int(text) <= most:
        raise BadRequest(f'"{name}" takes a whole number from 1 to {most}.')
    return int(text)
