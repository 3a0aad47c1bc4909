"""Answers where something cannot be written: the disk is full, busy, or read-only."""

from __future__ import annotations

import os

from werkzeug.exceptions import HTTPException

from recsys.catalog import (
    NO_RIGHT,
    NO_ROOM,
    CatalogBusy,
    CatalogError,
    CatalogFull,
    CatalogReadOnly,
)
from webui.current_listener import for_owner

REFUSED = "earshot.refused"  # the error that a request of this WSGI environment is answered by
RETRY_AFTER = 1  # s: another program's transaction is over by then, mostly
_BUSY = "Something else is being written just now: nothing was changed. Try again in a moment."
_FULL = "The server's disk is full: nothing was changed. Its owner has to make room."
_READ_ONLY = "The server may not write here: nothing was changed. Its owner has to allow that."


class InsufficientStorage(HTTPException):
    """There is no room on the server's disk (RFC 4918)."""

    code = 507


def write_failure(error: CatalogError | OSError) -> tuple[int, str] | None:
    """Return the status and the sentence for what could not be written, None for other errors."""
    if isinstance(error, OSError):
        return _system_failure(error)
    if isinstance(error, CatalogBusy):
        return 503, for_owner(str(error), _BUSY)
    if isinstance(error, CatalogFull):
        return 507, for_owner(str(error), _FULL)
    if isinstance(error, CatalogReadOnly):
        return 503, for_owner(str(error), _READ_ONLY)
    return None


def _system_failure(error: OSError) -> tuple[int, str] | None:
    if error.errno not in NO_ROOM | NO_RIGHT:
        return None
    file = f"{os.fsdecode(error.filename)}: " if error.filename else ""
    message = f"{file}{error.strerror}. Nothing was changed."
    if error.errno in NO_ROOM:
        return 507, for_owner(f"{message} Make room on the disk and try again.", _FULL)
    return 503, for_owner(f"{message} Let the server write there and try again.", _READ_ONLY)
