"""Errors of the protocol, and what others become in it."""

from __future__ import annotations

import logging

from flask import Blueprint, Response, g, request
from werkzeug.exceptions import HTTPException

from recsys.catalog import CatalogBusy, CatalogError
from recsys.served_home import Unavailable
from webui.current_listener import unreadable
from webui.refusals import RETRY_AFTER, write_failure
from webui.subsonic.answers import failure

PROBLEM, MISSING = 0, 10
CLIENT_TOO_OLD, SERVER_TOO_OLD = 20, 30
WRONG_PASSWORD, NO_TOKENS, NO_SUCH_WAY, SEVERAL_WAYS, WRONG_KEY = 40, 41, 42, 43, 44
FORBIDDEN, NOT_FOUND = 50, 70
_BY_STATUS = {401: WRONG_PASSWORD, 403: FORBIDDEN, 404: NOT_FOUND, 429: WRONG_PASSWORD}
# What a client has to know before it reads an answer; other refusals are answers like any other.
_OF_HTTP = frozenset({413, 416, 429, 503, 507})

_log = logging.getLogger("webui.access")


class SubsonicError(Exception):
    """A request that is refused: the protocol's number, and a sentence for a person."""

    def __init__(self, code: int, message: str, help_url: str | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.help_url = code, message, help_url


def missing(name: str) -> SubsonicError:
    """Say that a parameter is missing."""
    return SubsonicError(MISSING, f'Required parameter "{name}" is missing.')


def answer_errors(blueprint: Blueprint) -> None:
    """Answer what goes wrong in a group of endpoints as the protocol has it."""
    blueprint.register_error_handler(SubsonicError, _refused)
    blueprint.register_error_handler(HTTPException, _of_http)
    blueprint.register_error_handler(CatalogError, _of_catalog)
    blueprint.register_error_handler(OSError, _of_catalog)
    blueprint.register_error_handler(Unavailable, _unavailable)
    blueprint.register_error_handler(Exception, _unexpected)


def _refused(error: SubsonicError) -> Response:
    return failure(error.code, error.message, help_url=error.help_url)


def _of_http(error: HTTPException) -> Response:
    status = error.code or 500
    code = _BY_STATUS.get(status, PROBLEM)
    sent = failure(code, error.description or error.name, status if status in _OF_HTTP else 200)
    for name, value in error.get_headers(request.environ):
        if name in ("Content-Range", "Retry-After"):
            sent.headers[name] = value
    return sent


def _of_catalog(error: CatalogError | OSError) -> Response:
    refusal = write_failure(error)
    if refusal is None:
        return _unavailable(error) if isinstance(error, CatalogError) else _unexpected(error)
    _log.warning("request %s: %s", g.request_id, error)
    sent = failure(PROBLEM, refusal[1], refusal[0])
    if isinstance(error, CatalogBusy):
        sent.headers["Retry-After"] = str(RETRY_AFTER)
    return sent


def _unavailable(error: Exception) -> Response:
    _log.warning("request %s: %s", g.request_id, error)
    return failure(PROBLEM, unreadable(error), 503)


def _unexpected(error: Exception) -> Response:
    _log.error("request %s failed", g.request_id, exc_info=error)
    words = "Something went wrong on the server; its log has this request's id."
    return failure(PROBLEM, words, 500)
