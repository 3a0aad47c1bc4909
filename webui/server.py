"""The HTTP server: any number of slow clients beside a pool of threads that makes answers.

waitress parses, buffers and calls the application (see `connection`); the loop here waits for
sockets by what the system has for many of them (epoll, kqueue), accepts, and closes connections
whose clients had their time or take more than their share. No client holds a thread by being
slow, but for streams, whose threads are their own.
"""

from __future__ import annotations

import logging
import selectors
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.proxy_headers import proxy_headers_middleware
from waitress.trigger import trigger

from webui.connection import Connection
from webui.handing_over import Channel, HandOver
from webui.rate_limits import network
from webui.server_resources import Rooms, ServerLimits, Streams, ThreadPool

_log = logging.getLogger(__name__)
Application = Callable[..., Iterable[bytes]]
_BACKLOG = 1024  # connections that the system keeps until they are accepted
_ACCEPTED = 64  # of them at once
_MAX_HEAD = 64 << 10  # bytes of a request's head; seeds that are files take up to 10 kB each
_MAX_BODY = sys.maxsize  # the application says how large bodies may be, by their heads
_RECEIVED = 16 << 10  # bytes at once
_LOOK = 1.0  # s between two looks at who is late
_GRACE, _DRAIN_LOOK = 0.5, 0.1  # s in which connections still bring requests to one that stops
_FILES = 100  # descriptors for the rest of the program
_WINDOWS_SOCKETS = 480  # what select takes there, less a few
_BELIEVED = ("x-forwarded-for", "x-forwarded-proto")
_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


def listen(host: str, port: int) -> list[socket.socket]:
    """Return sockets that listen on each address of a host. Raises OSError."""
    kind = socket.SOCK_STREAM
    found = socket.getaddrinfo(host or None, port, type=kind, flags=socket.AI_PASSIVE)
    listeners: list[socket.socket] = []
    failed: OSError | None = None
    for family, address in dict.fromkeys((entry[0], entry[4][:2]) for entry in found):
        bound = address[0], port or (listeners[0].getsockname()[1] if listeners else 0)
        try:
            listeners.append(socket.create_server(bound, family=family, backlog=_BACKLOG))
        except OSError as error:
            failed = error
    if failed is not None and not listeners:
        raise failed
    return listeners


def raise_file_limit() -> None:
    """Let this process open as many files as it may: each connection is one or two."""
    if sys.platform != "win32":
        import resource  # noqa: PLC0415 - where there is none

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = 2 * ServerLimits.connections + _FILES
        if hard != resource.RLIM_INFINITY:
            wanted = min(wanted, hard)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def behind_proxy(application: Application, trusted_proxy: str | None) -> Application:
    """Return an application that believes what a reverse proxy of an address says of its clients.

    That is X-Forwarded-For and X-Forwarded-Proto; nobody else's are passed on.
    """
    wrapped: Application = proxy_headers_middleware(
        application, trusted_proxy=trusted_proxy, trusted_proxy_headers=set(_BELIEVED)
    )
    return wrapped


