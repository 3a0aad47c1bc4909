"""Security of requests and responses: host names, tokens for writing, headers."""

from __future__ import annotations

import ipaddress
import json
import logging
import re
import secrets
import time
from functools import lru_cache
from http import HTTPStatus

from flask import Flask, Response, current_app, g, redirect, render_template, request, url_for
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import (
    BadRequest,
    Forbidden,
    HTTPException,
    NotFound,
    RequestEntityTooLarge,
    ServiceUnavailable,
    Unauthorized,
)
from werkzeug.wrappers import Response as AnyResponse

from recsys.catalog import CatalogBusy, CatalogError
from recsys.served_home import Unavailable
from webui import uploads
from webui.connection import SMALL_BODY, body_waits, room_for_body
from webui.current_listener import identify, unreadable
from webui.link_access import ENDPOINTS as OF_LINKS
from webui.link_access import identify_link, without_token
from webui.pages.web_app import ENDPOINTS as OF_WEB_APP
from webui.rate_limits import payer
from webui.refusals import REFUSED, RETRY_AFTER, write_failure
from webui.subsonic.authentication import identify_player
from webui.subsonic.endpoints import PREFIX as PLAYERS
from webui.suggested import suggesting
from webui.texts import check_address, check_form
from webui.write_tokens import unmasked

_log = logging.getLogger("webui.access")
MAX_BODY = 4 << 20  # bytes
_UPLOADS_END = 60  # s after which there may be room for another
TOKEN_HEADER = "X-Earshot-Token"
_FOR_ANYBODY = frozenset(  # who asks is not even looked at
    {"static", "health", "life", *OF_WEB_APP}
)
_FOR_STRANGERS = frozenset({"accounts.login", "accounts.log_in"})
_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"
_PAGE_POLICY = (
    f"{_POLICY}; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; form-action 'self'"
)
_HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",  # with "no-referrer" forms would have no Origin
    "X-Content-Type-Options": "nosniff",
}


def is_loopback(host: str) -> bool:
    """Say whether only this machine reaches `host`, a name or an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def protect(app: Flask) -> None:
    """Give an app its checks, headers, error answers and log."""
    app.before_request(_begin)
    app.after_request(_finish)
    app.register_error_handler(HTTPException, _http_problem)
    app.register_error_handler(Unavailable, _unreadable)
    app.register_error_handler(CatalogError, _catalog_problem)
    app.register_error_handler(OSError, _catalog_problem)
    app.register_error_handler(Exception, _unexpected)


def _begin() -> AnyResponse | None:
    """Number the request; refuse foreign hosts' names, strangers, and writers without a token."""
    g.request_id, g.started, g.person = secrets.token_hex(8), time.monotonic(), None
    if REFUSED in request.environ:
        raise request.environ[REFUSED]
    _check_host()
    if request.endpoint == "static":  # small files are sent whole, as RFC 9110 allows
        request.environ.pop("HTTP_RANGE", None)
    if request.endpoint in _FOR_ANYBODY:
        return None
    is_link = request.endpoint in OF_LINKS
    if is_link or (is_of_player() and request.routing_exception is None):
        return _begin_link() if is_link else _begin_player()
    identify(by_key=not is_page())
    if request.routing_exception is not None:
        return None
    if g.person is None and request.endpoint not in _FOR_STRANGERS:
        return _send_to_login()
    if body_waits(request.environ) and is_page():
        raise RequestEntityTooLarge(f"A form takes at most {SMALL_BODY >> 10} KiB.")
    if request.method not in ("GET", "HEAD", "OPTIONS") and not g.by_key:
        _check_writer()
    check_address()
    limit = _check_size()
    if body_waits(request.environ):
        return _accept_body(limit)
    check_form()
    return None


def _begin_player() -> AnyResponse | None:
    """Find out which person's player asks; whatever it writes, it names its secret."""
    check_address()
    if body_waits(request.environ):  # only the address is here, which may hold the secret
        identify_player()
        return _accept_body(_check_size())
    request.max_content_length = MAX_BODY
    request.max_form_memory_size = MAX_BODY
    check_form()
    identify_player()
    return None


def _begin_link() -> AnyResponse | None:
    """Find out whose link a player opens; it writes nothing, and sends nothing."""
    if body_waits(request.environ):
        raise RequestEntityTooLarge("A link takes no body.")
    check_address()
    identify_link()
    return None


def _check_size() -> int:
    """Refuse a body of more bytes than the endpoint takes; return how many those are."""
    what, limit = uploads.LARGE_BODIES.get(request.endpoint or "", ("request", MAX_BODY))
    if (request.content_length or 0) > limit:
        raise RequestEntityTooLarge(f"A {what} takes at most {limit >> 20} MiB.")
    request.max_content_length = limit  # also of a body in chunks
    return limit


def _accept_body(limit: int) -> Response:
    """Agree to receive a large body, once nothing but its content can be wrong."""
    if not room_for_body(request.environ, limit, payer()):
        raise ServiceUnavailable(
            "Too many files are being sent: try again in a minute.", retry_after=_UPLOADS_END
        )
    return Response(status=HTTPStatus.CONTINUE)


def _check_host() -> None:
    """Refuse names by which foreign pages reach this server (DNS rebinding)."""
    host, is_local = _named(request.headers.get("Host", ""))
    if is_local or host in current_app.config["PUBLIC_NAMES"]:
        return
    if current_app.extensions["accounts"] is None:
        raise BadRequest("Without accounts this server answers to loopback names alone.")
    raise BadRequest("This server does not answer to that name: see --public-name.")


