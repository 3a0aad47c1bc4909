"""What requests say, in their address or as a form."""

from __future__ import annotations

import re
from collections.abc import Collection

from flask import request

from webui.subsonic.answers import form
from webui.subsonic.errors import NOT_FOUND, PROBLEM, SubsonicError, missing

MOST = 500  # songs, albums or artists of one answer


def texts(name: str) -> list[str]:
    """Return every value of a parameter, those of the address first."""
    return [*request.args.getlist(name), *form().getlist(name)]


def text(name: str) -> str | None:
    """Return the first value of a parameter, None where it has none or is empty."""
    return next((value for value in texts(name) if value), None)


def required(name: str) -> str:
    """Return the first value of a parameter. Raises SubsonicError."""
    value = text(name)
    if value is None:
        raise missing(name)
    return value


def one_of(name: str, values: Collection[str]) -> str:
    """Return a parameter that is one of some words. Raises SubsonicError."""
    value = required(name)
    if value not in values:
        raise SubsonicError(PROBLEM, f'"{name}" takes one of {", ".join(values)}.')
    return value


def whole(name: str, default: int, *, least: int = 0, most: int = 2**53) -> int:
    """Return a whole number, or its default; one above `most` is that. Raises SubsonicError."""
    value = text(name)
    return default if value is None else read_whole(name, value, least, most)


def wholes(name: str, *, most: int) -> list[int]:
    """Return every value of a parameter as whole numbers from 0. Raises SubsonicError."""
    return [read_whole(name, value, 0, most) for value in texts(name)]


def maybe_whole(name: str, *, most: int = 2**53) -> int | None:
    """Return a whole number, None where there is none. Raises SubsonicError."""
    value = text(name)
    return None if value is None else read_whole(name, value, 0, most)


def read_whole(name: str, value: str, least: int, most: int) -> int:
    """Return a text as a whole number; one above `most` is that. Raises SubsonicError."""
    if not re.fullmatch("-?[0-9]{1,400}", value, re.ASCII) or int(value) < least:
        raise SubsonicError(PROBLEM, f'"{name}" takes a whole number of at least {least}.')
    return min(int(value), most)


def flag(name: str, *, default: bool) -> bool:
    """Return a switch, or its default. Raises SubsonicError."""
    value = (text(name) or ("true" if default else "false")).lower()
    if value not in ("true", "false", "1", "0"):
        raise SubsonicError(PROBLEM, f'"{name}" takes true or false.')
    return value in ("true", "1")


def unknown(kind: str, name: str) -> SubsonicError:
    """Say that the library has no such thing."""
    return SubsonicError(NOT_FOUND, f"The library has no {kind} {name[:100]}.")
