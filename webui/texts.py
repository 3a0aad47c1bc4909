"""Validation of texts and numbers in requests: those that every database can store."""

from __future__ import annotations

import re
from typing import Any

from flask import request
from flask.json.provider import DefaultJSONProvider
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest
from werkzeug.routing import IntegerConverter

from recsys.catalog import is_storable

MAX_DIGITS = 400  # of a number in JSON; no number with more can be told from its neighbours


class AsciiInteger(IntegerConverter):
    """A whole number in an address, in the digits that addresses are written in."""

    regex = "[0-9]+"


def check_address() -> None:
    """Refuse an address that holds what no database can. Raises BadRequest."""
    _check("The address", request.path)
    _check_values(request.args)


def check_form() -> None:
    """Refuse a form that holds what no database can. Raises BadRequest."""
    _check_values(request.form)


def _check_values(given: MultiDict[str, str]) -> None:
    for name, value in given.items(multi=True):
        _check("The request", name)
        _check(f'"{name}"', value)


def read_whole(text: str, least: int, most: int) -> int | None:
    """Return a whole number that an address holds, None where it is none or beyond its bounds.

    >>> read_whole("12", 1, 200), read_whole("9" * 5000, 1, 200), read_whole("²", 1, 200)
    (12, None, None)
    """
    if not re.fullmatch("[0-9]{1,10}", text, re.ASCII) or not least <= int(text) <= most:
        return None
    return int(text)


class CarefulJson(DefaultJSONProvider):
    """JSON as RFC 8259 has it, with texts and numbers that a database and a client can hold."""

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """Read JSON. Raises ValueError, and BadRequest with a sentence for what cannot be held."""
        try:
            value = super().loads(s, parse_constant=_no_number, parse_int=_whole, **kwargs)
            _check_all(value, "The body")
        except RecursionError:
            raise ValueError("the JSON is nested too deeply") from None
        return value

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """Write JSON. Raises ValueError for a number that JSON does not have."""
        return super().dumps(obj, allow_nan=False, **kwargs)


def _no_number(name: str) -> None:
    raise BadRequest(f"{name} is no number of JSON.")


def _whole(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise BadRequest(f"A number in the body has more than {MAX_DIGITS} digits.")
    return int(digits)


def _check_all(value: Any, where: str) -> None:
    if isinstance(value, str):
        _check(where, value)
    elif isinstance(value, dict):
        for key, held in value.items():
            _check(where, key)
            _check_all(held, f'"{key}"')
    elif isinstance(value, list):
        for held in value:
            _check_all(held, where)


def _check(where: str, text: str) -> None:
    if not is_storable(text):
        raise BadRequest(f"{where} holds a character that no text has: NUL, or half of another.")
