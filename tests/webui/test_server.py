"""The server by sockets: clients that are slow, many, or gone, and large bodies."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from served_app import serving
from waitress import wasyncore
from waitress.trigger import trigger

from recsys.home.settings import Settings
from webui import server as server_module
from webui.app import create_app
from webui.connection import Connection
from webui.server import Server
from webui.server_resources import ServerLimits
from webui.uploads import SoundRefused
from webui.write_tokens import masked

ROOT = Path(__file__).parents[2]
PATIENCE = 60  # s to wait for what ought to happen at once
LIMITS = ServerLimits()
HOST = "Host: localhost\r\n"
TRANSCODED = f"GET /api/v1/tracks/5/audio.mp3 HTTP/1.1\r\n{HOST}\r\n"
HEALTH = f"GET /healthz HTTP/1.1\r\n{HOST}\r\n"
HALF_BODY = f"POST /api/v1/listens HTTP/1.1\r\n{HOST}Content-Length: 100\r\n\r\n{{"
MIB = 1 << 20


def connected(address: str, sent: str = "") -> socket.socket:
    host, _, port = address.removeprefix("http://").partition(":")
    client = socket.create_connection((host, int(port)), timeout=PATIENCE)
    client.sendall(sent.encode())
    return client


def healthy(address: str) -> bool:
    with urllib.request.urlopen(f"{address}/healthz", timeout=PATIENCE) as answer:
        return bool(answer.status == 200)


def is_closed(client: socket.socket) -> bool:
    """Say whether the server closes a connection; waits for bytes or the end."""
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True


@contextmanager
def process(home: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Serve a home by scripts/serve.py; give the process and its address."""
    command = [sys.executable, "scripts/serve.py", "--home", str(home), "--port", "0", *options]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=ROOT, env=environ, stdout=-1, stderr=-1, text=True) as run:
        try:
            assert run.stdout
            yield run, run.stdout.readline().removeprefix("Serving on ").strip()
        finally:
            run.kill()


@pytest.fixture
def endless(home: Path) -> Flask:
    """An application whose transcoded sounds never end."""

    def transcode(path: Path, start: float) -> Iterator[bytes]:
        while True:
            yield bytes(MIB)

    return create_app(Settings(home), transcode=transcode)  # type: ignore[arg-type]


# Slow clients


def test_players_that_read_none_of_a_stream_hold_nobody_up(
    endless: Flask, serve: Callable[[Flask], str]
) -> None:
    address = serve(endless)
    with ExitStack() as stack:
        players = []
        for _ in range(LIMITS.threads):
            players.append(stack.enter_context(connected(address, TRANSCODED)))
            assert players[-1].recv(12) == b"HTTP/1.1 200"
        assert healthy(address)
        newest = stack.enter_context(connected(address, TRANSCODED))
        assert newest.recv(12) == b"HTTP/1.1 200"
        while not is_cut(players[0]):  # which was its person's oldest
            pass
        assert healthy(address)


def is_cut(player: socket.socket) -> bool:
    """Read on; say whether the stream ends."""
    try:
        return player.recv(MIB) == b""
    except ConnectionResetError:
        return True


def test_a_stream_ends_that_nobody_reads(endless: Flask) -> None:
    with (
        serving(endless, replace(LIMITS, stalled=0.5, streams_of_one=1)) as address,
        connected(address, TRANSCODED) as player,
    ):
        assert player.recv(12) == b"HTTP/1.1 200"
        n = names = 0
        while names := sum("answering" in one.name for one in threading.enumerate()):
            n = max(n, names)
            if n > LIMITS.threads and names == LIMITS.threads:
                break  # the stream's own thread has come and gone
        while not is_cut(player):
            pass


def test_hundreds_of_stalled_connections_cost_themselves_alone(home: Path) -> None:
    with process(home) as (_, address), ExitStack() as stack:
        host = address.removeprefix("http://")
        caller = http.client.HTTPConnection(host, timeout=PATIENCE)
        stack.callback(caller.close)
        for n in range(600):
            sent = ("", "GET /healthz HT", HALF_BODY)[n % 3]
            stack.enter_context(connected(address, sent))
            if n % 50 == 0:  # somebody at the same address goes on
                assert request(caller, "GET", "/healthz")[0] == 200
                first = caller.sock
        assert healthy(address)
        assert request(caller, "GET", "/healthz")[0] == 200
        assert caller.sock is first