class Server:
    """Serves a WSGI application on listening sockets, which other processes may share.

    `trusted_proxy` is the address of the reverse proxy whose X-Forwarded-For and
    X-Forwarded-Proto are believed; connections from it are as many as all may be. `hand_over` has
    workers answer what they may.
    """

    def __init__(
        self,
        application: Application,
        listeners: Sequence[socket.socket],
        *,
        limits: ServerLimits | None = None,
        trusted_proxy: str | None = None,
        hand_over: HandOver | None = None,
    ) -> None:
        self.adj = Adjustments(
            sockets=list(listeners),
            ident=None,
            log_socket_errors=False,
            max_request_body_size=_MAX_BODY,
            max_request_header_size=_MAX_HEAD,
            recv_bytes=_RECEIVED,
        )
        self.application = behind_proxy(application, trusted_proxy)
        self.limits = limits or ServerLimits()
        self.draining = False
        self.server_name = self.adj.server_name
        self.effective_port: int = listeners[0].getsockname()[1]
        self.active_channels: dict[int, Connection] = {}
        self._proxy = trusted_proxy
        self._hand_over = hand_over
        self._thread = threading.get_ident()
        self._listeners = list(listeners)
        self._most = min(self.limits.connections, _allowed_connections())
        self._pool = ThreadPool(self.limits.threads)
        self._streams: Streams[Connection] = Streams(self.limits)
        self._rooms = Rooms(self.limits)
        self._of_address: dict[str, set[Connection]] = {}
        self._selector = selectors.DefaultSelector()
        self._trigger = trigger({})
        self._awake = False
        self._stops = 0
        self._changes: deque[tuple[Connection, int | None]] = deque()

    # The loop

    def run(self) -> None:
        """Serve until `stop` is called and the answers on their way are made."""
        self._thread = threading.get_ident()
        self._selector.register(self._trigger._fileno, _READ, None)
        for listener in self._listeners:
            listener.setblocking(False)
            self._selector.register(listener, _READ, listener)
        if self._hand_over is not None:
            self._hand_over.begin(self)
        next_look = began_draining = 0.0
        while True:
            patience = _DRAIN_LOOK if self.draining else _LOOK
            if self._hand_over is not None:
                patience = min(patience, self._hand_over.turn() or patience)
            self._take_up_changes()
            for key, events in self._selector.select(patience):
                if events & _READ and key.events == _READ and self._is_early(key.data):
                    self._selector.unregister(key.fileobj)
                else:
                    self._serve(key.data, events)
            now = time.monotonic()
            if self._stops and not self.draining:
                self._begin_draining()
                began_draining = now
            if self.draining and self._is_drained(now, began_draining):
                break
            if now >= next_look:
                next_look = now + _LOOK
                self._close_all(one for one in self._open() if one.is_late(now))
        self._close()

    def stop(self) -> None:
        """End `run`, from any thread or a signal's handler; at once where it is said twice."""
        self._stops += 1
        self._pull()

    def _serve(self, waiting: Connection | Channel | socket.socket | None, events: int) -> None:
        if waiting is None:
            wasyncore.read(self._trigger)
            # Only now: a pull between the two would be read away here, and no other be made. What
            # changed before this line is taken up by the loop's next turn.
            self._awake = False
        elif isinstance(waiting, Connection):
            if events & _READ and waiting.socket is not None:
                wasyncore.read(waiting)
            if events & _WRITE and waiting.socket is not None:
                wasyncore.write(waiting)
            self._watch(waiting)
        elif isinstance(waiting, Channel):
            if self._hand_over is not None and waiting.socket.fileno() >= 0:
                self._hand_over.serve(waiting, events)
        else:
            self._accept(waiting)

    def _take_up_changes(self) -> None:
        while self._changes:
            connection, descriptor = self._changes.popleft()
            if descriptor is None:
                if connection.is_ended:
                    connection.handle_close()
                self._watch(connection)
                continue
            if descriptor in self._selector.get_map():
                self._selector.unregister(descriptor)
            others = self._of_address.get(connection.whose, set())
            others.discard(connection)
            if not others:
                self._of_address.pop(connection.whose, None)

    def _is_early(self, waiting: object) -> bool:
        """Say whether bytes have come that a connection does not want yet."""
        return isinstance(waiting, Connection) and not waiting.readable()

    def _watch(self, connection: Connection) -> None:
        """Wait for what a connection waits for.

        While an answer is made that is nothing, but the loop goes on to wait for bytes until some
        come, which are too early: mostly none do, and the system has to be told nothing.
        """
        descriptor = connection._fileno
        if descriptor is None:
            return
        events = _READ * connection.readable() | _WRITE * connection.writable()
        known = self._selector.get_map().get(descriptor)
        if known is None:
            if events:
                self._selector.register(descriptor, events, connection)
        elif (events or _READ) != known.events:
            self._selector.modify(descriptor, events or _READ, connection)

    # Connections

    def _accept(self, listener: socket.socket, at_most: int = _ACCEPTED) -> None:
        for _ in range(at_most):
            try:
                sock, address = listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:  # no descriptor is left
                _log.warning("a connection could not be accepted: %s", error.strerror)
                self._make_place(self._open())
                return
            self._take_up_changes()  # whose descriptor it may have
            whose = network(address[0])
            if not self._admit(whose, address[0]):
                sock.close()
                continue
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(self, sock, address, self.adj, whose)
            self._of_address.setdefault(whose, set()).add(connection)
            self._watch(connection)

    def _admit(self, whose: str, address: str) -> bool:
        """Make place for one more connection of an address; False where there is none."""
        own = self._of_address.get(whose, set())
        if address != self._proxy and len(own) >= self.limits.of_address:
            return self._make_place(own)
        if len(self.active_channels) >= self._most:
            return self._make_place(max(self._of_address.items(), key=lambda one: len(one[1]))[1])
        return True

    def _make_place(self, connections: Iterable[Connection]) -> bool:
        """Close the connection that has waited longest; False where all are busy."""
        waiting = [(order, one) for one in connections if (order := one.dispensable()) is not None]
        if not waiting:
            return False
        self._close_all([min(waiting, key=lambda pair: pair[0])[1]])
        return True

    def _open(self) -> list[Connection]:
        return list(self.active_channels.values())

    def _close_all(self, connections: Iterable[Connection]) -> None:
        for connection in list(connections):
            connection.handle_close()
        self._take_up_changes()

    # Stopping

    def _begin_draining(self) -> None:
        """Accept what waits, then nothing more; from now on answers close their connections."""
        self.draining = True
        for listener in self._listeners:
            self._accept(listener, _BACKLOG)
            self._selector.unregister(listener)
            listener.close()

    def _is_drained(self, now: float, since: float) -> bool:
        self._close_all(one for one in self._open() if one.is_over(now, since, _GRACE))
        n_cut = len(self.active_channels)
        if n_cut and self._stops == 1 and now < since + self.limits.drain:
            return False
        if n_cut:
            _log.warning("the server stops, and %d connections are cut", n_cut)
        return True

    def _close(self) -> None:
        self._close_all(self._open())
        if n_running := self._pool.close(self.limits.drain / 2):
            _log.warning("%d threads are still running", n_running)
        if self._hand_over is not None:
            self._hand_over.close()
        self._selector.close()
        self._trigger.close()
        for listener in self._listeners:
            listener.close()

    # What connections ask for, from any thread

    def submit(self, task: Callable[[], None]) -> None:
        """Run a task in a thread of the pool."""
        self._pool.submit(task)

    def add_task(self, connection: Connection) -> None:
        """Make the answer to a connection's next request, or have a worker make it."""
        if self._hand_over is None or not self._hand_over.offer(connection):
            self._pool.submit(connection.service)

    def is_own_thread(self) -> bool:
        """Say whether the calling thread is the loop's."""
        return threading.get_ident() == self._thread

    def pull_trigger(self) -> None:
        """Wake the loop, from another thread."""
        if not self._awake and not self.is_own_thread():
            self._pull()

    def _pull(self) -> None:
        self._awake = True
        with suppress(OSError):  # where the loop has ended
            self._trigger.pull_trigger()

    def watch(self, sock: socket.socket, events: int, channel: Channel) -> None:
        """Wait for events of a worker's channel; for none: no longer."""
        self._take_up_changes()  # of connections whose descriptor it may have
        if sock not in self._selector.get_map():
            self._selector.register(sock, events, channel)
        elif events:
            self._selector.modify(sock, events, channel)
        else:
            self._selector.unregister(sock)

    def changed(self, connection: Connection) -> None:
        """Look again at what a connection waits for."""
        self._changes.append((connection, None))
        self.pull_trigger()

    def closed(self, connection: Connection, descriptor: int) -> None:
        """Forget a connection."""
        self.end_stream(connection)
        self._changes.append((connection, descriptor))
        self.pull_trigger()

    def begin_stream(self, connection: Connection, whose: str) -> None:
        """Count a stream, and end the oldest where there are too many."""
        ended = self._streams.begin(connection, whose)
        if ended is not None:
            ended.is_ended = True
            self.changed(ended)
        self.leave_pool()

    def end_stream(self, connection: Connection) -> None:
        """Count a stream no longer."""
        self._streams.end(connection)

    def leave_pool(self) -> None:
        """Let another thread take the place of the calling one."""
        self._pool.leave()

    def take_room(self, whose: str, n_bytes: int) -> Callable[[], None] | None:
        """Take room for a body, and return what gives it back; None where there is not enough."""
        return self._rooms.take(whose, n_bytes)


def _allowed_connections() -> int:
    """Return how many connections the system lets this process have."""
    if sys.platform == "win32":
        return _WINDOWS_SOCKETS
    import resource  # noqa: PLC0415 - where there is none

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else max((soft - _FILES) // 2, 16)
