"""Who asks through a player: by API key, by password, or by an application password's token.

Cookies count for nothing here: what another site's page sends has none of these. Without accounts
nobody logs in, and pages of other sites are refused.
"""

from __future__ import annotations

import re
import threading

from flask import current_app, g, request, url_for
from werkzeug.exceptions import Forbidden

from recsys.accounts import Accounts
from recsys.catalog import Account
from recsys.catalog.people import name_key
from webui.current_listener import Person, accounts
from webui.rate_limits import FAILURES_OF_ADDRESS, LOGINS_OF_NAME, limits, network
from webui.subsonic.errors import (
    CLIENT_TOO_OLD,
    NO_SUCH_WAY,
    NO_TOKENS,
    SERVER_TOO_OLD,
    SEVERAL_WAYS,
    WRONG_KEY,
    WRONG_PASSWORD,
    SubsonicError,
    missing,
)
from webui.subsonic.parameters import text

OPEN = frozenset({"subsonic_system.getOpenSubsonicExtensions", "subsonic_system.unknown"})
_LONGEST = 2000  # characters of a password as it is sent
_one_check_at_a_time = threading.Lock()


def identify_player() -> None:
    """Find out who asks. Raises SubsonicError, and TooManyRequests for too many wrong attempts."""
    g.person, g.by_key, g.token = None, False, b""
    if request.endpoint in OPEN:
        return
    _check_protocol()
    known = accounts()
    if known is None:
        _refuse_other_sites()
        g.person = Person(current_app.config["LISTENER"], b"", is_owner=True)
        return
    account = _account(known)
    g.person = Person(account.listener, b"", account.role == "owner", account)
    g.by_key = True


def username() -> str:
    """Return the name that the person who asks logs in with."""
    account = g.person.account
    return account.name if account is not None else text("u") or g.person.listener


def _check_protocol() -> None:
    """Refuse a protocol of another generation."""
    major = re.match("[0-9]{1,9}", text("v") or "1", re.ASCII)
    if major is not None and int(major[0]) != 1:
        code = SERVER_TOO_OLD if int(major[0]) > 1 else CLIENT_TOO_OLD
        raise SubsonicError(code, "This server speaks version 1 of the protocol.")


def _refuse_other_sites() -> None:
    """Refuse pages of other sites, whose requests a browser sends from this machine too."""
    origin = request.headers.get("Origin")
    site = request.headers.get("Sec-Fetch-Site", "none")
    is_foreign = origin is not None and origin != f"{request.scheme}://{request.host}"
    if is_foreign or site not in ("same-origin", "none"):
        raise Forbidden(
            "Without accounts, pages of other sites may not ask here: players that run in a "
            "browser take an account (`earshot serve --accounts`)."
        )


def _account(known: Accounts) -> Account:
    """Return the account that a request proves to be of."""
    key, name = text("apiKey"), text("u")
    password, token, salt = text("p"), text("t"), text("s")
    if key is not None:
        if any(value is not None for value in (name, password, token, salt)):
            raise SubsonicError(
                SEVERAL_WAYS, "An API key comes alone: without u, p, t and s.", _help()
            )
        return _of_key(known, key)
    if name is None:
        if "Authorization" in request.headers:
            raise SubsonicError(
                NO_SUCH_WAY, "Log in with an API key (apiKey), or with u and p, or u, t and s.",
                _help(),
            )  # fmt: skip
        raise missing("u")
    if password is not None and (token is not None or salt is not None):
        raise SubsonicError(SEVERAL_WAYS, "A password comes without a token and a salt.", _help())
    if password is not None:
        return _of_password(known, name, _plain(password))
    if token is None:
        raise missing("p" if salt is None else "t")
    if salt is None:
        raise missing("s")
    return _of_token(known, name, token, salt)


def _of_key(known: Accounts, key: str) -> Account:
    account = known.of_key(key)
    if account is None:
        _count_failure()
        raise SubsonicError(WRONG_KEY, "The API key is unknown, or was revoked.", _help())
    return account


def _of_token(known: Accounts, name: str, token: str, salt: str) -> Account:
    if not known.people.has_passwords():
        raise SubsonicError(
            NO_TOKENS,
            "Nobody has an application password here, which a token is made of: make one on your "
            "account page, or log in with the password itself.",
            _help(),
        )
    account = known.of_salted(name, token, salt)
    if account is None:
        _count_failure()
        raise SubsonicError(
            WRONG_PASSWORD,
            "Wrong username or password. This player takes an application password, which your "
            "account page makes.",
            _help(),
        )
    return account


def _of_password(known: Accounts, name: str, password: str) -> Account:
    """Check a password. A wrong one that is sent again counts as one attempt."""
    account = known.of_application_password(name, password)
    if account is not None:
        return account
    attempts = f"{network(request.remote_addr)} {name_key(name)}"
    if known.remembered(name, password) is not False:
        with _one_check_at_a_time:
            limits().check_all(LOGINS_OF_NAME, attempts, "wrong passwords from your address")
            is_new = known.remembered(name, password) is None
            account = known.of_password(name, password)
            if account is None and is_new:
                limits().spend_all(LOGINS_OF_NAME, attempts, "wrong passwords from your address")
                _count_failure()
    if account is None:
        raise SubsonicError(WRONG_PASSWORD, "Wrong username or password.", _help())
    return account


def _plain(password: str) -> str:
    """Return a password as it is typed; players may send it in hexadecimal digits."""
    if password.startswith("enc:"):
        try:
            return bytes.fromhex(password[4:][:_LONGEST]).decode()
        except ValueError:
            return password
    return password


def _count_failure() -> None:
    limits().spend(
        FAILURES_OF_ADDRESS, network(request.remote_addr), "wrong attempts from your address"
    )


def _help() -> str:
    """Return where application passwords and API keys are made."""
    return url_for("accounts.account", _external=True)
