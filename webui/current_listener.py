"""The person of a request, whose listens and feedback are theirs alone.

Without accounts that is whoever sits at this machine. With accounts it is whose session the cookie
names, or, outside of pages, whose key the header Authorization holds.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Protocol

from flask import current_app, g, request
from werkzeug.exceptions import Forbidden

from recsys.accounts import Accounts
from recsys.catalog import Account, Catalog
from webui.write_tokens import masked


class HasCatalog(Protocol):
    """A served home, with its index or without."""

    @property
    def catalog(self) -> Catalog:
        """The catalogue."""


@dataclass(frozen=True)
class Person:
    """The person of a request.

    listener  the name that their listens and feedback are stored under
    secret    the token that writing takes, which only pages of this server can read; b"" with a key
    is_owner  whether they may start builds and manage accounts
    account   None where there are no accounts
    """

    listener: str
    secret: bytes
    is_owner: bool
    account: Account | None = None

    @property
    def token(self) -> str:
        """The token, masked anew each time; "" where there is none."""
        return masked(self.secret) if self.secret else ""


def identify(*, by_key: bool) -> None:
    """Identify the person of the request and the token for writing; `by_key` allows API keys."""
    g.person, g.by_key, g.token = None, False, b""
    if (service := accounts()) is None:
        g.token = current_app.config["WRITE_TOKEN"]
        g.person = Person(current_app.config["LISTENER"], g.token, is_owner=True)
        return
    authorization = request.authorization
    if by_key and authorization is not None and authorization.type == "bearer":
        account, g.by_key = service.of_key(authorization.token or ""), True
    elif cookie := session_cookie():
        account, g.token = service.of_session(cookie), token_of(cookie)
    else:
        return
    if account is not None:
        g.person = Person(account.listener, g.token, account.role == "owner", account)


def accounts() -> Accounts | None:
    """Return the accounts, None where nobody has to log in."""
    service: Accounts | None = current_app.extensions["accounts"]
    return service


def person() -> Person:
    """Return the person of the request."""
    current_person: Person = g.person
    return current_person


def listener(served: HasCatalog) -> int | None:
    """Return the id of the current listener, None before their first listen or feedback."""
    current_person = person()
    if current_person.account is not None:
        return current_person.account.listener_id
    return served.catalog.listener_id(current_person.listener)


def writing_listener(served: HasCatalog) -> int:
    """Return the id of the current listener, who is created at the first write."""
    listener_id = listener(served)
    if listener_id is not None:
        return listener_id
    created = served.catalog.listener(person().listener, create=True)
    if created is None:
        raise RuntimeError("the catalogue made no listener")
    return created.id


def require_owner() -> None:
    """Raise Forbidden unless the person is an owner."""
    if not person().is_owner:
        raise Forbidden("Only an owner of this server may do that.")


def for_owner(text: str, otherwise: str) -> str:
    """Return a text that names files of this machine to owners, another to everybody else."""
    return text if accounts() is None or (g.person and g.person.is_owner) else otherwise


def unreadable(error: Exception) -> str:
    """Say why nothing can be answered from the library."""
    return for_owner(
        str(error),
        "The library cannot be read now: the server's log says why. Try again in a while.",
    )


def cookie_name() -> str:
    """Return the name of the session's cookie; by https one that no other host can set."""
    return "__Host-earshot" if request.is_secure else "earshot"


def session_cookie() -> str:
    """Return what the cookie holds, before logging in too; "" where there is none."""
    return request.cookies.get(cookie_name(), "")


def token_of(cookie: str) -> bytes:
    """Return the token that writing takes with a cookie; it does not give the cookie away."""
    return hmac.digest(cookie.encode(), b"write", "sha256")