def request(
    connection: http.client.HTTPConnection, method: str, path: str, **options: Any
) -> tuple[int, http.client.HTTPMessage, bytes]:
    connection.request(method, path, **options)
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read()


def test_an_address_loses_what_has_waited_longest(client: Any) -> None:
    limits = replace(LIMITS, of_address=20)
    with serving(client.application, limits) as address, ExitStack() as stack:
        clients = [stack.enter_context(connected(address, "GET /")) for _ in range(20)]
        clients[3].sendall(f" HTTP/1.1\r\n{HOST}\r\n".encode())
        assert clients[3].recv(5) == b"HTTP/"  # of an answer: it waits anew
        for n in (0, 1, 2, 4, 5):
            clients.append(stack.enter_context(connected(address, "GET /")))
            assert is_closed(clients[n])
        clients[6].sendall(f"healthz HTTP/1.1\r\n{HOST}\r\n".encode())
        assert clients[6].recv(12) == b"HTTP/1.1 200"


@pytest.mark.parametrize(
    ("limit", "sent"),
    [
        ({"idle": 0.2}, ""),
        ({"idle": 0.2}, HEALTH),
        ({"head": 0.2}, "GET / HT"),
        ({"body": 0.2}, HALF_BODY),
    ],
)
def test_clients_have_their_time(client: Any, limit: dict[str, float], sent: str) -> None:
    limits = replace(LIMITS, **limit)  # type: ignore[arg-type]
    with serving(client.application, limits) as address, connected(address, sent) as slow:
        while not is_closed(slow):
            pass


def test_a_file_that_is_cut_short_while_it_is_sent_ends_its_answer(
    client: Any, music: Path
) -> None:
    path = music / "4.wav"
    os.truncate(path, 64 * MIB)
    request = f"GET /api/v1/tracks/5/audio HTTP/1.1\r\n{HOST}\r\n"
    with serving(client.application) as address, connected(address, request) as player:
        assert player.recv(12) == b"HTTP/1.1 200"
        os.truncate(path, MIB)
        while not is_cut(player):
            pass


# Bodies


def head(path: str, *headers: str, length: int = 100 * MIB) -> str:
    lines = "".join(f"{line}\r\n" for line in headers)
    kind = "Content-Type: application/octet-stream\r\n"
    size = f"Content-Length: {length}\r\n" if length else "Transfer-Encoding: chunked\r\n"
    return f"POST {path} HTTP/1.1\r\n{HOST}{kind}{size}{lines}\r\n"


def answered(client: socket.socket) -> tuple[int, bytes]:
    """Return status and body of an answer after which the connection is closed."""
    received = b""
    while piece := client.recv(MIB):
        received += piece
    top, _, body = received.partition(b"\r\n\r\n")
    return int(top.split()[1]), body


@pytest.fixture
def key(two_people: Flask) -> str:
    """A header by which Bob writes."""
    accounts = two_people.extensions["accounts"]
    return f"Authorization: Bearer {accounts.make_key(accounts.people.account(2), 'x')[1]}"


@pytest.mark.parametrize(
    ("path", "length", "status"),
    [
        ("/api/v1/sounds", 100 * MIB, 401),
        ("/api/v1/similar", 100 * MIB, 401),
        ("/api/v1/playlists/import", 4 * MIB, 401),
        ("/api/v1/listens", 4 * MIB, 401),
        ("/api/v1/sounds", 0, 401),  # in chunks
        ("/api/v1/nowhere", 100 * MIB, 404),
        ("/healthz", 100 * MIB, 405),
        ("/login", 100 * MIB, 413),
        ("/login", 0, 413),
        ("/account/members", MIB, 302),
    ],
)
@pytest.mark.parametrize("expects", [True, False])
def test_strangers_send_no_bodies(
    two_people: Flask, path: str, length: int, status: int, expects: bool
) -> None:
    with serving(two_people) as address:
        expecting = ["Expect: 100-continue"] if expects else []
        with connected(address, head(path, *expecting, length=length)) as client:
            if not expects:
                client.sendall(b"10000\r\n" + bytes(MIB) if length == 0 else bytes(MIB))
            assert answered(client)[0] == status  # before the rest of the body


