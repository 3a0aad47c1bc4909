"""The controls of a recommended list: their names, defaults, bounds and descriptions.

Command line, page, API and Python parse into these models and are described from their fields: a
control is added by adding a field.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

LARGEST_ID = 2**31 - 1  # that a database has
MAX_RESULTS = 200  # of one request over the network
MAX_NAMES = 200  # in one list of names of such a request,
MAX_NAME = 1000  # of so many characters: as long as the catalogue stores
MAX_IDS = 1000  # in one list of ids
DAY = 86_400  # seconds
FASTEST = 1000  # beats a minute


@dataclass(frozen=True)
class Values(ABC):
    """The values that a control takes.

    metavar  what the command line calls one
    wanted   names them in errors
    public   names those that a request over the network may give
    """

    metavar: str
    wanted: str
    public: str

    def prepared(self, value: Any) -> Any:
        """Return a value as its type has it, where JSON writes it in another way."""
        return value

    @abstractmethod
    def takes(self, value: Any, *, public: bool) -> bool:
        """Return whether a value of the right type is within the bounds."""

    @abstractmethod
    def json_schema(self) -> JsonSchemaValue:
        """Return the bounds of requests over the network in JSON Schema."""

    def __get_pydantic_core_schema__(
        self, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Check values, with an error that names the control and the value."""
        return core_schema.with_info_wrap_validator_function(self._validate, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe values: null for a control that may be left to its default."""
        described = handler(schema)
        kinds = described.pop("anyOf", None)
        if kinds is None:
            return {**described, **self.json_schema()}
        return {"anyOf": [{**kinds[0], **self.json_schema()}, *kinds[1:]]}

    def _validate(
        self, value: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo
    ) -> Any:
        try:
            taken = handler(self.prepared(value))
        except ValidationError:
            raise self._error(info.field_name, self.wanted, value) from None
        if taken is not None and not self.takes(taken, public=False):
            raise self._error(info.field_name, self.wanted, value)
        return taken

    @staticmethod
    def _error(name: str | None, wanted: str, value: object) -> PydanticCustomError:
        return PydanticCustomError(
            "control",
            "{name}: wanted {wanted}, got {value}",
            {"name": name, "wanted": wanted, "value": str(value)},
        )


@dataclass(frozen=True)
class Number(Values):
    """Numbers from `least` to `most`, in requests over the network up to `most_public`."""

    least: float
    most: float = math.inf
    most_public: float = math.inf

    def prepared(self, value: Any) -> Any:
        """Return JSON's 7.0 as the 7 it is."""
        return int(value) if isinstance(value, float) and value.is_integer() else value

    def takes(self, value: float, *, public: bool) -> bool:
        """Return whether a number is within the bounds; NaN is not."""
        return self.least <= value <= (self.most_public if public else self.most)

    def json_schema(self) -> JsonSchemaValue:
        """Return minimum and maximum."""
        return {"minimum": self.least, "maximum": min(self.most, self.most_public)}


@dataclass(frozen=True)
class Several(Values):
    """Lists of names or ids; `kind` is what one names, as in `without=KIND:NAME`."""

    kind: str

    def prepared(self, value: Any) -> Any:
        """Return a list as a tuple."""
        return tuple(value) if isinstance(value, list) else value


@dataclass(frozen=True)
class Names(Several):
    """Lists of names."""

    def takes(self, value: tuple[str, ...], *, public: bool) -> bool:
        """Return whether a request over the network has few names, neither empty nor too long."""
        return not public or (
            len(value) <= MAX_NAMES and all(0 < len(name) <= MAX_NAME for name in value)
        )

    def json_schema(self) -> JsonSchemaValue:
        """Return the bounds of the list and of a name."""
        name = {"type": "string", "minLength": 1, "maxLength": MAX_NAME, "pattern": r"^[^\x00]*$"}
        return {"maxItems": MAX_NAMES, "items": name}

    def _validate(
        self, value: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo
    ) -> Any:
        if isinstance(value, str):
            raise self._error(info.field_name, "several", "one text")
        return super()._validate(value, handler, info)


@dataclass(frozen=True)
class TrackIds(Several):
    """Lists of the ids of tracks."""

    def takes(self, value: tuple[int, ...], *, public: bool) -> bool:
        """Return whether all are ids; a request over the network has few, and none is 0."""
        least = 1 if public else 0
        fits = all(least <= track_id <= LARGEST_ID for track_id in value)
        return fits and (not public or len(value) <= MAX_IDS)

    def json_schema(self) -> JsonSchemaValue:
        """Return the bounds of the list and of an id."""
        track_id = {"type": "integer", "minimum": 1, "maximum": LARGEST_ID}
        return {"maxItems": MAX_IDS, "items": track_id}

    def _validate(
        self, value: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo
    ) -> Any:
        """Name the id that is none."""
        ids = handler(self.prepared(value))
        for track_id in ids:
            if not 0 <= track_id <= LARGEST_ID:
                raise self._error(info.field_name, self.wanted, track_id)
        return ids


@dataclass(frozen=True)
class Share(Number):
    """Numbers from 0 to 1, with words for both ends."""

    low: str = ""
    high: str = ""


def share(low: str, high: str) -> Share:
    """Return the shares from `low` to `high`."""
    wanted = "a number from 0 to 1"
    return Share("X", wanted, wanted, 0, 1, low=low, high=high)


CAP = Number(
    "N", "a number of at least 1", f"a whole number from 1 to {MAX_RESULTS}", 1,
    most_public=MAX_RESULTS,
)  # fmt: skip
SPACING = Number(
    "N", "a number of at least 0", f"a number from 0 to {MAX_RESULTS}", 0, most_public=MAX_RESULTS
)
SECONDS = Number("SECONDS", "seconds of at least 0", f"seconds from 0 to {DAY}", 0, most_public=DAY)
TEMPO = Number(
    "BPM", "beats a minute of at least 0", f"beats a minute from 0 to {FASTEST}", 0,
    most_public=FASTEST,
)  # fmt: skip
PERCENT = Number("PERCENT", "a number from 0 to 50", "a number from 0 to 50", 0, 50)
CHANCE = Number(
    "N", "a number of at least 0", f"a number from 0 to {LARGEST_ID}", 0, most_public=LARGEST_ID
)
TRACKS = TrackIds("ID", f"an id from 0 to {LARGEST_ID}", f"up to {MAX_IDS} ids of tracks", "track")


def names_of(kind: str) -> Names:
    """Return the names of a kind of thing."""
    return Names("NAME", "several names", f"up to {MAX_NAMES} names", kind)


class Tuning(BaseModel):
    """How a list is put together."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    discovery: Annotated[float, share("familiar", "new")] = Field(
        default=0.5,
        title="Discovery",
        description="0: familiar, to 1: new. Below 0.5 played tracks, known artists and popular "
        "tracks are raised, above it lowered.",
    )
    consistency: Annotated[float, share("any", "all alike")] = Field(
        default=0.0, title="Consistency", description="0 to 1: how alike the list must sound."
    )
    diversity: Annotated[float, share("similar", "varied")] = Field(
        default=0.0,
        title="Diversity",
        description="0 to 1: how much each track must differ from those before it.",
    )
    artist_cap: Annotated[int | None, CAP] = Field(
        default=None, title="Most per artist", description="At most so many of one artist."
    )
    album_cap: Annotated[int | None, CAP] = Field(
        default=None, title="Most per album", description="At most so many of one album."
    )
    artist_spacing: Annotated[int, SPACING] = Field(
        default=0,
        title="Artist spacing",
        description="At least so many others between two of one artist.",
    )
    album_spacing: Annotated[int, SPACING] = Field(
        default=0,
        title="Album spacing",
        description="At least so many others between two of one album.",
    )
    harmonic: bool = Field(
        default=False,
        title="Harmonic mixing",
        description="Each track's key mixes with that of the one before it (Camelot: the same "
        "place, a neighbour, or minor and major of one place). Tracks of unknown key are left out.",
    )
    tempo_change: Annotated[float | None, PERCENT] = Field(
        default=None,
        title="Most change of tempo",
        description="From one track to the next the tempo changes by at most so many percent; half "
        "and double time count as the same. Tracks of unknown tempo are left out.",
    )
    randomness: Annotated[float, share("none", "shuffled")] = Field(
        default=0.0,
        title="Randomness",
        description="0 to 1: how far chance may reorder tracks that are near in score.",
    )
    seed: Annotated[int, CHANCE] = Field(
        default=0,
        title="Random seed",
        description="Of the randomness: the same seed, the same list.",
    )
    include_seeds: bool | None = Field(
        default=None,
        title="Begin with the seed tracks",
        description="Begin with the tracks that the list is to be like; if undecided, only where "
        "it is saved as a playlist.",
    )


class Filters(BaseModel):
    """Which tracks are left out of a list."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    exclude_tracks: Annotated[tuple[int, ...], TRACKS] = Field(
        default=(), description="Leave out tracks, by their ids."
    )
    exclude_artists: Annotated[tuple[str, ...], names_of("artist")] = Field(
        default=(), description="Leave out artists, in any spelling."
    )
    exclude_genres: Annotated[tuple[str, ...], names_of("genre")] = Field(
        default=(), description="Leave out genres of the files, in any spelling."
    )
    exclude_tags: Annotated[tuple[str, ...], names_of("tag")] = Field(
        default=(), description="Leave out what stands out in tags of the taggers."
    )
    min_duration: Annotated[float | None, SECONDS] = Field(
        default=None,
        title="Minimum length",
        description="Leave out tracks of fewer seconds, or of unknown length.",
    )
    max_duration: Annotated[float | None, SECONDS] = Field(
        default=None,
        title="Maximum length",
        description="Leave out tracks of more seconds, or of unknown length.",
    )
    min_tempo: Annotated[float | None, TEMPO] = Field(
        default=None,
        title="Slowest tempo",
        description="Leave out tracks of fewer beats a minute, or of unknown tempo.",
    )
    max_tempo: Annotated[float | None, TEMPO] = Field(
        default=None,
        title="Fastest tempo",
        description="Leave out tracks of more beats a minute, or of unknown tempo.",
    )
    exclude_played: bool | None = Field(
        default=None,
        title="Only tracks I have not played",
        description="Leave out what the listener has played; if undecided, unless discovery is "
        "below 0.5.",
    )
    exclude_disliked: bool = Field(
        default=True,
        title="Include disliked tracks",
        description="Leave out what the listener disliked.",
    )

    @model_validator(mode="after")
    def _bounds_are_in_order(self) -> Self:
        for name in ("duration", "tempo"):
            least, most = getattr(self, f"min_{name}") or 0, getattr(self, f"max_{name}")
            if most is not None and most < least:
                raise PydanticCustomError(
                    "control",
                    "max_{name}: wanted at least min_{name}, {least}, got {most}",
                    {"name": name, "least": str(least), "most": str(most)},
                )
        return self


