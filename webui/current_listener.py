"""Who asks: the person of a request, whose listens and words are theirs alone.

Without accounts that is whoever sits at this machine. With accounts it is whose session the cookie
names, or, outside of pages, whose key the header Authorization holds.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from flask import current_app, g, request
from werkzeug.exceptions import Forbidden

from recsys.accounts import Accounts
from recsys.catalog import Account
from recsys.served_home import Served


@dataclass(frozen=True)
class Person:
    """Somebody who asks.

    listener  the name that their listens and words are kept under
    token     what writing takes, which only pages of this server can read; "" with a key
    is_owner  whether they may do what concerns everybody: builds, people
    account   None where there are no accounts
    """

    listener: str
    token: str
    is_owner: bool
    account: Account | None = None


def know(*, by_key: bool) -> None:
    """Find out who asks, and which token writing takes of them; a key counts only if it may."""
    g.person, g.by_key, g.token = None, False, ""
    if (known := accounts()) is None:
        g.token = current_app.config["WRITE_TOKEN"]
        g.person = Person(current_app.config["LISTENER"], g.token, is_owner=True)
        return
    shown = request.authorization
    if by_key and shown is not None and shown.type == "bearer":
        account, g.by_key = known.of_key(shown.token or ""), True
    elif cookie := session_cookie():
        account, g.token = known.of_session(cookie), token_of(cookie)
    else:
        return
    if account is not None:
        g.person = Person(account.listener, g.token, account.role == "owner", account)


def accounts() -> Accounts | None:
    """Return who may log in, None where nobody needs to."""
    found: Accounts | None = current_app.extensions["accounts"]
    return found


def person() -> Person:
    """Return who asks."""
    found: Person = g.person
    return found


def listener(served: Served) -> int | None:
    """Return the id of the listener who asks, None before their first listen or word."""
    asking = person()
    if asking.account is not None:
        return asking.account.listener_id
    found = served.catalog.listener(asking.listener)
    return None if found is None else found.id


def writing_listener(served: Served) -> int:
    """Return the id of the listener who asks, writing them down at the first time."""
    known = listener(served)
    if known is not None:
        return known
    found = served.catalog.listener(person().listener, create=True)
    if found is None:
        raise RuntimeError("the catalogue made no listener")
    return found.id


def demand_owner() -> None:
    """Raise Forbidden for who may not do what concerns everybody."""
    if not person().is_owner:
        raise Forbidden("Only an owner of this server may do that.")


def to_owner(words: str, to_others: str) -> str:
    """Return words that name files of this machine, and for whoever is no owner other ones."""
    return words if accounts() is None or (g.person and g.person.is_owner) else to_others


def unreadable(error: Exception) -> str:
    """Say why nothing can be answered from the library."""
    return to_owner(
        str(error),
        "The library cannot be read now: the server's log says why. Try again in a while.",
    )


def cookie_name() -> str:
    """Return the name of the session's cookie; by https one that no other host can set."""
    return "__Host-earshot" if request.is_secure else "earshot"


def session_cookie() -> str:
    """Return what the cookie holds, before logging in too; "" where there is none."""
    return request.cookies.get(cookie_name(), "")


def token_of(cookie: str) -> str:
    """Return the token that writing takes with a cookie; it does not give the cookie away."""
    return hmac.digest(cookie.encode(), b"write", "sha256").hex()
