"""A connection over asyncio, with the same methods as `bookend.connection`."""

from __future__ import annotations

import asyncio
import socket
import ssl as tls
import time
from types import TracebackType
from typing import AsyncIterator, Callable, Collection, List, Optional, Type, Union, cast

from .action import Role
from .endpoint import Endpoint, Sendable
from .fault import Fault
from .hello import Hello
from .history import NOW, Page, Query
from .limits import Limits
from .message import AnyMessage, Cancel, Error, Message, Post, Reply
from .text import Payload

_LINGER = 2.0  # seconds in which the last bytes may still be written


async def connect(
    host: str,
    port: int,
    hello: Optional[Hello] = None,
    *,
    ssl: Optional[tls.SSLContext] = None,
    limits: Limits = Limits(),
    agreed: Collection[int] = (),
    timeout: float = 10.0,
) -> Connection:
    """Connects to a server and exchanges HELLOs. Raises OSError or Fault."""
    wire = _Wire(Endpoint(Role.CLIENT, hello, limits, agreed))
    loop = asyncio.get_running_loop()
    try:
        await asyncio.wait_for(loop.create_connection(lambda: wire, host, port, ssl=ssl), timeout)
    except asyncio.TimeoutError:
        raise TimeoutError(f"{host}:{port} did not answer within {timeout:g} s") from None
    return await _handshake(wire)


async def from_socket(
    stream: socket.socket,
    role: Role,
    hello: Optional[Hello] = None,
    *,
    limits: Limits = Limits(),
    agreed: Collection[int] = (),
) -> Connection:
    """Takes ownership of a connected socket and exchanges HELLOs. Raises Fault."""
    wire = _Wire(Endpoint(role, hello, limits, agreed))
    stream.setblocking(False)
    await asyncio.get_running_loop().connect_accepted_socket(lambda: wire, stream)
    return await _handshake(wire)


