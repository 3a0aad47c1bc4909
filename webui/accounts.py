"""Logging in and out, and one's account: password, keys, and for owners the other people."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import unquote

from flask import (
    Blueprint,
    Response,
    current_app,
    g,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from werkzeug.exceptions import Forbidden, HTTPException
from werkzeug.wrappers import Response as AnyResponse

from recsys import accounts as proving
from recsys.accounts import SESSION_SECONDS, Accounts
from recsys.catalog import Account, AccountError
from recsys.catalog.people import name_key
from webui import current_listener
from webui.pages.links import link_name, list_at
from webui.rate_limits import (
    LOGINS_OF_ADDRESS,
    LOGINS_OF_NAME,
    PASSWORDS_OF_SESSION,
    limits,
    network,
)
from webui.served import current
from webui.write_tokens import masked

_log = logging.getLogger("webui.access")
_MESSAGES = {
    "password": "Your password is changed, and every other browser is logged out.",
    "elsewhere": "Every other browser is logged out.",
    "revoked": "It is revoked.",
    "removed": "The account is removed. Its history is kept.",
    "role": "The role is changed.",
}

accounts = Blueprint("accounts", __name__)


class Secret(NamedTuple):
    """Something that is shown once: what it is, and what it says."""

    label: str
    text: str


# In and out


@accounts.get("/login")
def login() -> AnyResponse:
    """Show the form, or go on where it is not needed."""
    if g.person is not None:
        return redirect(local_address(request.args.get("next", "")))
    return _login_page(request.args.get("next", ""))


@accounts.post("/login")
def log_in() -> AnyResponse:
    """Begin a session, under a new token: what a browser held before is worth nothing."""
    name, next_address = request.form.get("name", ""), request.form.get("next", "")
    address = network(request.remote_addr)
    attempts = f"{address} {name_key(name)}"
    what = "attempts to log in under this name from your address"
    limits().spend_all(LOGINS_OF_NAME, attempts, what)
    limits().spend(LOGINS_OF_ADDRESS, address, "attempts to log in from your address")
    token = _accounts().log_in(name, request.form.get("password", ""))
    if token is None:
        failed = {"event": "login failed", "address": request.remote_addr}
        _log.warning("%s", json.dumps(failed | {"request_id": g.request_id}))
        answer = _login_page(next_address, name, error="Wrong name or password.")
        answer.status_code = 403
        return answer
    limits().forget(LOGINS_OF_NAME, attempts)
    _accounts().log_out(current_listener.session_cookie())
    return _with_cookie(redirect(local_address(next_address), 303), token, SESSION_SECONDS)


@accounts.post("/logout")
def log_out() -> AnyResponse:
    """End the session."""
    _accounts().log_out(current_listener.session_cookie())
    answer = redirect(url_for(".login"), 303)
    answer.delete_cookie(current_listener.cookie_name(), secure=request.is_secure, httponly=True)
    return answer


def _login_page(next_address: str, name: str = "", error: str | None = None) -> Response:
    """Return the form; its token goes with a cookie, which other sites' forms do not have."""
    cookie = current_listener.session_cookie() or secrets.token_urlsafe(32)
    token = masked(current_listener.token_of(cookie))
    page = render_template(
        "login.html", next=local_address(next_address), name=name, error=error, token=token
    )
    answer = make_response(page)
    _with_cookie(answer, cookie, None)
    return answer


def _with_cookie(answer: AnyResponse, value: str, seconds: int | None) -> AnyResponse:
    answer.set_cookie(
        current_listener.cookie_name(),
        value,
        max_age=seconds,
        secure=request.is_secure,
        httponly=True,
        samesite="Lax",
    )
    return answer


def local_address(address: str) -> str:
    r"""Return an address if it is that of a page here, otherwise that of the workbench.

    Browsers take backslashes for slashes, step over tabs and line feeds, and take what follows two
    slashes for a host: so the path begins with one, and is one that this server answers.
    """
    path = re.match(r"/(?![/\\])[^?#\\]*", address)
    if path is None or "\\" in address or not address.isprintable():
        return "/"
    try:
        current_app.url_map.bind("").match(unquote(path[0]), "GET")
    except HTTPException:
        return "/"
    return address


# One's own account


@accounts.get("/account")
def account() -> str:
    """Show what an account has."""
    return _page(message=_MESSAGES.get(request.args.get("said", "")))


