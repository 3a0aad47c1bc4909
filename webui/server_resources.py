"""What a server shares out among its clients: threads, streams, room for large bodies."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from recsys.threads import one_thread_here

_log = logging.getLogger(__name__)
_Stream = TypeVar("_Stream")


@dataclass(frozen=True)
class ServerLimits:
    """How much clients may take; seconds, bytes, numbers.

    connections   open at once, of which `of_address` from one address (IPv6: one /64 network).
                  Where there are more, those are closed that have waited longest for a request.
    idle          s between an answer and the next request
    head          s from the first byte of a request to the end of its head
    body, rate    s that a body may take, and the bytes a second that earn it more
    stalled       s in which a client reads nothing of its answer
    drain         s for answers on their way when the server stops
    threads       that make answers, apart from those of streams
    streams       at once, of which `streams_of_one` for one person; a new one ends the oldest
    uploads       bytes of large bodies at once, of which `uploads_of_one` from one address
    """

    connections: int = 4000
    of_address: int = 256
    idle: float = 75.0
    head: float = 20.0
    body: float = 30.0
    rate: int = 16 << 10
    stalled: float = 120.0
    drain: float = 10.0
    threads: int = 8
    streams: int = 32
    streams_of_one: int = 8
    uploads: int = 512 << 20
    uploads_of_one: int = 256 << 20


class ThreadPool:
    """Threads that make answers: always as many, whatever those do that left."""

    def __init__(self, n_threads: int) -> None:
        self._n_threads = n_threads
        self._tasks: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._this = threading.local()
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()
        for _ in range(n_threads):
            self._start()

    def submit(self, task: Callable[[], None]) -> None:
        """Run a task as soon as a thread is free."""
        self._tasks.put(task)

    def leave(self) -> None:
        """Let a new thread take the place of the calling one, which ends after its task."""
        if not self._this.has_left:
            self._this.has_left = True
            self._start()

    def close(self, patience: float) -> int:
        """End the threads; return how many are still at work after some seconds."""
        for _ in range(self._n_threads):
            self._tasks.put(None)
        deadline = time.monotonic() + patience
        while (threads := self._living()) and time.monotonic() < deadline:
            threads[0].join(max(0.0, deadline - time.monotonic()))
        return len(self._living())

    def _living(self) -> list[threading.Thread]:
        with self._lock:
            return list(self._threads)

    def _start(self) -> None:
        thread = threading.Thread(target=self._work, name="answering", daemon=True)
        with self._lock:
            self._threads.add(thread)
        thread.start()

    def _work(self) -> None:
        one_thread_here()
        self._this.has_left = False
        while not self._this.has_left and (task := self._tasks.get()) is not None:
            try:
                task()
            except Exception:
                _log.exception("an answer failed")
        with self._lock:
            self._threads.discard(threading.current_thread())


class Streams(Generic[_Stream]):
    """The streams under way, oldest first."""

    def __init__(self, limits: ServerLimits) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._whose: dict[_Stream, str] = {}

    def begin(self, stream: _Stream, whose: str) -> _Stream | None:
        """Count a stream; return the one that has to end for it."""
        with self._lock:
            counts = Counter(self._whose.values())
            ended = None
            if counts[whose] >= self._limits.streams_of_one:
                ended = self._oldest(whose)
            elif len(self._whose) >= self._limits.streams:
                ended = self._oldest(counts.most_common(1)[0][0])
            self._whose[stream] = whose
            return ended

    def end(self, stream: _Stream) -> None:
        """Count a stream no longer."""
        with self._lock:
            self._whose.pop(stream, None)

    def _oldest(self, whose: str) -> _Stream:
        found = next(one for one, other in self._whose.items() if other == whose)
        del self._whose[found]
        return found


class Rooms:
    """Room for the large bodies that come in, in bytes."""

    def __init__(self, limits: ServerLimits) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._taken: Counter[str] = Counter()

    def take(self, whose: str, n_bytes: int) -> Callable[[], None] | None:
        """Take room, and return what gives it back; None where there is not enough."""
        with self._lock:
            if (
                self._taken.total() + n_bytes > self._limits.uploads
                or self._taken[whose] + n_bytes > self._limits.uploads_of_one
            ):
                return None
            self._taken[whose] += n_bytes

        def give_back() -> None:
            with self._lock:
                self._taken[whose] -= n_bytes
                if not self._taken[whose]:
                    del self._taken[whose]

        return give_back