@lru_cache(maxsize=64)
def _named(host: str) -> tuple[str, bool]:
    """Return the name in a header Host, and whether only this machine is called so."""
    parts = re.fullmatch(r"(?:\[([0-9a-fA-F:]+)\]|([^:]+))(?::\d+)?", host)
    name = (parts[1] or parts[2]).lower() if parts else ""
    return name, is_loopback(name)


def is_of_player() -> bool:
    """Say whether a player asks, by OpenSubsonic."""
    return request.path.startswith(f"{PLAYERS}/")


def is_page() -> bool:
    """Say whether a person reads the answer.

    Every blueprint outside of /api/ makes pages; where there is nothing, a browser wants one.
    """
    if request.path.startswith("/api/") or is_of_player():
        return False
    if request.endpoint is None:
        accepted = request.accept_mimetypes.best_match(("application/json", "text/html"))
        return accepted == "text/html"
    return request.blueprint is not None


def _send_to_login() -> AnyResponse:
    """Lead a person to the form and back; tell a program to show its key."""
    if is_page():
        back = request.full_path.rstrip("?") if request.method == "GET" else "/"
        return redirect(url_for("accounts.login", next=back))
    raise Unauthorized(
        "This needs one of your API keys (Authorization: Bearer KEY). Your account page has them.",
        www_authenticate=WWWAuthenticate("bearer"),
    )


def _check_writer() -> None:
    """Refuse what another site's page sends, and who has not read the token."""
    origin = request.headers.get("Origin")
    if origin is not None and origin != f"{request.scheme}://{request.host}":
        raise Forbidden("Pages of other sites may not write here.")
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise Forbidden("Pages of other sites may not write here.")
    token = request.headers.get(TOKEN_HEADER, "")
    if is_page() and not token:
        token = request.form.get("token", "")
    if not g.token or not secrets.compare_digest(unmasked(token), g.token):
        raise Forbidden(
            "This page was opened too long ago: load it again. "
            f"(Writing takes the header {TOKEN_HEADER} with the token of /api/v1/session.)"
        )


def _finish(response: Response) -> Response:
    """Set the headers and log the request as one line of JSON."""
    if response.status_code == HTTPStatus.CONTINUE:
        return response
    response.headers.update(_HEADERS)
    page = is_page()
    response.headers["Content-Security-Policy"] = _PAGE_POLICY if page else _POLICY
    if is_of_player():
        response.headers.setdefault("Cache-Control", "no-store")
        if current_app.extensions["accounts"] is not None:
            # Pages of other sites prove with a secret who they are for: no cookie counts here.
            response.headers["Access-Control-Allow-Origin"] = "*"
            response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    elif page or request.method not in ("GET", "HEAD") or request.endpoint == "listening.session":
        response.headers["Cache-Control"] = "no-store"
    elif g.person is not None and g.person.account is not None:
        response.cache_control.private = True
        response.vary.update(("Authorization", "Cookie"))
    response.headers["X-Request-Id"] = g.request_id
    fields = {
        "request_id": g.request_id,
        "method": request.method,
        "path": without_token(request.path),
        "status": response.status_code,
        "milliseconds": round(1000 * (time.monotonic() - g.started), 1),
    }
    if g.person is not None and g.person.account is not None:
        fields["account"] = g.person.account.id
    _log.info("%s", json.dumps(fields))
    return response


def _problem(status: int, detail: str) -> Response:
    """Return an error as RFC 9457 has it."""
    body = {"type": "about:blank", "status": status, "detail": detail, "request_id": g.request_id}
    return Response(json.dumps(body), status, content_type="application/problem+json")


def _answer(status: int, detail: str) -> Response:
    """Return an error as its reader takes it: a page for a page, a problem for a program."""
    detail = suggesting(detail)
    if not is_page():
        return _problem(status, detail)
    page = render_template("problem.html", reason=HTTPStatus(status).phrase, detail=detail)
    return Response(page, status, mimetype="text/html")


def _http_problem(error: HTTPException) -> Response:
    detail = error.description or error.name
    if isinstance(request.routing_exception, NotFound):
        detail = "There is nothing at this address."
    answer = _answer(error.code or 500, detail)
    for name, value in error.get_headers(request.environ):
        if name in ("Allow", "Content-Range", "Retry-After", "WWW-Authenticate"):
            answer.headers[name] = value
    return answer


def _unreadable(error: Exception) -> Response:
    _log.warning("request %s: %s", g.request_id, error)
    return _answer(503, unreadable(error))


def _catalog_problem(error: CatalogError | OSError) -> Response:
    """Say why something cannot be written, or read."""
    failure = write_failure(error)
    if failure is None:
        return _unreadable(error) if isinstance(error, CatalogError) else _unexpected(error)
    _log.warning("request %s: %s", g.request_id, error)
    answer = _answer(*failure)
    if isinstance(error, CatalogBusy):
        answer.headers["Retry-After"] = str(RETRY_AFTER)
    return answer


def _unexpected(error: Exception) -> Response:
    _log.error("request %s failed", g.request_id, exc_info=error)
    return _answer(500, "Something went wrong on the server; its log has this request's id.")
