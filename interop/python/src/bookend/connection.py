"""A connection over a blocking socket, for programs without an event loop."""

from __future__ import annotations

import selectors
import socket
import time
from types import TracebackType
from typing import Callable, Collection, Iterator, Optional, Type, Union

from .action import Role
from .endpoint import Endpoint, Sendable
from .fault import Fault, Refused
from .hello import Hello
from .history import NOW, Page, Query
from .limits import Limits
from .message import AnyMessage, Cancel, Error, Message, Post, Reply
from .text import Payload

_READ_SIZE = 1 << 16  # bytes
_WRITE_RETRY = 0.05  # seconds until unwritten bytes are tried again


def connect(
    host: str,
    port: int,
    hello: Optional[Hello] = None,
    *,
    limits: Limits = Limits(),
    agreed: Collection[int] = (),
    timeout: float = 10.0,
) -> Connection:
    """Connects to a server and exchanges HELLOs. Raises OSError or Fault."""
    return from_socket(socket.create_connection((host, port), timeout), Role.CLIENT, hello, limits=limits, agreed=agreed)


def from_socket(
    stream: socket.socket,
    role: Role,
    hello: Optional[Hello] = None,
    *,
    limits: Limits = Limits(),
    agreed: Collection[int] = (),
) -> Connection:
    """Takes ownership of a connected socket and exchanges HELLOs. Raises Fault."""
    return Connection(stream, Endpoint(role, hello, limits, agreed))


