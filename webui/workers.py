"""Several processes that answer for one server.

One process holds the connections (`webui.server`) and all that is counted in memory: limits of
addresses and logins, streams, uploads, what players play. It hands requests over that only read the
library, and take a processor's time, to worker processes (`webui.handing_over`), and sends their
answers. A worker that dies is started anew.
"""

from __future__ import annotations

import io
import itertools
import logging
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from multiprocessing.process import BaseProcess
from typing import Any

from recsys.threads import one_thread_here
from webui.worker_messages import RECEIVED, Answer, Incoming, packed

_log = logging.getLogger(__name__)
N_CHANNELS = 4  # of each worker: how many requests it answers at once
_FIRST_PAUSE, _LAST_PAUSE = 0.1, 30.0  # s before a worker that died is started anew
_STABLE = 60.0  # s after which its next death is counted as its first
_ENDING = 5.0  # s that workers have to end

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
StartWorker = Callable[[list[socket.socket]], BaseProcess]


class Workers:
    """Keeps worker processes alive.

    `start` starts one, which calls `answer_requests` for the sockets it is given, its channels,
    and ends when the other ends of these are closed.
    """

    def __init__(self, n: int, start: StartWorker) -> None:
        self._start = start
        self._processes: dict[int, BaseProcess] = {}
        self._is_closing = threading.Event()
        self._numbers = itertools.count()  # of workers, in the order of their starts
        self._began: Callable[[int, list[socket.socket]], None] | None = None
        self._keepers = [
            threading.Thread(target=self._keep, args=(place,), daemon=True) for place in range(n)
        ]

    def begin(self, began: Callable[[int, list[socket.socket]], None]) -> None:
        """Start them; `began` is called with each one's number and channels, from any thread."""
        self._began = began
        for keeper in self._keepers:
            keeper.start()

    def stop(self) -> None:
        """Start no more of them."""
        self._is_closing.set()

    def close(self) -> None:
        """Wait for the workers, whose channels are closed; end them by force where it is long."""
        self.stop()
        deadline = time.monotonic() + _ENDING
        for place, keeper in enumerate(self._keepers):
            if keeper.ident is None:
                continue
            keeper.join(max(0.0, deadline - time.monotonic()))
            if keeper.is_alive() and place in self._processes:
                self._processes[place].kill()
                keeper.join()

    def _keep(self, place: int) -> None:
        """Start a worker, and again when it has died, until this is closed."""
        pause = _FIRST_PAUSE
        while not self._is_closing.is_set():
            began = time.monotonic()
            try:
                said = self._run(place)
            except OSError as error:
                said = f"could not be started: {error.strerror}"
            if self._is_closing.is_set():
                return
            pause = _FIRST_PAUSE if time.monotonic() - began > _STABLE else pause
            _log.warning("a worker %s; another one is started", said)
            self._is_closing.wait(pause)
            pause = min(2 * pause, _LAST_PAUSE)

    def _run(self, place: int) -> str:
        """Run a worker until it ends, and say how it did. Raises OSError."""
        ours, theirs = zip(*(socket.socketpair() for _ in range(N_CHANNELS)), strict=True)
        try:
            process = self._processes[place] = self._start(list(theirs))
        except OSError:
            for channel in ours:
                channel.close()
            raise
        finally:
            for channel in theirs:
                channel.close()
        assert self._began is not None
        self._began(next(self._numbers), list(ours))
        if self._is_closing.is_set():
            process.kill()
        process.join()
        return f"ended with {process.exitcode}"


# In a worker


def answer_requests(application: Application, channels: Iterable[socket.socket]) -> None:
    """Answer what comes by each channel, one request at a time, until they are closed."""
    threads = [
        threading.Thread(target=_answer_requests, args=(application, channel), name="answering")
        for channel in channels
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _answer_requests(application: Application, channel: socket.socket) -> None:
    one_thread_here()
    incoming = Incoming()
    with channel, suppress(OSError):  # the server has ended
        while piece := channel.recv(RECEIVED):
            if (request := incoming.take(piece)) is not None:
                answer = _ask(application, *request)
                channel.sendall(packed(answer[:2], answer.body))


def _ask(application: Application, texts: Mapping[str, str], body: bytes) -> Answer:
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

    parts = application(environ, start_response)
    try:
        content = b"".join(parts)
    finally:
        if hasattr(parts, "close"):
            parts.close()
    return Answer(*begun[-1], content)
