"""Whose link a player opens: a token in the address, where no cookie or key can be sent."""

from __future__ import annotations

import re

from flask import g, request
from werkzeug.exceptions import NotFound

from webui.current_listener import Person, accounts
from webui.rate_limits import FAILURES_OF_ADDRESS, limits, network

ENDPOINTS = frozenset({"links.linked_list", "links.linked_audio", "links.linked_mp3"})
OF_PERSON = "list.m3u8"  # no token: for whoever is logged in, or alone


def identify_link() -> None:
    """Find out whose link is opened, and which list it opens: `g.link`, its address.

    Raises NotFound for an unknown or revoked one, and TooManyRequests for too many of these.
    """
    g.person, g.by_key, g.token = None, False, b""
    known = accounts()
    token = (request.view_args or {})["token"]
    found = known.of_link(token) if known is not None else None
    if found is None:
        limits().spend(
            FAILURES_OF_ADDRESS, network(request.remote_addr), "wrong attempts from your address"
        )
        raise NotFound("This link is unknown, or was revoked.")
    account, g.link = found
    g.person = Person(account.listener, b"", is_owner=False, account=account)


def without_token(path: str) -> str:
    """Return a path as a log may have it.

    >>> without_token("/lists/c2VjcmV0/17.mp3"), without_token("/lists/c2VjcmV0.m3u8")
    ('/lists/…/17.mp3', '/lists/…')
    """
    return re.sub(rf"(/lists/+)(?!{re.escape(OF_PERSON)}$)[^/]+", r"\1…", path)
