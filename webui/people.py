"""Who asks: the person of a request, whose listens and words are theirs alone."""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app, g
from werkzeug.exceptions import Forbidden

from recsys.serving import Served


@dataclass(frozen=True)
class Person:
    """Somebody who asks.

    listener  the name that their listens and words are kept under
    token     what writing takes, which only pages of this server can read
    is_owner  whether they may do what concerns everybody: builds, people
    """

    listener: str
    token: str
    is_owner: bool


def know() -> None:
    """Find out who asks: without accounts whoever sits at this machine."""
    config = current_app.config
    g.person = Person(config["LISTENER"], config["WRITE_TOKEN"], is_owner=True)


def person() -> Person:
    """Return who asks."""
    found: Person = g.person
    return found


def listener(served: Served) -> int | None:
    """Return the id of the listener who asks, None before their first listen or word."""
    found = served.catalog.listener(person().listener)
    return None if found is None else found.id


def writing_listener(served: Served) -> int:
    """Return the id of the listener who asks, writing them down at the first time."""
    found = served.catalog.listener(person().listener, create=True)
    if found is None:
        raise RuntimeError("the catalogue made no listener")
    return found.id


def demand_owner() -> None:
    """Raise Forbidden for who may not do what concerns everybody."""
    if not person().is_owner:
        raise Forbidden("Only an owner of this server may do that.")
