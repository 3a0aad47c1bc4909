"""Downloads one file over HTTP: resumable, and checked against its digest."""

from __future__ import annotations

import hashlib
import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from encoders.errors import WeightsError

_TIMEOUT = 30.0  # s without an answer
_CHUNK = 1 << 16  # bytes
_MAX_BYTES = 1 << 30  # no file of weights is as large
_RANGE_NOT_SATISFIABLE = 416
_NETWORK_ERRORS = (
    urllib.error.URLError,
    http.client.HTTPException,
    ConnectionError,
    TimeoutError,
)


def fetch(
    url: str,
    path: Path,
    sha256: str | None,
    progress: Callable[[int, int | None], None] = lambda done, total: None,
) -> str:
    """Fetch `url` to `path` and return its digest, which must be `sha256` unless that is None.

    A partial download stays in `<path>.part`; the next call resumes it if the server still has the
    same file (its ETag lies beside it). `path` is replaced atomically, after the digest was
    checked. `progress` is called with the bytes done and, where known, the total. Raises
    WeightsError.
    """
    if not url.startswith(("http://", "https://")):
        raise WeightsError(f"{url} is no http:// or https:// address.")
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _download(url, part, progress)
        digest = hashlib.sha256(part.read_bytes()).hexdigest()
        if sha256 is not None and digest != sha256:
            _discard(part)
            raise WeightsError(
                f"{url} is not the published file (sha256 {digest}, expected {sha256}); it was "
                "thrown away."
            )
        part.replace(path)
        _discard(part)
    except urllib.error.HTTPError as error:
        raise WeightsError(
            f"{url} cannot be fetched: the server says {error.code} {error.reason}."
        ) from error
    except _NETWORK_ERRORS as error:
        reason = getattr(error, "reason", None) or error
        raise WeightsError(
            f"{url} cannot be fetched: {reason}. What has come of it is kept; run the command "
            "again to go on."
        ) from error
    except OSError as error:
        raise WeightsError(f"{path} cannot be written: {error.strerror}.") from error
    return digest


def _download(url: str, part: Path, progress: Callable[[int, int | None], None]) -> None:
    """Bring `part` up to the whole file."""
    tag = _read_tag(part)
    begin = part.stat().st_size if tag and part.exists() else 0
    try:
        with _open(url, begin, tag) as response:
            _receive(url, response, part, begin, progress)
    except urllib.error.HTTPError as error:
        if error.code != _RANGE_NOT_SATISFIABLE or not begin:
            raise
        _discard(part)  # nothing is left to fetch, or another file is there: begin anew
        with _open(url, 0, None) as response:
            _receive(url, response, part, 0, progress)


def _open(url: str, begin: int, tag: str | None) -> Any:
    headers = {"User-Agent": "earshot", "Accept-Encoding": "identity"}
    if begin and tag:
        headers |= {"Range": f"bytes={begin}-", "If-Range": tag}
    request = urllib.request.Request(url, headers=headers)
    return urllib.request.urlopen(request, timeout=_TIMEOUT)


def _receive(
    url: str,
    response: Any,
    part: Path,
    begin: int,
    progress: Callable[[int, int | None], None],
) -> None:
    """Append to `part` what continues it, or write it anew."""
    content_range = response.headers.get("Content-Range", "")
    continues = response.status == http.HTTPStatus.PARTIAL_CONTENT
    if continues and not content_range.startswith(f"bytes {begin}-"):
        raise WeightsError(f"{url} cannot be fetched: the server sent another part of it.")
    done = begin if continues else 0
    length = response.headers.get("Content-Length")
    total = done + int(length) if length else None
    if not continues:
        _discard(part)
        if tag := response.headers.get("ETag"):
            _tag_path(part).write_text(tag, encoding="utf-8")
    with part.open("ab" if continues else "wb") as file:
        progress(done, total)
        while chunk := response.read(_CHUNK):
            done += len(chunk)
            if done > _MAX_BYTES:
                raise WeightsError(f"{url} is larger than weights can be; it was given up.")
            file.write(chunk)
            progress(done, total)
    if total is not None and done < total:
        raise http.client.IncompleteRead(b"", total - done)


def _tag_path(part: Path) -> Path:
    return part.with_name(part.name + ".etag")


def _read_tag(part: Path) -> str | None:
    try:
        return _tag_path(part).read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def _discard(part: Path) -> None:
    for path in (part, _tag_path(part)):
        with suppress(FileNotFoundError):
            path.unlink()
