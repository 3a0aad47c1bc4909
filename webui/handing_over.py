"""Handing requests over to workers, by the loop of a server, and taking their answers.

Nothing of it waits, so that the one thread of the loop does it for all: threads that hand over to
each other in one interpreter would wait for its lock. What a worker that died was asked is asked
once more of another one, so that it costs no answer.
"""

from __future__ import annotations

import logging
import selectors
import socket
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from flask import Flask
from werkzeug.exceptions import HTTPException, ServiceUnavailable

from webui.connection import Connection
from webui.metrics import Metrics
from webui.refusals import REFUSED, RETRY_AFTER
from webui.worker_messages import RECEIVED, Answer, Incoming, packed
from webui.workers import Workers

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
_LONG = 0.05  # s after which a worker that answers is asked something else meanwhile
_PATIENCE = 30.0  # s that a request waits for a worker: one is started in two
_MOST_DEATHS = 2  # of workers, of one request
_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Loop(Protocol):
    """What is needed of a server's loop."""

    def watch(self, sock: socket.socket, events: int, channel: Channel) -> None:
        """Wait for events of a channel; for none: no longer."""

    def is_own_thread(self) -> bool:
        """Say whether the calling thread is the loop's."""

    def pull_trigger(self) -> None:
        """Wake the loop."""


@dataclass(eq=False)
class _Request:
    """A request of a connection; `count` is called with the status of its answer, or None."""

    connection: Connection
    message: bytes
    count: Callable[[int | None], None]
    since: float
    deaths: int = 0


@dataclass(eq=False)
class Channel:
    """A socket to a worker, and what is asked by it, since when (s)."""

    socket: socket.socket
    worker: int
    asked: _Request | None = None
    since: float = 0.0
    unsent: memoryview = field(default_factory=lambda: memoryview(b""))
    incoming: Incoming = field(default_factory=Incoming)