@accounts.post("/account/password")
def change_password() -> AnyResponse:
    """Change one's own password."""
    me = _me()
    session = hashlib.sha256(current_listener.session_cookie().encode()).hexdigest()
    limits().spend(PASSWORDS_OF_SESSION, session, "attempts to change the password")
    old, new, again = (request.form.get(field, "") for field in ("old", "new", "again"))

    def change() -> str:
        if new != again:
            raise AccountError("The two new passwords differ: nothing was changed.")
        _accounts().change_password(me, old, new, current_listener.session_cookie())
        return "password"

    return _done(change)


@accounts.post("/account/elsewhere")
def log_out_elsewhere() -> AnyResponse:
    """End one's other sessions."""
    _accounts().log_out_elsewhere(_me(), current_listener.session_cookie())
    return redirect(url_for(".account", said="elsewhere"), 303)


@accounts.post("/account/keys")
def make_key() -> AnyResponse:
    """Create a key and show it."""

    def make() -> Secret:
        key, text = _accounts().make_key(_me(), request.form.get("name", ""))
        return Secret(f"The key “{key.name}”", text)

    return _done(make)


@accounts.post("/account/players")
def make_player() -> AnyResponse:
    """Create the application password of a player and show it."""

    def make() -> Secret:
        key, text = _accounts().make_application_password(_me(), request.form.get("name", ""))
        return Secret(f"The application password of “{key.name}”, with the name {_me().name}", text)

    return _done(make)


@accounts.post("/account/links")
def make_link() -> AnyResponse:
    """Create the link of a list and show it."""
    chosen = list_at(current(), request.form.get("of", ""))

    def make() -> Secret:
        key, token = _accounts().make_link(_me(), link_name(chosen.title), chosen.address)
        url = url_for("links.linked_list", token=token, _external=True)
        return Secret(f"The link to “{key.name}”", url)

    return _done(make)


@accounts.post("/account/keys/<int:key_id>/revoke")
def revoke_key(key_id: int) -> AnyResponse:
    """Make one's key, application password or link worthless."""

    def revoke() -> str:
        _accounts().people.revoke_key(_me().id, key_id)
        return "revoked"

    return _done(revoke)


# Other people, for owners


@accounts.post("/account/members")
def add_member() -> AnyResponse:
    """Make an account and show its password."""
    current_listener.require_owner()

    def add() -> Secret:
        account, password = _accounts().add(request.form.get("name", ""))
        return Secret(f"The password of {account.name}", password)

    return _done(add)


@accounts.post("/account/members/<int:account_id>/<any(password, remove, owner, member):what>")
def change_member(account_id: int, what: str) -> AnyResponse:
    """Give somebody a new password or a role, or remove the account."""
    current_listener.require_owner()
    if account_id == _me().id:
        raise Forbidden("Only another owner can do that to your account.")

    def change() -> str | Secret:
        other = _accounts().people.account(account_id)
        if other is None:
            raise AccountError("There is no such account; it may have been removed already.")
        if what == "password":
            password = _accounts().reset_password(other)
            return Secret(f"The new password of {other.name}", password)
        if what == "remove":
            _accounts().people.remove(account_id)
            return "removed"
        _accounts().people.set_role(account_id, "owner" if what == "owner" else "member")
        return "role"

    return _done(change)


def _done(act: Callable[[], str | Secret]) -> AnyResponse:
    """Act, and say what came of it: on a page of its own address unless a secret is shown."""
    try:
        result = act()
    except AccountError as error:
        return make_response(_page(error=str(error)), 400)
    if isinstance(result, Secret):
        return make_response(_page(secret=result))
    return redirect(url_for(".account", said=result), 303)


def _page(
    *, message: str | None = None, error: str | None = None, secret: Secret | None = None
) -> str:
    people, me = _accounts().people, _me()
    return render_template(
        "account.html",
        me=me,
        keys=people.keys(me.id),
        members=people.accounts() if me.role == "owner" else (),
        message=message,
        error=error,
        secret=secret,
        shortest=proving.SHORTEST,
        token=current_listener.person().token,
    )


@accounts.app_template_filter("day")
def day(at: int | None) -> str:
    """Write a day, of universal time.

    >>> day(1_764_000_000)
    '2025-11-24'
    """
    return "never" if at is None else datetime.fromtimestamp(at, UTC).date().isoformat()


def _accounts() -> Accounts:
    service = current_listener.accounts()
    if service is None:
        raise RuntimeError("pages of accounts are served where there are none")
    return service


def _me() -> Account:
    mine = current_listener.person().account
    if mine is None:
        raise RuntimeError("somebody without an account is logged in")
    return mine