class Connection:
    """One side of a connection. It sends keepalive PINGs whenever the event loop runs."""

    def __init__(self, wire: _Wire) -> None:
        """Used by `connect` and `from_socket`."""
        self._wire = wire
        self._endpoint = wire.endpoint

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

    async def send(self, message: AnyMessage) -> None:
        """Sends a message, and waits while the write buffer is full.

        Raises Refused, or the Fault that ended the connection.
        """
        self._endpoint.send(message, _now())
        await self._flush()

    async def send_text(self, text: str) -> None:
        """Sends a MESSAGE in the encoding that the peer prefers."""
        await self.send(Message(self._endpoint.payload(text)))

    async def send_binary(self, octets: bytes) -> None:
        """Sends a MESSAGE in binary."""
        await self.send(Message(octets))

    async def post(self, value: Sendable, to: int = 0) -> None:
        """Sends a POST to a member of the room, or to everyone."""
        await self.send(Post(to, self._endpoint.payload(value)))

    async def request(self, value: Sendable, timeout: Optional[float] = 30.0) -> Payload:
        """Sends a REQUEST and waits for its REPLY. If none arrives in time or the task is cancelled, sends a CANCEL.

        Raises PeerError if an ERROR answers it, TimeoutError, or the Fault that ended the connection.
        """
        id = self._endpoint.ask(value, _now())
        try:
            with self._endpoint.waiting_for_peer():
                self._wire.update()
                await self._wire.wait(lambda: self._endpoint.is_answered(id), timeout)
            return self._endpoint.answer(id)
        finally:
            self._endpoint.abandon(id, _now())
            self._wire.update()

    async def history(self, before: int = NOW, count: int = 50, timeout: Optional[float] = 30.0) -> Page:
        """The last `count` messages that the hub has kept of the room and whose seq is less than `before`.

        Raises what `request` raises: a PeerError `policy` if the hub keeps nothing.
        """
        return Page.parse(await self.request(Query(count, before).encode(), timeout))

    async def search(self, text: str, before: int = NOW, count: int = 50, timeout: Optional[float] = 30.0) -> Page:
        """The last ones of these messages that contain a text, in upper or lower case. Raises as `history` does."""
        return Page.parse(await self.request(Query(count, before, text).encode(), timeout))

    async def cancel(self, id: int) -> None:
        """Sends a CANCEL for a REQUEST that `send` sent; a REPLY or an ERROR `cancelled` still arrives.

        Raises Refused `no-such-request` if the REQUEST is not unanswered, or the Fault that ended the connection.
        """
        await self.send(Cancel(id))

    async def reply(self, id: int, value: Sendable) -> None:
        """Answers the REQUEST with this id. Does nothing if the peer has cancelled it and `receive` has not said so yet."""
        await self._answer(Reply(id, self._endpoint.payload(value)))

    async def refuse(self, fault: Fault) -> None:
        """Answers the message that `receive` returned last with an ERROR, unless it is a REQUEST that was cancelled."""
        await self._answer(self._endpoint.refusal(fault))

    async def barrier(self, timeout: Optional[float] = 30.0) -> None:
        """Waits until the peer has acted on everything sent so far. Raises TimeoutError or Fault."""
        token = self._endpoint.ping(_now())
        with self._endpoint.waiting_for_peer():
            self._wire.update()
            await self._wire.wait(lambda: self._endpoint.has_pong(token), timeout)
        self._endpoint.pong(token)

    async def receive(self, timeout: Optional[float] = None) -> Optional[AnyMessage]:
        """The next message, or None once the connection is closed normally.

        Raises TimeoutError after `timeout` seconds, or the Fault that ended the connection.
        Cancelling the task loses no message.
        """
        self._endpoint.acknowledge()
        self._wire.update()
        await self._wire.wait(lambda: self._endpoint.has_messages, timeout)
        message = self._endpoint.take()
        if message is not None:
            self._wire.update()
        elif self._endpoint.session.is_done:
            self._endpoint.check_end()
        else:
            raise TimeoutError("no message")
        return message

    async def messages(self) -> AsyncIterator[AnyMessage]:
        """All messages until the connection is closed normally. Otherwise raises the Fault that ended it."""
        message = await self.receive()
        while message is not None:
            yield message
            message = await self.receive()

    async def close(self, code: int = 1000, reason: Optional[str] = None) -> None:
        """Sends CLOSE and reads until the peer closes too; messages that still arrive are discarded."""
        await self._wire.wait(lambda: self._wire.is_writable, None)
        self._endpoint.close(code, reason, _now())
        self._wire.update()
        await self._wire.wait(lambda: self._wire.is_lost, None)

    async def _answer(self, message: Union[Reply, Error]) -> None:
        self._endpoint.reply(message, _now())
        await self._flush()

    async def _flush(self) -> None:
        """Writes everything queued, and waits while the write buffer is full. Raises the Fault that ended the connection."""
        self._wire.update()
        await self._wire.wait(lambda: self._wire.is_writable, None)
        self._endpoint.check()

    async def __aenter__(self) -> Connection:
        return self

    async def __aexit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        await self.close(1000 if kind is None else 1001)


