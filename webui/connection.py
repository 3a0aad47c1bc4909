"""A client's connection: waitress's parser and channel, with bodies that wait for the application.

What an application finds in its WSGI environment beyond PEP 3333 is reached by the functions here:
`begin_stream` and `leave_pool` for answers that take long, `room_for_body` for requests with large
bodies. Another server has none of it: the functions then do nothing.
"""

from __future__ import annotations

import io
import logging
import socket
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol

from waitress.buffers import ReadOnlyFileBasedBuffer
from waitress.channel import ClientDisconnected, HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.task import WSGITask
from waitress.utilities import BadRequest, RequestEntityTooLarge

from webui.server_resources import ServerLimits
from webui.worker_messages import Answer

_log = logging.getLogger(__name__)
SMALL_BODY = 64 << 10  # bytes; larger bodies are not received before the application agreed
_CONNECTION, _ROOM = "earshot.connection", "earshot.room"
_FRAMING = 8 << 10  # bytes of a chunk's own head, or of what follows the last one
_PIECE = 64 << 10  # bytes discarded at once
_LINGER, _LINGER_SILENT = 30.0, 5.0  # s that a client may go on sending what nobody reads


class ConnectionOwner(Protocol):
    """What a connection needs of its server."""

    limits: ServerLimits
    draining: bool

    def submit(self, task: Callable[[], None]) -> None:
        """Run a task in a thread of the pool."""

    def changed(self, connection: Connection) -> None:
        """Look again at what a connection waits for."""

    def closed(self, connection: Connection, descriptor: int) -> None:
        """Forget a connection."""

    def begin_stream(self, connection: Connection, whose: str) -> None:
        """Count a stream; end the oldest where there are too many."""

    def end_stream(self, connection: Connection) -> None:
        """Count a stream no longer."""

    def leave_pool(self) -> None:
        """Let another thread take the place of the calling one."""

    def take_room(self, whose: str, n_bytes: int) -> Callable[[], None] | None:
        """Take room for a body, and return what gives it back; None where there is not enough."""


def begin_stream(environ: Mapping[str, Any], whose: str) -> None:
    """Say that an answer is a stream of a person, which may last as long as it is listened to."""
    if (connection := environ.get(_CONNECTION)) is not None:
        connection.server.begin_stream(connection, whose)


def leave_pool(environ: Mapping[str, Any]) -> None:
    """Say that an answer takes long: no other request waits for its thread."""
    if (connection := environ.get(_CONNECTION)) is not None:
        connection.server.leave_pool()


def body_waits(environ: Mapping[str, Any]) -> bool:
    """Say whether only the head of a request is here.

    The application answers it with status 100 where the body may come, after `room_for_body`. Any
    other answer is sent to the client, and the body is not received.
    """
    return _ROOM in environ


def room_for_body(environ: Mapping[str, Any], limit: int, whose: str) -> bool:
    """Take room for a body of at most `limit` bytes; False where too many are under way."""
    taken: bool = environ[_ROOM](limit, whose)
    return taken


