"""The folders of the server's machine that a web page may choose as music folders."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from flask import current_app, g
from werkzeug.exceptions import BadRequest, Forbidden

from recsys.catalog.base import shown

_USUAL = ("/media", "/mnt", "/srv", "/music", "/Volumes")
MAX_LISTED = 500  # subfolders of a folder


def default_roots() -> tuple[Path, ...]:
    """Return the home directory, and where drives are mounted."""
    return tuple(folder for folder in (Path.home(), *map(Path, _USUAL)) if folder.is_dir())


def require_presence() -> None:
    """Raise Forbidden for an API key: folders are chosen by people who are logged in."""
    if g.by_key:
        raise Forbidden("Folders are chosen on the pages, by whoever is logged in, not with a key.")


def roots() -> tuple[Path, ...]:
    """Return the real folders below which music folders may be chosen, none for no choice."""
    given: Iterable[Path] = current_app.config["MUSIC_ROOTS"]
    return tuple(dict.fromkeys(Path(os.path.realpath(folder)) for folder in given))


def allowed_folder(text: str) -> Path:
    """Return the real folder of a path below one of the roots of this server.

    Raises Forbidden for one that is elsewhere, BadRequest for one that cannot be read.
    """
    return allowed_among(text, roots())


def allowed_among(text: str, among: Sequence[Path]) -> Path:
    """Return the real folder of a path below one of some folders; raises as `allowed_folder`."""
    path = Path(text.strip())
    if text.strip().startswith("~"):
        path = Path.home() / text.strip().removeprefix("~").lstrip("/")
    if not path.is_absolute():
        raise BadRequest(f"“{text[:200]}” is no whole path of a folder, such as /home/ann/Music.")
    real = Path(os.path.realpath(path))
    if not any(real.is_relative_to(os.path.realpath(root)) for root in among):
        raise Forbidden(
            f"{shown(path)} is not below a folder that may be chosen here. Start the server with "
            "--music and that folder, or run `earshot build` with it."
        )
    try:
        if not real.is_dir():
            raise BadRequest(
                f"{shown(path)} is no folder. Is its drive mounted, its name spelt right?"
            )
        next(real.iterdir(), None)
    except OSError as error:
        raise BadRequest(f"{shown(path)} cannot be read: {error.strerror}.") from error
    return real


def subfolders(folder: Path) -> list[Path]:
    """Return the folders in a folder that are not hidden, by name; those that can be seen."""
    with os.scandir(folder) as entries:
        found = [Path(entry.path) for entry in entries if _is_shown(entry)]
    return sorted(found, key=lambda path: path.name.casefold())


def _is_shown(entry: os.DirEntry[str]) -> bool:
    try:
        return not entry.name.startswith(".") and entry.is_dir()
    except OSError:
        return False