class _Wire(asyncio.Protocol):
    """Carries bytes and time between a transport and an endpoint, and wakes waiting tasks."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.is_writable = True
        self.is_lost = False
        self._loop = asyncio.get_running_loop()
        self._transport: Optional[asyncio.Transport] = None
        self._paused: Optional[int] = None  # when reading was paused
        self._is_shut = False  # the sending direction
        self._is_closing = False
        self._timer: Optional[asyncio.TimerHandle] = None
        self._stall_timer: Optional[asyncio.TimerHandle] = None
        self._waiters: List[asyncio.Future[None]] = []

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.endpoint.start(_now())
        self.update()

    def data_received(self, octets: bytes) -> None:
        self.endpoint.receive(octets, _now(), not self.is_writable)
        self.update()

    def eof_received(self) -> bool:
        self.endpoint.end_of_stream(_now())
        self.update()
        return self._transport is not None and self._transport.can_write_eof()

    def connection_lost(self, error: Optional[Exception]) -> None:
        self.is_lost = True
        self.endpoint.end_of_stream(_now(), str(error or ""))
        for timer in (self._timer, self._stall_timer):
            if timer is not None:
                timer.cancel()
        self.resume_writing()

    def pause_writing(self) -> None:
        self.is_writable = False
        self._watch_writing(self._unwritten())

    def resume_writing(self) -> None:
        self.is_writable = True
        if self._stall_timer is not None:
            self._stall_timer.cancel()
        self.endpoint.written(_now(), False)
        self.update()

    # For the connection

    def update(self) -> None:
        """Applies the endpoint's state to the transport, the timer and the waiting tasks."""
        endpoint, transport = self.endpoint, self._transport
        if transport is not None and not self.is_lost and not self._is_closing:
            if endpoint.outgoing:
                transport.write(bytes(endpoint.outgoing))
                endpoint.outgoing.clear()
            if endpoint.half_closes and not self._is_shut and transport.can_write_eof():
                self._is_shut = True
                transport.write_eof()
            if endpoint.session.is_done:
                self._close(transport)
            else:
                self._pause_or_resume(transport)
                self._set_timer()
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def wait(self, condition: Callable[[], bool], timeout: Optional[float]) -> None:
        """Waits until the condition holds, the connection is lost or the timeout expires."""
        end = None if timeout is None else self._loop.time() + timeout
        while not condition() and not self.is_lost:
            waiter: asyncio.Future[None] = self._loop.create_future()
            self._waiters.append(waiter)
            try:
                await asyncio.wait_for(waiter, None if end is None else end - self._loop.time())
            except asyncio.TimeoutError:
                return
            finally:
                self._waiters.remove(waiter)

    def abort(self) -> None:
        """Closes the transport at once."""
        if self._transport is not None:
            self._transport.abort()

    def _close(self, transport: asyncio.Transport) -> None:
        self._is_closing = True
        if self._timer is not None:
            self._timer.cancel()
        transport.close()
        # Unwritten bytes get this long, then they are lost.
        self._timer = self._loop.call_later(_LINGER, transport.abort)

    def _pause_or_resume(self, transport: asyncio.Transport) -> None:
        if self.endpoint.wants_bytes:
            if self._paused is not None:
                self.endpoint.session.excuse(_now() - self._paused)
                self._paused = None
                transport.resume_reading()
        elif self._paused is None:
            self._paused = _now()
            transport.pause_reading()

    def _set_timer(self) -> None:
        due = self.endpoint.session.deadline()
        if due is None:
            return
        # A timer that fires too early sets itself again: cheaper than moving it for each message.
        at = self._loop.time() + max(0, due - _now()) / 1000
        if self._timer is None or self._timer.cancelled() or self._timer.when() > at:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_at(at, self._tick)

    def _tick(self) -> None:
        self._timer = None
        now = _now()
        if self._paused is not None:
            self.endpoint.session.excuse(now - self._paused)
            self._paused = now
        self.endpoint.tick(now)
        self.update()

    def _watch_writing(self, before: int) -> None:
        self._stall_timer = self._loop.call_later(self.endpoint.limits.stall / 1000, self._check_writing, before)

    def _check_writing(self, before: int) -> None:
        unwritten = self._unwritten()
        if unwritten < before:
            self.endpoint.written(_now(), True)
            self._watch_writing(unwritten)
        else:
            self.endpoint.stalled()
            self.abort()

    def _unwritten(self) -> int:
        return 0 if self._transport is None else self._transport.get_write_buffer_size()


async def _handshake(wire: _Wire) -> Connection:
    try:
        await wire.wait(lambda: wire.endpoint.session.peer is not None, None)
        if wire.endpoint.session.peer is None:
            wire.endpoint.check()
    except BaseException:
        wire.abort()
        raise
    return Connection(wire)


def _now() -> int:
    return time.monotonic_ns() // 1_000_000
