"""What parameters are made of: each with a sentence for what it does not take."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic_core import PydanticCustomError

from recsys.query import LARGEST_ID

MAX_RESULTS = 200
MAX_QUERY = 500  # characters


def takes(wanted: str) -> WrapValidator:
    """Say what a field takes where it got something else."""

    def check(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError:
            raise PydanticCustomError("takes", "takes {wanted}", {"wanted": wanted}) from None

    return WrapValidator(check)


def _from_digits(value: object) -> object:
    """Refuse the numbers that Python reads and JSON does not have."""
    if isinstance(value, str) and not re.fullmatch("[0-9]{1,10}", value, re.ASCII):
        raise ValueError(value)
    return value


DIGITS = BeforeValidator(_from_digits)
AN_ID = f"an id from 1 to {LARGEST_ID}"
Count = Annotated[
    int,
    Field(ge=1, le=MAX_RESULTS),
    DIGITS,
    takes(f"a whole number from 1 to {MAX_RESULTS}"),
]
TrackId = Annotated[int, Field(strict=True, ge=1, le=LARGEST_ID), takes(AN_ID)]


def _as_parameters(schema: dict[str, Any]) -> None:
    """Describe fields as parameters are: an address has no null, and one example."""
    for described in schema.get("properties", {}).values():
        if described.get("default", ...) is None:
            del described["default"]
        if "examples" in described:
            described["example"] = described.pop("examples")[0]
        kinds = [kind for kind in described.get("anyOf", ()) if kind != {"type": "null"}]
        if len(kinds) == 1:
            del described["anyOf"]
            described.update(kinds[0])


class Parameters(BaseModel):
    """What an address names: parts of its path, or what is behind its question mark."""

    model_config = ConfigDict(json_schema_extra=_as_parameters)


class OfTrack(Parameters):
    """The path of a track."""

    track_id: int = Field(description="The id of a track.", examples=[1])
