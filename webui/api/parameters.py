"""What parameters are made of: each with a sentence for what it does not take."""

from __future__ import annotations

import base64
import binascii
import re
import struct
from functools import cache
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
)
from pydantic_core import PydanticCustomError

from recsys.catalog import LONGEST_NAME, is_name
from recsys.recommendation import controls
from recsys.recommendation.query import LARGEST_ID

MAX_RESULTS = controls.MAX_RESULTS
MAX_QUERY = 500  # characters


def takes(wanted: str) -> WrapValidator:
    """Say what a field takes where it got something else."""

    def check(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError:
            raise PydanticCustomError("takes", "takes {wanted}", {"wanted": wanted}) from None

    return WrapValidator(check)


def _whole(value: object) -> object:
    """Refuse digits that Python reads and JSON does not have; take JSON's 7.0 as the 7 it is."""
    if isinstance(value, str) and not re.fullmatch("[0-9]{1,10}", value, re.ASCII):
        raise ValueError(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _name(text: str) -> str:
    if not is_name(text):
        raise ValueError(text)
    return text


WHOLE = BeforeValidator(_whole)
AN_ID = f"an id from 1 to {LARGEST_ID}"
Count = Annotated[
    int,
    Field(ge=1, le=MAX_RESULTS),
    WHOLE,
    takes(f"a whole number from 1 to {MAX_RESULTS}"),
]
TrackId = Annotated[int, Field(strict=True, ge=1, le=LARGEST_ID), WHOLE, takes(AN_ID)]


def _with_example(schema: dict[str, Any]) -> None:
    """Say an example in the one way that the describing library hands on."""
    for described in schema.get("properties", {}).values():
        if "examples" in described:
            described["example"] = described.pop("examples")[0]


def as_parameters(schema: dict[str, Any]) -> None:
    """Describe what may be left out as what it is: an address has no null."""
    _with_example(schema)
    for described in schema.get("properties", {}).values():
        if described.get("default", ...) is None:
            del described["default"]
        kinds = [kind for kind in described.get("anyOf", ()) if kind != {"type": "null"}]
        if len(kinds) == 1:
            del described["anyOf"]
            described.update(kinds[0])


class Described(BaseModel):
    """What a body or an answer holds; a number is one, and neither NaN nor infinite."""

    model_config = ConfigDict(allow_inf_nan=False, json_schema_extra=_with_example)


class Strict(Described):
    """A body that is refused where it holds a name that means nothing."""

    model_config = ConfigDict(
        extra="forbid", strict=True, allow_inf_nan=False, json_schema_extra=_with_example
    )


class Parameters(BaseModel):
    """What an address names: parts of its path, or what is behind its question mark."""

    model_config = ConfigDict(allow_inf_nan=False, json_schema_extra=as_parameters)

    @classmethod
    def model_json_schema(cls, *args: Any, **options: Any) -> dict[str, Any]:
        """Return the schema, made once: every request is read by it."""
        return (
            _schema(cls)
            if not args and not options
            else super().model_json_schema(*args, **options)
        )


@cache
def _schema(model: type[Parameters]) -> dict[str, Any]:
    return super(Parameters, model).model_json_schema()


class OfTrack(Parameters):
    """The path of a track."""

    track_id: int = Field(description="The id of a track.", examples=[1])


class Revalidating(Parameters):
    """What a client has already."""

    if_none_match: str | None = Field(
        None,
        alias="If-None-Match",
        description="The ETag of what the client has; where it is the same, the answer is 304.",
    )


# Pages of a list


def write_cursor(*place: int) -> str:
    """Return where a page ended, as an answer's `next` has it."""
    return base64.urlsafe_b64encode(struct.pack(">qq", *place)).decode().rstrip("=")


def _read_cursor(text: object) -> tuple[int, int]:
    if not isinstance(text, str):
        raise ValueError(text)
    try:
        one, other = struct.unpack(">qq", base64.b64decode(text + "==", b"-_", validate=True))
    except (binascii.Error, struct.error) as error:
        raise ValueError(text) from error
    return int(one), int(other)


Cursor = Annotated[
    tuple[int, int],
    BeforeValidator(_read_cursor),
    WithJsonSchema({"type": "string", "format": "cursor"}),
    takes('what an answer called "next"'),
]


Text = Annotated[str, Field(pattern=r"^[^\x00]*$")]  # what `webui.texts` lets in
_ON_ONE_LINE = r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]"
_NAME = rf"^{_ON_ONE_LINE}*[^\s\x00-\x1f\x7f-\x9f\u2028\u2029]{_ON_ONE_LINE}*$"
Name = Annotated[
    str,
    Field(min_length=1, max_length=LONGEST_NAME, pattern=_NAME),
    AfterValidator(_name),
    takes(f"1 to {LONGEST_NAME} characters on one line"),
]
Share = Annotated[float, Field(ge=0, le=1), takes("a number from 0 to 1")]
Id = Annotated[int, Field(ge=1, le=LARGEST_ID), WHOLE, takes(AN_ID)]


class Page(Parameters):
    """A part of a long list."""

    limit: Count = 50
    cursor: Cursor | None = Field(None, description='Where to go on: "next" of the last answer.')


class Paged(Described):
    """An answer that may go on."""

    next: str | None = Field(
        description="The cursor of what follows; null at the end.",
        examples=["AAAAAAAAAAoAAAAAAAAAAA"],
    )
