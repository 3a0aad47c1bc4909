"""Several processes that answer for one server.

One process holds the connections (`webui.server`) and all that is counted in memory: limits of
addresses and logins, streams, uploads, what players play. It hands requests over that only read the
library, and take a processor's time, to worker processes, and sends their answers. A worker that
dies costs nothing but time: its requests are asked again of another one, and it is started anew.

Each worker has several channels, pipes on each of which it answers one request at a time. The
first channels are used as long as one of them comes free soon; the others are for the time in which
long answers are made.
"""

from __future__ import annotations

import heapq
import io
import itertools
import json
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple

from flask import Flask
from werkzeug.exceptions import HTTPException, ServiceUnavailable

from webui.connection import body_waits
from webui.metrics import Metrics
from webui.refusals import REFUSED, RETRY_AFTER

_log = logging.getLogger(__name__)
# What workers answer: endpoints that read the library and nothing that this process holds.
HANDED_OVER = frozenset(
    {
        "artist_page.show",
        "map.colours",
        "map.named",
        "map.places",
        "map_page.show",
        "pages.workbench",
        "playlist_pages.path",
        "playlists_api.continue_playlist",
        "recommendations.mix",
        "recommendations.path_between",
        "recommendations.recommend",
        "recommendations.similar_to_several",
        "search.complete",
        "search.search",
        "track_page.show",
        "tracks.reasons",
        "tracks.similar",
        "tracks.taggram",
        "tracks.track",
        "tracks.tracks",
        "words.words",
        "words_page.show",
    }
)
N_CHANNELS = 4  # of each worker
_SOON = 0.05  # s that a request waits for a first channel before it takes another one
_PATIENCE = 30.0  # s that it waits for any: a worker is started in two
_FIRST_PAUSE, _LAST_PAUSE = 0.1, 30.0  # s before a worker that died is started anew
_STABLE = 60.0  # s after which its next death is counted as its first
_ENDING = 5.0  # s that workers have to end

StartWorker = Callable[[list[Connection]], BaseProcess]