class Controls(Filters, Tuning):
    """All controls of a list."""


class PublicControls(Controls):
    """Controls as requests over the network give them: of JSON's types, within narrower bounds."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    @field_validator("*", mode="wrap")
    @classmethod
    def _are_within_public_bounds(
        cls, value: Any, handler: Callable[[Any], Any], info: ValidationInfo
    ) -> Any:
        field = cls.model_fields.get(info.field_name or "")
        values = None if field is None else values_of(field)
        if values is None:
            return handler(value)
        try:
            taken = handler(value)
        except ValidationError:
            taken = ...
        if taken is ... or (taken is not None and not values.takes(taken, public=True)):
            raise PydanticCustomError("takes", "takes {wanted}", {"wanted": values.public})
        return taken


def values_of(field: FieldInfo) -> Values | None:
    """Return the values that a control takes, None for a switch."""
    return next((one for one in field.metadata if isinstance(one, Values)), None)


def value_type(field: FieldInfo) -> type[bool | float | int | str]:
    """Return the type of a control's value, or of one where it takes several."""
    annotation = str(field.annotation)
    return next(kind for kind in (bool, float, int, str) if kind.__name__ in annotation)


def sentence(error: ValidationError) -> str:
    """Return the first of the errors in a query, without a full stop."""
    first = error.errors(include_url=False)[0]
    name = ".".join(map(str, first["loc"]))
    return first["msg"] if first["type"] == "control" else f"{name}: {first['msg']}"
