"""Downloads from a real server on this machine: it serves ranges, stops midway, changes files."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from encoders.errors import WeightsError
from encoders.fetch import fetch

CONTENT = bytes(range(256)) * 1200  # 307,200 bytes
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server:
    """One file, and what the server does with it."""

    def __init__(self) -> None:
        self.content = CONTENT
        self.etag: str | None = '"first"'
        self.sends = len(CONTENT)  # bytes after which a connection breaks
        self.ranges = True
        self.requests: list[str | None] = []  # the Range of each
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.http.server_port}/weights.pth"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        wanted = request.headers.get("Range")
        self.requests.append(wanted)
        if request.path != "/weights.pth":
            request.send_error(404)
            return
        begin, fresh = 0, request.headers.get("If-Range") in (None, self.etag)
        if wanted and self.ranges and fresh:
            found = re.fullmatch(r"bytes=(\d+)-", wanted)
            assert found
            begin = int(found[1])
            if begin >= len(self.content):
                request.send_error(416)
                return
            request.send_response(206)
            end = len(self.content) - 1
            request.send_header("Content-Range", f"bytes {begin}-{end}/{len(self.content)}")
        else:
            request.send_response(200)
        if self.etag:
            request.send_header("ETag", self.etag)
        request.send_header("Content-Length", str(len(self.content) - begin))
        request.end_headers()
        request.wfile.write(self.content[begin : begin + self.sends])


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.http.shutdown()
    server.http.server_close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "weights" / "some.pth"


def test_a_file_is_fetched_whole_and_nothing_else_is_left(server: Server, path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    assert fetch(server.url, path, SHA256, lambda *done: seen.append(done)) == SHA256
    assert path.read_bytes() == CONTENT
    assert list(path.parent.iterdir()) == [path]
    assert seen[0] == (0, len(CONTENT))
    assert seen[-1] == (len(CONTENT), len(CONTENT))


def test_a_broken_download_goes_on_where_it_broke(server: Server, path: Path) -> None:
    server.sends = 100_000
    for number in (1, 2, 3):
        with pytest.raises(WeightsError, match="run the command again to go on"):
            fetch(server.url, path, None)
        assert not path.exists()
        part = path.with_name("some.pth.part")
        assert part.read_bytes() == CONTENT[: number * 100_000]
    assert fetch(server.url, path, None) == SHA256
    assert path.read_bytes() == CONTENT
    assert server.requests == [None, "bytes=100000-", "bytes=200000-", "bytes=300000-"]


@pytest.mark.parametrize("change", ["another file", "no etag", "no ranges"])
def test_a_part_of_what_may_be_another_file_is_not_gone_on_with(
    server: Server, path: Path, change: str
) -> None:
    server.sends = 100_000
    if change == "no etag":
        server.etag = None
    with pytest.raises(WeightsError):
        fetch(server.url, path, None)
    server.sends = len(CONTENT)
    if change == "another file":
        server.content, server.etag = CONTENT[::-1], '"second"'
    elif change == "no ranges":
        server.ranges = False
    fetch(server.url, path, None)
    assert path.read_bytes() == server.content


def test_a_part_that_is_whole_already_is_fetched_anew(server: Server, path: Path) -> None:
    path.parent.mkdir()
    path.with_name("some.pth.part").write_bytes(CONTENT)
    path.with_name("some.pth.part.etag").write_text('"first"')
    assert fetch(server.url, path, SHA256) == SHA256
    assert server.requests == [f"bytes={len(CONTENT)}-", None]


def test_another_file_than_the_published_one_is_thrown_away(server: Server, path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"what was there")
    server.content = CONTENT[:-1] + b"!"
    with pytest.raises(WeightsError, match=f"expected {SHA256}"):
        fetch(server.url, path, SHA256)
    assert path.read_bytes() == b"what was there"
    assert list(path.parent.iterdir()) == [path]


def test_what_cannot_be_fetched_is_said(server: Server, path: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="the server says 404 Not Found"):
        fetch(server.url + "x", path, None)
    (tmp_path / "file").touch()
    with pytest.raises(WeightsError, match="cannot be written"):
        fetch(server.url, tmp_path / "file" / "some.pth", None)
    with pytest.raises(WeightsError, match="no http"):
        fetch((tmp_path / "file").as_uri(), path, None)
    server.http.shutdown()
    server.http.server_close()
    with pytest.raises(WeightsError, match=r"cannot be fetched: .*refused"):
        fetch(server.url, path, None)
