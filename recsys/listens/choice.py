"""What a person says of a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from recsys.listens.times import Order

Columns: TypeAlias = dict[str, str] | list[str]


@dataclass(frozen=True)
class FormatChoice:
    """What a person says of a file; what is not said is found.

    format    one of `formats.FORMATS`
    listener  whose plays they are
    columns   what the columns of a table hold
    dates     the order of day, month and year
    decimal   the decimal mark, "." or ","
    encoding  the codec of the text
    """

    format: str | None = None
    listener: str = ""
    columns: Columns | None = None
    dates: Order | None = None
    decimal: str | None = None
    encoding: str | None = None