class HandOver:
    """Hands requests of an application over to workers; but for `offer` on the loop's thread."""

    def __init__(self, app: Flask, workers: Workers) -> None:
        self._app = app
        self._workers = workers
        self._routes = app.url_map.bind("localhost")
        self._metrics: Metrics = app.extensions["metrics"]
        self._channels: dict[int, list[Channel]] = {}  # of each worker
        self._waiting: deque[_Request] = deque()
        self._new: deque[list[Channel]] = deque()
        self._is_closed = False
        self._loop: Loop | None = None

    def begin(self, loop: Loop) -> None:
        """Start the workers."""
        self._loop = loop
        self._workers.begin(self._began)

    def close(self) -> None:
        """Ask nothing more; workers end when their answers are made."""
        self._is_closed = True
        self._workers.stop()
        self._take_up_new()
        for worker in list(self._channels):
            self._forget(worker)

    def offer(self, connection: Connection) -> bool:
        """Take a connection's next request where a worker may answer it; from any thread."""
        request = connection.requests[0]
        if request.error or self._loop is None:
            return False
        environ = connection.environ()
        method = environ["REQUEST_METHOD"]
        endpoint = self._endpoint(environ["PATH_INFO"], method)
        if endpoint not in HANDED_OVER:
            return False
        texts = {name: value for name, value in environ.items() if isinstance(value, str)}
        message = packed(texts, environ["wsgi.input"].read())
        count = self._metrics.count_handed_over(method, endpoint)
        self._waiting.append(_Request(connection, message, count, time.monotonic()))
        if self._loop.is_own_thread():
            self._ask()
        else:
            self._loop.pull_trigger()
        return True

    def turn(self) -> float | None:
        """Do what is due; return after how many seconds it has to be done again at the latest."""
        self._take_up_new()
        now = time.monotonic()
        while self._waiting and now >= self._waiting[0].since + _PATIENCE:
            self._refuse(self._waiting.popleft())
        self._ask()
        return _LONG / 2 if self._waiting else None

    def serve(self, channel: Channel, events: int) -> None:
        """Do what a channel is ready for."""
        try:
            if events & _WRITE:
                self._send(channel)
                if not channel.unsent:
                    self._watch(channel, _READ)
            answer = None
            if events & _READ:
                piece = channel.socket.recv(RECEIVED)
                if not piece:
                    raise ConnectionResetError
                answer = channel.incoming.take(piece)
        except BlockingIOError:
            return
        except OSError:
            self._forget(channel.worker)
            self._ask()
            return
        request = channel.asked
        if answer is None or request is None:
            return
        channel.asked = None
        self._ask()  # first, so that the worker goes on meanwhile
        (status, headers), body = answer
        request.count(int(status.split(" ", 1)[0]))
        request.connection.answer_with(Answer(status, [(n, v) for n, v in headers], body))

    def _endpoint(self, path: str, method: str) -> str:
        text = path.encode("latin-1").decode("utf-8", "replace")
        try:
            endpoint, _ = self._routes.match(text, method)
        except HTTPException:  # the application says what is wrong
            return ""
        return str(endpoint)

    # Asking

    def _ask(self) -> None:
        """Ask what waits of the workers that are free."""
        while self._waiting:
            now = time.monotonic()
            channel = self._free(now)
            if channel is None:
                return
            request = self._waiting.popleft()
            if not request.connection.connected:
                request.count(None)
                request.connection.service()  # forgets its requests
                continue
            channel.asked, channel.since = request, now
            channel.unsent = memoryview(request.message)
            try:
                self._send(channel)
            except OSError:
                self._forget(channel.worker)
                continue
            if channel.unsent:
                self._watch(channel, _READ | _WRITE)

    def _free(self, now: float) -> Channel | None:
        """Return a channel of a worker that has nothing to do, or of one whose work takes long."""
        found = None
        for channels in self._channels.values():
            busy = [one for one in channels if one.asked]
            if not busy:
                return channels[0]
            if len(busy) < len(channels) and max(one.since for one in busy) <= now - _LONG:
                found = found or next(one for one in channels if not one.asked)
        return found

    def _send(self, channel: Channel) -> None:
        """Send on, as much as the system takes. Raises OSError."""
        with suppress(BlockingIOError):
            while channel.unsent:
                channel.unsent = channel.unsent[channel.socket.send(channel.unsent) :]

    def _watch(self, channel: Channel, events: int) -> None:
        if self._loop is not None:
            self._loop.watch(channel.socket, events, channel)

    def _refuse(self, request: _Request) -> None:
        """Let the application say that nobody answers, as it says everything."""
        _log.error("no worker answers %s", request.connection.requests[0].path)
        request.count(None)
        why = "What answers this has ended: try again in a moment."
        refusal = ServiceUnavailable(why, retry_after=RETRY_AFTER)
        request.connection.answer_by_application({REFUSED: refusal})

    # Workers that begin and end

    def _began(self, worker: int, sockets: list[socket.socket]) -> None:
        """Take up a worker's channels; from any thread."""
        self._new.append([Channel(one, worker) for one in sockets])
        if self._is_closed:
            self._take_up_new()
        elif self._loop is not None:
            self._loop.pull_trigger()

    def _take_up_new(self) -> None:
        while self._new:
            with suppress(IndexError):  # another thread took them
                channels = self._new.popleft()
                for channel in channels:
                    channel.socket.setblocking(False)
                    if self._is_closed:
                        channel.socket.close()
                    else:
                        self._watch(channel, _READ)
                if not self._is_closed:
                    self._channels[channels[0].worker] = channels

    def _forget(self, worker: int) -> None:
        """Close the channels of a worker that has ended; ask again what it was asked."""
        for channel in self._channels.pop(worker, ()):
            self._watch(channel, 0)
            channel.socket.close()
            request = channel.asked
            if request is None or self._is_closed:
                continue
            request.deaths += 1
            if request.deaths < _MOST_DEATHS:
                self._waiting.appendleft(request)
            else:
                self._refuse(request)
