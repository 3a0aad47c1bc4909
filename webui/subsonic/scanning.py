"""Builds of the home, which players call scans."""

from __future__ import annotations

from pathlib import Path

from flask import current_app
from werkzeug.exceptions import Conflict

from recsys.library.build_state import read_state
from webui.api.builds import begin_build
from webui.subsonic.answers import Tree
from webui.subsonic.endpoints import endpoint, group
from webui.subsonic.library import library

api = group("scanning")


@endpoint(api, "startScan")
def start_scan() -> Tree:
    """Start a build, for an owner; one that runs already goes on."""
    try:
        begin_build(retry_failed=False)
    except Conflict:
        if not _is_running():
            raise
    return get_scan_status()


@endpoint(api, "getScanStatus")
def get_scan_status() -> Tree:
    """Say whether a build runs, and how many songs the library has."""
    return {"scanStatus": {"scanning": _is_running(), "count": len(library().discography.seconds)}}


def _is_running() -> bool:
    home: Path = current_app.config["HOME"]
    state = read_state(home)
    return state is not None and state.running