def test_a_large_body_comes_in_whole(home: Path) -> None:
    digests = []

    def analyse(path: Path) -> Any:
        digests.append(hashlib.sha256(path.read_bytes()).hexdigest())
        raise SoundRefused("It is not music.")

    app = create_app(Settings(home), analyse_file=analyse)
    token = f"X-Earshot-Token: {masked(app.config['WRITE_TOKEN'])}"
    body = os.urandom(3 * MIB)
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:99], body[99:]))
    with serving(app) as address:
        for expects in (True, False):
            for length, sent in ((len(body), body), (0, chunks + b"0\r\n\r\n")):
                lines = [token, "Connection: close", *(["Expect: 100-continue"] * expects)]
                with connected(address, head("/api/v1/sounds", *lines, length=length)) as client:
                    if expects:
                        assert client.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
                    client.sendall(sent)
                    status, received = answered(client)
                    assert (status, b"not music" in received) == (400, True)
    assert digests == [hashlib.sha256(body).hexdigest()] * 4


def test_bodies_are_bounded_by_what_they_are_for(two_people: Flask, key: str) -> None:
    with serving(two_people) as address:
        for path, n_bytes in (("/api/v1/sounds", 101 * MIB), ("/api/v1/playlists/import", 5 * MIB)):
            with connected(address, head(path, key, length=n_bytes)) as client:
                status, received = answered(client)
                assert (status, b"takes at most" in received) == (413, True)
            with connected(address, head(path, key, length=0)) as client:
                sender = threading.Thread(target=send_chunks, args=(client, n_bytes))
                sender.start()
                assert answered(client)[0] == 413
                sender.join()
        endless_chunk = head("/api/v1/sounds", key, length=0) + "0" * 100_000
        with connected(address, endless_chunk) as client:
            assert answered(client)[0] == 400