class Answer(NamedTuple):
    """What a WSGI application answered."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes


@dataclass(order=True)
class _Channel:
    """A pipe to a worker; first channels of all workers come before second ones."""

    rank: int
    worker: int
    connection: Connection = field(compare=False)


class _WorkerDied(Exception):
    """A worker ended before it answered."""


class Workers:
    """A WSGI application that hands requests of another one over to processes.

    `start` starts a worker, which calls `answer_requests` for each of the connections it is given,
    and ends when they are closed.
    """

    def __init__(self, app: Flask, n: int, start: StartWorker) -> None:
        self._app = app
        self._start = start
        self._routes = app.url_map.bind("localhost")
        self._idle: list[_Channel] = []
        self._changed = threading.Condition()
        self._processes: dict[int, BaseProcess] = {}
        self._is_closing = threading.Event()
        self._numbers = itertools.count()  # of workers, in the order of their starts
        self._keepers = [
            threading.Thread(target=self._keep, args=(number,), daemon=True) for number in range(n)
        ]
        for keeper in self._keepers:
            keeper.start()

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Answer a request, by a worker where it is one of HANDED_OVER."""
        endpoint = self._endpoint(environ)
        if endpoint not in HANDED_OVER or body_waits(environ):
            return self._app(environ, start_response)
        metrics: Metrics = self._app.extensions["metrics"]
        with metrics.counting(environ["REQUEST_METHOD"], endpoint) as counted:
            answer = self._ask(environ)
            if answer is not None:
                counted(int(answer.status.split(" ", 1)[0]))
        if answer is None:  # the application says so as it says everything
            why = "What answers this has ended: try again in a moment."
            environ[REFUSED] = ServiceUnavailable(why, retry_after=RETRY_AFTER)
            return self._app(environ, start_response)
        start_response(answer.status, answer.headers)
        return [answer.body]

    def process_ids(self) -> list[int]:
        """Return the ids of the processes."""
        return [process.pid for process in self._processes.values() if process.pid]

    def close(self) -> None:
        """End the workers once their answers are made, by force where that takes long."""
        with self._changed:
            self._is_closing.set()
            for channel in self._idle:
                channel.connection.close()
            self._changed.notify_all()
        deadline = time.monotonic() + _ENDING
        for number, keeper in enumerate(self._keepers):
            keeper.join(max(0.0, deadline - time.monotonic()))
            if keeper.is_alive() and number in self._processes:
                self._processes[number].kill()
                keeper.join()

    def _endpoint(self, environ: Mapping[str, Any]) -> str:
        path = environ.get("PATH_INFO", "").encode("latin-1").decode("utf-8", "replace")
        try:
            endpoint, _ = self._routes.match(path, environ["REQUEST_METHOD"])
        except HTTPException:  # the application says what is wrong
            return ""
        return str(endpoint)

    # Asking

    def _ask(self, environ: Mapping[str, Any]) -> Answer | None:
        """Return a worker's answer; None where no worker lives, or two died of it."""
        texts = {name: value for name, value in environ.items() if isinstance(value, str)}
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length) if length else b""
        message = _packed(texts, body)
        for _ in range(2):
            with suppress(_WorkerDied):
                return self._ask_one(message)
        _log.error("no worker answers %s %s", texts["REQUEST_METHOD"], texts["PATH_INFO"])
        return None

    def _ask_one(self, message: bytes) -> Answer:
        """Ask a worker. Raises _WorkerDied."""
        channel = self._take()
        if channel is None:
            raise _WorkerDied
        connection = channel.connection  # this thread's alone
        try:
            connection.send_bytes(message)
            (status, headers), content = _unpacked(connection.recv_bytes())
        except (EOFError, OSError) as error:
            connection.close()
            self._forget(channel.worker)
            raise _WorkerDied from error
        with self._changed:
            if self._is_closing.is_set():
                connection.close()
            else:
                heapq.heappush(self._idle, channel)
                self._changed.notify()
        return Answer(status, [(name, value) for name, value in headers], content)

    def _take(self) -> _Channel | None:
        """Take a channel that is idle; None where none is for long."""
        begin = time.monotonic()
        with self._changed:
            while not self._is_closing.is_set():
                waited = time.monotonic() - begin
                if self._idle and (self._idle[0].rank == 0 or waited >= _SOON):
                    return heapq.heappop(self._idle)
                if waited >= _PATIENCE:
                    break
                self._changed.wait((_SOON if self._idle else _PATIENCE) - waited)
        return None

    # Keeping workers alive

    def _keep(self, number: int) -> None:
        """Start a worker, and again when it has died, until this is closed."""
        pause = _FIRST_PAUSE
        while not self._is_closing.is_set():
            began = time.monotonic()
            try:
                said = self._run(number)
            except OSError as error:
                said = f"could not be started: {error.strerror}"
            if self._is_closing.is_set():
                return
            pause = _FIRST_PAUSE if time.monotonic() - began > _STABLE else pause
            _log.warning("a worker %s; another one is started", said)
            self._is_closing.wait(pause)
            pause = min(2 * pause, _LAST_PAUSE)

    def _run(self, number: int) -> str:
        """Run a worker until it ends, and say how it did. Raises OSError."""
        ours, theirs = zip(*(Pipe() for _ in range(N_CHANNELS)), strict=True)
        try:
            process = self._processes[number] = self._start(list(theirs))
        finally:
            for connection in theirs:
                connection.close()
        worker = next(self._numbers)
        with self._changed:
            for rank, connection in enumerate(ours):
                heapq.heappush(self._idle, _Channel(rank, worker, connection))
            self._changed.notify_all()
            if self._is_closing.is_set():
                process.kill()
        process.join()
        self._forget(worker)
        return f"ended with {process.exitcode}"

    def _forget(self, worker: int) -> None:
        """Ask a worker nothing more that has died."""
        with self._changed:
            for channel in self._idle:
                if channel.worker == worker:
                    channel.connection.close()
            self._idle = [one for one in self._idle if one.worker != worker]
            heapq.heapify(self._idle)


# In a worker


def answer_requests(app: Flask, connections: Iterable[Connection]) -> None:
    """Answer what comes by each connection, one request at a time, until they are closed."""
    threads = [
        threading.Thread(target=_answer_requests, args=(app, connection), name="answering")
        for connection in connections
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _answer_requests(app: Flask, connection: Connection) -> None:
    while True:
        try:
            answer = _ask(app, *_unpacked(connection.recv_bytes()))
            connection.send_bytes(_packed(answer[:2], answer.body))
        except (EOFError, OSError):
            return


def _ask(app: Flask, texts: Mapping[str, str], body: bytes) -> Answer:
    """Return what an application answers to the texts of a WSGI environment, and a body."""
    environ = {
        **texts,
        "wsgi.version": (1, 0),
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    begun: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], _: Any = None) -> Any:
        begun.append((status, headers))

    parts = app(environ, start_response)
    try:
        content = b"".join(parts)
    finally:
        if hasattr(parts, "close"):
            parts.close()
    return Answer(*begun[-1], content)


def _packed(head: Any, body: bytes) -> bytes:
    """Return a message: what JSON can hold, a line feed, and bytes."""
    return json.dumps(head).encode() + b"\n" + body


def _unpacked(message: bytes) -> tuple[Any, bytes]:
    head, _, body = message.partition(b"\n")
    return json.loads(head), body