class Connection:
    """One side of a connection, for one thread at a time.

    It reads while it writes, and sends keepalive PINGs whenever one of its methods waits.
    A program that calls no method for longer than its keepalive announces keepalive=0 in its HELLO.
    """

    def __init__(self, stream: socket.socket, endpoint: Endpoint) -> None:
        """Used by `connect` and `from_socket`."""
        self._stream = stream
        self._stream.setblocking(False)
        self._endpoint = endpoint
        self._selector = selectors.DefaultSelector()
        self._selector.register(stream, selectors.EVENT_READ)
        self._is_shut = False  # the sending direction
        self._is_broken = False  # writing has failed
        self._blocked: Optional[int] = None  # when writing began to block
        self._left = _now()  # when the last method returned
        self._is_polled = False  # since then the caller waits for bytes
        self._endpoint.start(self._left)
        try:
            self._wait(lambda: self._endpoint.session.peer is not None, None)
            if self._endpoint.session.peer is None:
                self._endpoint.check()
        except BaseException:
            self._release()
            raise

    @property
    def peer(self) -> Hello:
        """The other side's HELLO."""
        peer = self._endpoint.session.peer
        assert peer is not None, "a Connection exists only after the peer's HELLO"
        return peer

    @property
    def has_hub(self) -> bool:
        """Whether both sides speak the hub profile."""
        return self._endpoint.session.has_hub

    def fileno(self) -> int:
        """For a selector: when it is readable, call `receive(timeout=0)`."""
        return self._stream.fileno()

    def poll_timeout(self) -> Optional[float]:
        """Seconds after which `receive(timeout=0)` must be called even if nothing arrives; None: never.

        Until then the caller waits for bytes, and calls it as soon as there are any.
        """
        self._is_polled = True
        due = self._endpoint.session.deadline()
        waits = [] if due is None else [max(0, due - _now()) / 1000]
        if self._endpoint.outgoing:
            waits.append(_WRITE_RETRY)
        return min(waits, default=None)

    def send(self, message: AnyMessage) -> None:
        """Sends a message. Raises Refused, or the Fault that ended the connection."""
        self._endpoint.send(message, _now())
        self._flush()

    def send_text(self, text: str) -> None:
        """Sends a MESSAGE in the encoding that the peer prefers."""
        self.send(Message(self._endpoint.payload(text)))

    def send_binary(self, octets: bytes) -> None:
        """Sends a MESSAGE in binary."""
        self.send(Message(octets))

    def post(self, value: Sendable, to: int = 0) -> None:
        """Sends a POST to a member of the room, or to everyone."""
        self.send(Post(to, self._endpoint.payload(value)))

    def request(self, value: Sendable, timeout: Optional[float] = 30.0) -> Payload:
        """Sends a REQUEST and waits for its REPLY. If none arrives in time, sends a CANCEL.

        Raises PeerError if an ERROR answers it, TimeoutError, or the Fault that ended the connection.
        """
        id = self._endpoint.ask(value, _now())
        try:
            with self._endpoint.waiting_for_peer():
                self._flush()
                self._wait(lambda: self._endpoint.is_answered(id), timeout)
            return self._endpoint.answer(id)
        finally:
            self._endpoint.abandon(id, _now())
            self._write()

    def history(self, before: int = NOW, count: int = 50, timeout: Optional[float] = 30.0) -> Page:
        """The last `count` messages that the hub has kept of the room and whose seq is less than `before`.

        Raises what `request` raises: a PeerError `policy` if the hub keeps nothing.
        """
        return Page.parse(self.request(Query(count, before).encode(), timeout))

    def search(self, text: str, before: int = NOW, count: int = 50, timeout: Optional[float] = 30.0) -> Page:
        """The last ones of these messages that contain a text, in upper or lower case. Raises as `history` does."""
        return Page.parse(self.request(Query(count, before, text).encode(), timeout))

    def cancel(self, id: int) -> None:
        """Sends a CANCEL for a REQUEST that `send` sent; a REPLY or an ERROR `cancelled` still arrives.

        Raises Refused `no-such-request` if the REQUEST is not unanswered, or the Fault that ended the connection.
        """
        self.send(Cancel(id))

    def reply(self, id: int, value: Sendable) -> None:
        """Answers the REQUEST with this id. Does nothing if the peer has cancelled it and `receive` has not said so yet."""
        self._answer(Reply(id, self._endpoint.payload(value)))

    def refuse(self, fault: Fault) -> None:
        """Answers the message that `receive` returned last with an ERROR, unless it is a REQUEST that was cancelled."""
        self._answer(self._endpoint.refusal(fault))

    def barrier(self, timeout: Optional[float] = 30.0) -> None:
        """Waits until the peer has acted on everything sent so far. Raises TimeoutError or Fault."""
        token = self._endpoint.ping(_now())
        with self._endpoint.waiting_for_peer():
            self._flush()
            self._wait(lambda: self._endpoint.has_pong(token), timeout)
        self._endpoint.pong(token)

    def until_pong(self, timeout: Optional[float] = 30.0) -> Iterator[AnyMessage]:
        """A barrier that yields the messages which arrive meanwhile. Raises TimeoutError or Fault."""
        token = self._endpoint.ping(_now())
        self._flush()
        until = _until(timeout)
        while self._endpoint.has_messages or not self._endpoint.has_pong(token):
            message = self._endpoint.take()
            if message is not None:
                yield message
            elif until is not None and until <= _now():
                break
            else:
                self._endpoint.acknowledge()
                self._turn(until)
        self._endpoint.pong(token)

    def receive(self, timeout: Optional[float] = None) -> Optional[AnyMessage]:
        """The next message, or None once the connection is closed normally.

        Raises TimeoutError after `timeout` seconds, or the Fault that ended the connection.
        """
        until = _until(timeout)
        is_late = False
        self._endpoint.acknowledge()
        self._write()
        while not self._endpoint.has_messages and not self._endpoint.session.is_done:
            if is_late:
                raise TimeoutError("no message")
            self._turn(until)
            is_late = until is not None and until <= _now()
        message = self._endpoint.take()
        if message is None:
            self._endpoint.check_end()
        return message

    def messages(self) -> Iterator[AnyMessage]:
        """All messages until the connection is closed normally. Otherwise raises the Fault that ended it."""
        message = self.receive()
        while message is not None:
            yield message
            message = self.receive()

    def close(self, code: int = 1000, reason: Optional[str] = None) -> None:
        """Sends CLOSE and reads until the peer closes too; messages that still arrive are discarded."""
        self._endpoint.close(code, reason, _now())
        self._wait(lambda: self._endpoint.session.is_done, None)

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close(1000 if kind is None else 1001)

    def _answer(self, message: Union[Reply, Error]) -> None:
        self._endpoint.reply(message, _now())
        self._flush()

    def _flush(self) -> None:
        """Writes everything queued, reading meanwhile. Raises the Fault that ended the connection."""
        self._write()
        while (self._endpoint.outgoing or self._is_broken) and not self._endpoint.session.is_done:
            self._turn(None)
        self._endpoint.check()

    def _wait(self, condition: Callable[[], bool], timeout: Optional[float]) -> None:
        """Reads and writes until the condition holds, the session is done or the timeout expires."""
        until = _until(timeout)
        while not condition() and not self._endpoint.session.is_done and (until is None or _now() < until):
            if self._endpoint.inbox_is_full and not self._endpoint.outgoing:
                raise Refused("try-later", "too many messages are waiting: call receive first")
            self._turn(until)

    def _turn(self, until: Optional[int]) -> None:
        """Waits for the stream or the next deadline, then reads, writes and does what is due."""
        endpoint, now = self._endpoint, _now()
        reads = endpoint.wants_bytes or self._is_broken
        if not reads or self._is_readable() and not self._is_polled:
            endpoint.session.excuse(now - self._left)  # waiting bytes may have arrived at any time since then
        events = (selectors.EVENT_READ if reads else 0) | (selectors.EVENT_WRITE if endpoint.outgoing else 0)
        stall = None if self._blocked is None else self._blocked + self._endpoint.limits.stall
        times = [time for time in (until, endpoint.session.deadline(), stall) if time is not None]
        self._selector.modify(self._stream, events)
        for _, ready in self._selector.select(max(0, min(times) - now) / 1000 if times else None):
            if ready & selectors.EVENT_READ:
                self._read()
        if not reads:
            endpoint.session.excuse(_now() - now)
        endpoint.tick(_now())
        self._write()
        self._left = _now()
        self._is_polled = False
        if self._blocked is not None and self._left >= self._blocked + self._endpoint.limits.stall:
            endpoint.stalled()
        if endpoint.session.is_done:
            self._release()

    def _is_readable(self) -> bool:
        """Whether the socket has bytes to read."""
        self._selector.modify(self._stream, selectors.EVENT_READ)
        return bool(self._selector.select(0))

    def _read(self) -> None:
        try:
            octets = self._stream.recv(_READ_SIZE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._endpoint.end_of_stream(_now(), str(error))
            return
        if octets:
            self._endpoint.receive(octets, _now(), bool(self._endpoint.outgoing))
        else:
            self._endpoint.end_of_stream(_now())

    def _write(self) -> None:
        outgoing = self._endpoint.outgoing
        try:
            while outgoing and not self._is_broken:
                with memoryview(outgoing) as view:
                    count = self._stream.send(view)
                del outgoing[:count]
                self._blocked = None
                self._endpoint.written(_now(), bool(outgoing))
        except (BlockingIOError, InterruptedError):
            self._blocked = self._blocked or _now()
            return
        except OSError:
            self._is_broken = True  # the peer's last bytes may still be read
        if self._is_broken:
            outgoing.clear()
        if self._endpoint.half_closes and not self._is_shut:
            self._is_shut = True
            try:
                self._stream.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # the peer has closed the connection already

    def _release(self) -> None:
        self._endpoint.outgoing.clear()
        self._selector.close()
        self._stream.close()


def _now() -> int:
    return time.monotonic_ns() // 1_000_000


def _until(timeout: Optional[float]) -> Optional[int]:
    return None if timeout is None else _now() + int(timeout * 1000)