def send_chunks(client: socket.socket, n_bytes: int) -> None:
    try:
        for _ in range(n_bytes // MIB):
            client.sendall(b"%x\r\n%s\r\n" % (MIB, bytes(MIB)))
    except OSError:
        pass  # the server reads no more


def test_all_bodies_together_are_bounded(two_people: Flask, key: str) -> None:
    limits = replace(LIMITS, uploads=150 * MIB, uploads_of_one=120 * MIB)
    accounts = two_people.extensions["accounts"]
    other = f"Authorization: Bearer {accounts.make_key(accounts.people.account(1), 'x')[1]}"
    waiting = b"HTTP/1.1 100 Continue\r\n\r\n"
    expect = "Expect: 100-continue"
    with serving(two_people, limits) as address:
        with connected(address, head("/api/v1/sounds", key, expect)) as first:
            assert first.recv(len(waiting)) == waiting
            for header, n in ((key, 30), (other, 60)):  # of one person, of all
                with connected(
                    address, head("/api/v1/sounds", header, expect, length=n * MIB)
                ) as more:
                    status, received = answered(more)
                    detail = json.loads(received)["detail"]
                    assert (status, "Too many files" in detail) == (503, True)
            with connected(address, head("/api/v1/sounds", other, expect, length=MIB)) as small:
                assert small.recv(len(waiting)) == waiting
        status = 503  # until the server has seen that the first has gone
        while status == 503:
            with connected(address, head("/api/v1/sounds", key, expect)) as again:
                received = again.recv(12)
                status = int(received.split()[1])
        assert status == 100


# Stopping


def test_answers_on_their_way_are_sent_when_the_server_stops(home: Path) -> None:
    broken: list[str] = []
    answers: list[int] = []
    began = threading.Barrier(31, timeout=PATIENCE)

    def call(host: str) -> None:
        connection = http.client.HTTPConnection(host, timeout=PATIENCE)
        connection.connect()
        began.wait()
        while True:
            try:
                status, headers, _ = request(connection, "GET", "/api/v1/mix?length=50")
            except (OSError, http.client.HTTPException) as error:
                broken.append(repr(error))
                return
            answers.append(status)
            if headers["Connection"] == "close":
                return

    with process(home) as (run, address), ThreadPoolExecutor(30) as pool:
        healthy(address)
        with connected(address) as idle, connected(address, "GET /healthz HT"):
            calls = [pool.submit(call, address.removeprefix("http://")) for _ in range(30)]
            began.wait()
            while len(answers) < 5:
                pass
            run.send_signal(signal.SIGTERM)
            assert is_closed(idle)
            for one in calls:
                one.result()
            log = run.communicate(timeout=PATIENCE)[1]
    assert (run.returncode, broken, set(answers)) == (0, [], {200}), log
    assert len(answers) >= 30
    assert "Traceback" not in log and "still running" not in log and "cut" not in log
    assert re.search('"path": "/api/v1/mix"', log)


# Files that are overwritten


def test_a_server_outlives_files_that_are_overwritten_in_place(home: Path) -> None:
    with process(home) as (run, address):
        similar, page = f"{address}/api/v1/tracks/1/similar", f"{address}/"
        for path in (similar, page, f"{address}/map", f"{address}/library"):
            with urllib.request.urlopen(path, timeout=PATIENCE) as answer:
                before = answer.read()
        with urllib.request.urlopen(similar, timeout=PATIENCE) as answer:
            before = answer.read()
        derived = {path: path.read_bytes() for path in home.glob("*.*") if is_derived(path)}
        assert {"tracks.index", "projection.safetensors"} <= {path.name for path in derived}
        for path in derived:
            os.truncate(path, 100)
        for _ in range(3):
            for path in (similar, page):
                with urllib.request.urlopen(path, timeout=PATIENCE) as answer:
                    assert answer.status == 200
        for path, content in derived.items():  # as `cp` restores a backup
            path.write_bytes(content)
        with urllib.request.urlopen(similar, timeout=PATIENCE) as answer:
            assert answer.read() == before
        run.send_signal(signal.SIGTERM)
        log = run.communicate(timeout=PATIENCE)[1]
        assert run.returncode == 0, log
    assert "The last good index is still served" in log


def is_derived(path: Path) -> bool:
    return path.suffix in (".index", ".safetensors")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_server_maps_no_file_that_others_write(home: Path) -> None:
    with process(home) as (run, address):
        for path in ("/", "/map", "/library", "/tracks/1", "/artist?name=Bix", "/api/v1/mix"):
            with urllib.request.urlopen(address + path, timeout=PATIENCE) as answer:
                answer.read()
        maps = Path(f"/proc/{run.pid}/maps").read_text()
    mapped = {line.split()[-1] for line in maps.splitlines() if str(home) in line}
    assert mapped <= {f"{home / 'catalogue.db-shm'}"}  # SQLite's own


def ask_again_and_again(app: Flask) -> None:
    """Get several answers by one connection."""
    with serving(app) as address:
        connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=PATIENCE)
        for _ in range(5):
            connection.request("GET", "/healthz")
            assert connection.getresponse().read()
        connection.close()


def test_no_answer_waits_for_the_next_look(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that wakes the loop while it reads the last wake-up must not go unheard."""
    read = wasyncore.read

    def woken_meanwhile(waiting: Any) -> None:
        if isinstance(waiting, trigger):
            monkeypatch.setattr(server_module, "_LOOK", 2.0 * PATIENCE)
            other = threading.Thread(target=running[0].pull_trigger)
            other.start()
            other.join()
        read(waiting)

    running: list[Server] = []
    made = Server.__init__

    def note(self: Server, *given: Any, **options: Any) -> None:
        made(self, *given, **options)
        running.append(self)

    monkeypatch.setattr(Server, "__init__", note)
    monkeypatch.setattr(server_module.wasyncore, "read", woken_meanwhile)
    ask_again_and_again(client.application)


def test_news_of_another_socket_closes_no_connection(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the system tells of a socket that was closed while a process was being started."""
    read = wasyncore.read

    def read_again(waiting: Any) -> None:
        read(waiting)
        if isinstance(waiting, Connection) and waiting.socket is not None:
            read(waiting)  # though nothing more has come

    monkeypatch.setattr(server_module.wasyncore, "read", read_again)
    ask_again_and_again(client.application)
