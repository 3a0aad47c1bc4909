"""A mix as query parameters: seeds, exclusions, pinned tracks and controls.

like=artist:Nina Simone & unlike=tag:party & without=track:7 & discovery=.8 & keep=12@1
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol
from urllib.parse import urlencode

from pydantic import ValidationError
from werkzeug.exceptions import BadRequest

from recsys.recommendation import controls
from recsys.recommendation.controls import Controls, PublicControls, Several, value_type, values_of
from recsys.recommendation.query import LARGEST_ID
from webui.texts import read_whole
from webui.uploads import read_sound

Kind = Literal["track", "artist", "album", "tag", "genre", "sound"]
Side = Literal["like", "unlike", "without"]
SIDES: tuple[Side, ...] = ("like", "unlike", "without")
SIDES_OF: Mapping[Kind, tuple[Side, ...]] = {
    "track": SIDES,
    "artist": SIDES,
    "album": SIDES,
    "tag": SIDES,
    "genre": ("without",),
    "sound": ("like", "unlike"),
}

MAX_REFS = 200  # of all sides together
MAX_NAME = controls.MAX_NAME
MAX_SOUND_NAME = 10_000  # with its embedding
MAX_LENGTH = controls.MAX_RESULTS

DEFAULTS = PublicControls(exclude_played=False)
# The controls that an address names, and their names there; the others are refs of `without`.
ADDRESS_NAMES: Mapping[str, str] = {
    name: "unplayed" if name == "exclude_played" else name
    for name, field in Controls.model_fields.items()
    if not isinstance(values_of(field), Several)
}


@dataclass(frozen=True)
class Ref:
    """A reference: a track by its id, an album by the id of one of its tracks, or by name.

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
    """A mix's seeds, exclusions, pinned tracks, length and controls.

    like, unlike  seeds, and negative seeds
    without       excluded tracks, artists, albums, tags, genres
    keep          (track id, place from 1) of pinned tracks
    length        of the list
    controls      those in `ADDRESS_NAMES`
    """

    like: tuple[Ref, ...] = ()
    unlike: tuple[Ref, ...] = ()
    without: tuple[Ref, ...] = ()
    keep: tuple[tuple[int, int], ...] = ()
    length: int = 20
    controls: PublicControls = DEFAULTS

    @classmethod
    def parse(cls, arguments: Arguments) -> Mix:
        """Read a query string; what it does not name has its default. Raises BadRequest."""
        refs = {side: tuple(map(read_ref, _values(arguments, side))) for side in SIDES}
        for side in SIDES:
            for ref in refs[side]:
                _check_side(ref, side)
        if sum(map(len, refs.values())) > MAX_REFS:
            raise BadRequest(f"A mix takes at most {MAX_REFS} seeds and exclusions.")
        distinct = {side: tuple(dict.fromkeys(given)) for side, given in refs.items()}
        return cls(
            **distinct,
            keep=_kept(",".join(arguments.getlist("keep"))),
            length=_length(_last(arguments, "length")),
            controls=_controls(arguments),
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
        if controls and self.length != Mix.length:
            given.append(("length", str(self.length)))
        for name, address_name in ADDRESS_NAMES.items():
            value = getattr(self.controls, name)
            if controls and value != getattr(DEFAULTS, name) and value is not None:
                given.append((address_name, written(value)))
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

    def removing(self, track_id: int, place: int) -> str:
        """Leave a track out, and let what is below it move up."""
        keep = tuple((kept, at - (at > place)) for kept, at in self.keep if kept != track_id)
        return replace(self, keep=keep).adding("without", "track", track_id)


def _values(arguments: Arguments, name: str) -> list[str]:
    return [value for value in arguments.getlist(name) if value]


def _last(arguments: Arguments, name: str) -> str | None:
    values = _values(arguments, name)
    return values[-1] if values else None


def read_ref(text: str) -> Ref:
    """Read a reference. Raises BadRequest."""
    kind, colon, name = text.partition(":")
    known = next((known for known in SIDES_OF if known == kind), None)
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
    found = read_whole(text, 1, LARGEST_ID)
    if found is None:
        raise BadRequest(f'"{text[:50]}" is no id of a track.')
    return found


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


def written(value: float) -> str:
    """Return a control's value as an address has it.

    >>> written(True), written(300.0), written(0.25)
    ('1', '300', '0.25')
    """
    return str(int(value) if value == int(value) else value)


def _controls(arguments: Arguments) -> PublicControls:
    """Read the controls. Raises BadRequest."""
    given = {name: _last(arguments, address) for name, address in ADDRESS_NAMES.items()}
    values = {name: _control(name, text) for name, text in given.items() if text is not None}
    try:
        return PublicControls.model_validate(DEFAULTS.model_dump() | values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        if not first["loc"]:
            raise BadRequest(f"{first['msg']}.") from error
        raise BadRequest(f'"{first["loc"][0]}" {first["msg"]}.') from error


def _control(name: str, text: str) -> Any:
    """Return a control's value of its type, or the text where it is none."""
    kind = value_type(Controls.model_fields[name])
    if kind is bool:
        if text not in ("0", "1"):
            raise BadRequest(f'"{ADDRESS_NAMES[name]}" takes 0 or 1.')
        return text == "1"
    if kind is not float:
        whole = read_whole(text, 0, LARGEST_ID)
        return text if whole is None else whole
    try:
        return float(text)
    except ValueError:
        return text


def _length(text: str | None) -> int:
    if text is None:
        return Mix.length
    length = read_whole(text, 1, MAX_LENGTH)
    if length is None:
        raise BadRequest(f'"length" takes a whole number from 1 to {MAX_LENGTH}.')
    return length


def _check_side(ref: Ref, side: Side) -> None:
    if ref.kind == "sound" and side == "without":
        raise BadRequest("A sound that is not in the library cannot be left out.")
    if side not in SIDES_OF[ref.kind]:
        raise BadRequest(f"A {ref.kind} can only be left out: to be like it, it is tag:NAME.")