class Request(HTTPRequestParser):  # type: ignore[misc]
    """A request as it comes in.

    held         what has come of a body that waits for the application; None where none waits
    limit        bytes that its body may have
    give_back    gives back the room of its body
    """

    def __init__(self, adj: Any) -> None:
        super().__init__(adj)
        self.expect_continue: bool = False
        self.held: bytes | None = None
        self.wants_continue = False
        self.limit = SMALL_BODY
        self.give_back: Callable[[], None] | None = None
        self.since = time.monotonic()

    def received(self, data: bytes) -> int:
        """Take in bytes; return how many belong to this request."""
        if self.held is not None:
            self.held += data
            return len(data)
        had_head = self.headers_finished
        n: int = super().received(data)
        if self.headers_finished and not had_head:
            self.since = time.monotonic()
            if not self.completed and (self.chunked or self.content_length > SMALL_BODY):
                self.held = b""
                self.wants_continue, self.expect_continue = self.expect_continue, False
        elif self.chunked:
            self._bound(self.body_rcv)
        return n

    def _bound(self, body: Any) -> None:
        """Refuse a body in chunks that becomes too large, also by what stands between them."""
        if max(len(body), self.body_bytes_received // 2) > self.limit:
            self.error = RequestEntityTooLarge(f"The body has more than {self.limit} bytes.")
        elif max(len(body.control_line), len(body.trailer)) > _FRAMING:
            self.error = BadRequest("A chunk's head is too long.")
        else:
            return
        self.completed = True

    def is_late(self, now: float, limits: ServerLimits) -> bool:
        """Say whether the client has had its time to send it."""
        waited = now - self.since
        if not self.headers_finished:
            return waited > limits.head
        earned = self.body_bytes_received / limits.rate
        return self.held is None and waited > limits.body + earned

    def close(self) -> None:
        """Remove the body, and give back its room."""
        super().close()
        if self.give_back is not None:
            self.give_back()
            self.give_back = None


class _File(ReadOnlyFileBasedBuffer):  # type: ignore[misc]
    """A file that is being sent."""

    def get(self, numbytes: int = -1, skip: bool = False) -> bytes:
        """Return the next bytes. Raises OSError where the file has become shorter meanwhile."""
        found: bytes = super().get(numbytes, skip)
        if not found and self.remain:
            raise OSError("a file became shorter while it was sent")
        return found


class _Task(WSGITask):  # type: ignore[misc]
    """Makes the answer to a request; `added` comes to its environment."""

    wrote_header: bool

    def __init__(
        self, channel: Connection, request: Request, added: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(channel, request)
        self.added = added or {}

    def get_environment(self) -> dict[str, Any]:
        """Return the WSGI environment, with what the functions of this module need."""
        environ: dict[str, Any] = super().get_environment()
        environ["wsgi.file_wrapper"] = _File
        environ[_CONNECTION] = self.channel
        environ |= self.added
        return environ

    def build_response_header(self) -> bytes:
        """Return the head; it says that a server that stops closes the connection (RFC 9112)."""
        if self.channel.server.draining and len(self.channel.requests) <= 1:
            self.set_close_on_finish()
        head: bytes = super().build_response_header()
        return head

    def write(self, data: bytes) -> None:
        """Write of an answer's body; its head and the first bytes go together."""
        if self.wrote_header or not self.complete or not data or not self.has_body:
            super().write(data)
            return
        head = self.build_response_header()
        self.wrote_header = True
        if self.chunked_response or len(data) > min(_PIECE, self._left()):
            self.channel.write_soon(head)
            super().write(data)
        else:
            self.content_bytes_written += len(data)
            self.channel.write_soon(head + data)

    def _left(self) -> float:
        length = self.content_length
        return float("inf") if length is None else length - self.content_bytes_written


class _AnsweredTask(_Task):
    """Sends an answer that is made."""

    def __init__(self, answer: Answer, channel: Connection, request: Request) -> None:
        super().__init__(channel, request)
        self.answer = answer

    def execute(self) -> None:
        """Send it."""
        self.status, self.response_headers, body = self.answer
        self.content_length, self.complete = len(body), True
        self.write(body)


class _HeadTask(_Task):
    """Asks the application, by the head of a request, whether its body may come."""

    @property
    def agreed(self) -> bool:
        return bool(self.status.startswith("100"))

    def get_environment(self) -> dict[str, Any]:
        environ = super().get_environment()
        environ["wsgi.input"] = io.BytesIO()
        environ[_ROOM] = self._take_room
        return environ

    def _take_room(self, limit: int, whose: str) -> bool:
        request = self.request
        wanted = limit if request.chunked else min(limit, request.content_length)
        request.limit = limit
        request.give_back = self.channel.server.take_room(whose, wanted)
        return request.give_back is not None

    def write(self, data: bytes) -> None:
        """Write an answer that refuses; one that agrees is the channel's to write."""
        if not self.agreed:
            if not self.wrote_header:
                self.set_close_on_finish()
            super().write(data)

    def finish(self) -> None:
        """End an answer that refuses."""
        if not self.agreed:
            super().finish()


class Connection(HTTPChannel):  # type: ignore[misc]
    """A client's connection, on the loop of a server; the loop's thread reads and writes."""

    parser_class = Request
    server: ConnectionOwner
    request: Request | None  # the one that comes in

    def __init__(
        self, server: ConnectionOwner, sock: socket.socket, addr: Any, adj: Any, whose: str
    ):
        self.whose = whose
        self.is_ended = False  # for the sake of another one
        self.asking = False  # the application, whether a body may come
        self.moved = self.waiting_since = time.monotonic()  # bytes; for a request
        self.lingering_since: float | None = None
        self.task_class: Callable[[Connection, Request], _Task] = _Task  # of the next request
        super().__init__(server, sock, addr, adj, map={})

    # What it waits for

    @property
    def busy(self) -> bool:
        """Whether an answer is being made."""
        return bool(self.requests) or self.asking

    def readable(self) -> bool:
        """Say whether bytes are wanted from the client."""
        if self.lingering_since is not None:
            return True
        held = self.request is not None and self.request.held is not None
        return not (self.asking or held) and bool(super().readable())

    def writable(self) -> bool:
        """Say whether there is something to write."""
        return self.lingering_since is None and bool(super().writable())

    def is_late(self, now: float) -> bool:
        """Say whether the client has had its time."""
        limits = self.server.limits
        if self.lingering_since is not None:
            return now > min(self.lingering_since + _LINGER, self.moved + _LINGER_SILENT)
        if self.total_outbufs_len:
            return now > self.moved + limits.stalled
        if self.busy:
            return False
        if self.request is not None:
            return bool(self.request.is_late(now, limits))
        return now > self.waiting_since + limits.idle

    def is_over(self, now: float, since: float, grace: float) -> bool:
        """Say whether a server that stops, `since` then, need not wait for it."""
        made = self.busy and not self.total_outbufs_len  # which takes its time
        return not made and now > max(self.moved, since) + grace

    def dispensable(self) -> tuple[int, float] | None:
        """Return in which order connections are closed for others; None for none to be closed."""
        if self.lingering_since is not None:
            return 0, self.lingering_since
        if self.busy:
            return None
        let_in = self.request is not None and self.request.give_back is not None
        moves = self.total_outbufs_len or let_in
        return (2, self.moved) if moves else (1, self.waiting_since)

    # Bytes in and out

    def handle_read(self) -> None:
        """Read what has come, if anything has.

        While a process is started it has all sockets, those just closed too, of which the system
        tells on; what it tells is then taken for that of a new connection with the same number.
        """
        lingers = self.lingering_since is not None
        try:
            data = self.recv(_PIECE if lingers else self.adj.recv_bytes)
        except BlockingIOError:
            return
        except OSError:
            self.handle_close()
            return
        self.moved = time.monotonic()
        if not data:
            self.connected = False
        elif not lingers:
            self.received(data)

    def received(self, data: bytes) -> bool:
        """Take in bytes of requests."""
        took = bool(super().received(data))
        self._ask_when_due()
        return took

    def write_soon(self, data: Any) -> int:
        """Send bytes of an answer or a file; wait where the client reads too slowly."""
        if not self.total_outbufs_len:
            self.moved = time.monotonic()
        n: int = super().write_soon(data)
        if self.total_outbufs_len or self.will_close:
            self.server.changed(self)
        return n

    def _flush_some(self, do_close: bool = True) -> bool:
        sent = bool(super()._flush_some(do_close=do_close))
        if sent:
            self.moved = time.monotonic()
        return sent

    def handle_write(self) -> None:
        """Write what is there; after a last answer let the client read it before closing."""
        if self.asking:  # a thread may be writing an answer that refuses
            self._flush_exception(self._flush_some_if_lockable)
            return
        if not self.close_when_flushed or self.will_close:
            super().handle_write()
            return
        self._flush_exception(self._flush_some)
        if self.will_close:
            self.handle_close()
        elif self.connected and not self.total_outbufs_len:
            self._linger()

    def _linger(self) -> None:
        """End the answer, and read on: closed with bytes unread, TCP would take the answer back."""
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.handle_close()
            return
        self.close_when_flushed = False
        self.lingering_since = self.moved = time.monotonic()

    def del_channel(self, map: Any = None) -> None:  # noqa: A002 - as waitress has it
        """Leave the loop; called before the socket is closed."""
        descriptor = self._fileno
        super().del_channel(map)
        if descriptor is not None:
            self.server.closed(self, descriptor)

    def handle_close(self) -> None:
        """Close, with what was received of a request."""
        super().handle_close()
        if not self.busy and self.request is not None:
            self.request.close()
            self.request = None

    # What others answer

    def environ(self) -> dict[str, Any]:
        """Return the WSGI environment of the next request."""
        return _Task(self, self.requests[0]).get_environment()

    def answer_with(self, answer: Answer) -> None:
        """Answer the next request; on the loop's thread, but where that could wait."""
        self.task_class = partial(_AnsweredTask, answer)
        if len(answer.body) > self.adj.outbuf_overflow or self.total_outbufs_len:
            self.server.submit(self.service)
            return
        try:
            self.service()
        except Exception:
            _log.exception("an answer could not be sent")
            self.will_close = True
            self.server.changed(self)

    def answer_by_application(self, added: Mapping[str, Any]) -> None:
        """Have the application answer the next request, with something added to its environment."""
        self.task_class = partial(_Task, added=added)
        self.server.submit(self.service)

    # In threads of the pool

    def service(self) -> None:
        """Make the answer to one request, or send the one that is made."""
        super().service()
        self.server.end_stream(self)
        self.waiting_since = time.monotonic()
        self._ask_when_due()
        self.server.changed(self)

    def _ask_when_due(self) -> None:
        """Ask the application whether a body may come, once the answers before are made."""
        with self.requests_lock:
            request = self.request
            if request is None or request.held is None or not self.connected:
                return
            if self.busy or self.close_when_flushed:
                return
            self.asking = True
        self.server.submit(lambda: self._ask(request))

    def _ask(self, request: Request) -> None:
        task = _HeadTask(self, request)
        try:
            task.service()
        except ClientDisconnected:
            self.will_close = True
        except Exception:
            _log.exception("no answer to the head of %s", request.path)
            self.will_close = True
        if task.agreed and self.connected and not self.will_close:
            self._let_in(request)
        else:
            with self.requests_lock:
                self.request = None
                self.close_when_flushed = True
            request.close()
        self.asking = False
        if not self.connected:  # closed meanwhile
            request.close()
        self.server.changed(self)

    def _let_in(self, request: Request) -> None:
        """Receive the body from now on, what has come of it first."""
        held, request.held, request.since = request.held, None, time.monotonic()
        if request.wants_continue:
            self.send_continue()
        if held:
            super().received(held)
