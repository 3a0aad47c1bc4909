"""Files in object stores, by their addresses (`s3://bucket/folder/song.flac`), read through fsspec.

An address is held as the path that its text makes, `s3:/bucket/folder/song.flac`: it begins with a
scheme and not with a slash, so it is no place of this machine's file system.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from encoders.errors import FileUnavailable
from recsys.catalog.base import is_address

_TIMES = ("LastModified", "last_modified", "mtime", "updated", "created")  # of the stores' listings


class AddressError(Exception):
    """An address cannot be read; the message says which and why."""


class StoredObject(NamedTuple):
    """A file of an object store; `size` in bytes."""

    path: Path
    size: int
    mtime_ns: int


def is_there(path: Path) -> bool:
    """Say whether there is such a path here; an address is taken to be there."""
    return is_address(path) or path.exists()


def address(path: Path) -> str:
    """Return the text of an address.

    >>> address(Path("s3://bucket/folder/song.flac"))
    's3://bucket/folder/song.flac'
    """
    scheme, *names = path.parts
    return f"{scheme}//{'/'.join(names)}"


def find_objects(folder: Path) -> Iterator[StoredObject]:
    """Give what lies below an address, or at it. Raises AddressError.

    What has a name that no path can have, such as one with two slashes in a row, is left out.
    """
    with _store(folder) as (store, root):
        found: Mapping[str, Mapping[str, Any]] = store.find(root, detail=True)
    if not found:
        raise AddressError(f"{address(folder)} is empty, or is not there.")
    for name, entry in found.items():
        inside = name.removeprefix(root).removeprefix("/")
        if not inside or (inside == os.path.normpath(inside) and inside[0] != "/"):
            yield StoredObject(folder / inside, int(entry.get("size") or 0), _modified(entry))


def fetch(path: Path, copy: Path) -> None:
    """Copy a file of an object store to a path here. Raises FileUnavailable."""
    try:
        with _store(path) as (store, name):
            store.get_file(name, str(copy))
    except FileNotFoundError as error:
        raise FileUnavailable(f"{address(path)} cannot be read: it is not there.") from error
    except AddressError as error:
        raise FileUnavailable(str(error)) from error


def read_bytes(path: Path) -> bytes:
    """Return the content of a file here, or in an object store. Raises OSError, AddressError."""
    if not is_address(path):
        return path.read_bytes()
    with _store(path) as (store, name):
        content: bytes = store.cat_file(name)
        return content


@contextmanager
def open_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file here, or in an object store, to read parts. Raises OSError, AddressError."""
    if not is_address(path):
        with path.open("rb") as file:
            yield file
        return
    with _store(path) as (store, name):
        opened = store.open(name, "rb")
    with opened:
        yield opened


def write_bytes(path: Path, content: bytes) -> None:
    """Write a whole file, here or in an object store, in one step. Raises OSError, AddressError."""
    if is_address(path):
        with _store(path) as (store, name):
            store.pipe_file(name, content)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    from index.storage import replacing  # noqa: PLC0415 - it brings faiss

    with replacing(path) as file:
        file.write(content)


def names_in(folder: Path) -> list[str]:
    """Return the names in a folder here, or in an object store, sorted; none where it is missing.

    Raises OSError, AddressError.
    """
    try:
        if not is_address(folder):
            return sorted(path.name for path in folder.iterdir())
        with _store(folder) as (store, root):
            found: list[str] = store.ls(root, detail=False, refresh=True)
            return sorted(name.rstrip("/").rpartition("/")[2] for name in found)
    except FileNotFoundError:
        return []


@contextmanager
def _store(path: Path) -> Iterator[tuple[Any, str]]:
    """Give fsspec's file system of an address, and the name of its file there.

    Raises FileNotFoundError, and AddressError for whatever else goes wrong in the block.
    """
    import fsspec  # noqa: PLC0415 - of the extra `ray`

    try:
        store, name = fsspec.url_to_fs(address(path))
        yield store, str(name)
    except FileNotFoundError:
        raise
    except Exception as error:  # each store has errors of its own; "Install s3fs to access S3"
        raise AddressError(f"{address(path)} cannot be used: {error}.") from error


def _modified(entry: Mapping[str, Any]) -> int:
    """Return when a file was written, in nanoseconds, 0 where its store does not say it.

    >>> _modified({"mtime": 1.5}), _modified({"updated": "1970-01-01T00:00:02Z"})
    (1500000000, 2000000000)
    """
    when = next((entry[name] for name in _TIMES if entry.get(name) is not None), 0)
    if isinstance(when, str):
        when = datetime.fromisoformat(when)
    return round((when.timestamp() if isinstance(when, datetime) else float(when)) * 1e9)
