"""A session on a stream (asyncio): bytes, timers, the end of the stream, and what waits while the peer does not read."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

from . import frame, hello, message
from .fault import Fault
from .message import Message
from .session import LINGER, MOST_DISCARDED, Session

URGENT = (message.ERROR, message.PING, message.PONG, message.CLOSE)
HIGH_WATER = 65536
MOST_WAITING = 8 << 20  # bytes; a peer that lets more wait is closed with `slow-consumer`


class Application(Protocol):
    """What a connection tells its owner."""

    def opened(self, connection: Connection) -> None: ...
    def received(self, connection: Connection, got: Message) -> None: ...
    def heard(self, connection: Connection) -> None: ...
    def drained(self, connection: Connection) -> None: ...
    def ended(self, connection: Connection, cause: str) -> None: ...


class Connection(asyncio.Protocol):
    """Owns the stream of one peer."""

    def __init__(self, role: str, own: hello.Hello, application: Application) -> None:
        self.role = role
        self.own = own
        self.application = application
        self.loop = asyncio.get_running_loop()
        self.urgent: deque[bytes] = deque()
        self.queue: deque[bytes] = deque()
        self.queued = 0  # bytes in both
        self.paused = False
        self.closing = False  # a CLOSE has been written or waits
        self.stream_ended = False
        self.discarded = 0
        self.timer: asyncio.TimerHandle | None = None
        self.linger: asyncio.TimerHandle | None = None
        self.over = False

    def now(self) -> int:
        """The time in ms."""
        return int(self.loop.time() * 1000)

    @property
    def peer(self) -> hello.Hello:
        """The peer's HELLO, once the session is open."""
        return self.session.peer

    @property
    def waiting(self) -> int:
        """Bytes that wait to be sent."""
        return self.transport.get_write_buffer_size() + self.queued

    # -- what the event loop calls

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        transport.set_write_buffer_limits(high=HIGH_WATER)
        self.session = Session(self.role, self.own, self.now())
        self.session.after_step = self._act
        self._act()

    def data_received(self, data: bytes) -> None:
        if self.over:
            self.discarded += len(data)
            if self.discarded >= MOST_DISCARDED:
                self.transport.close()
            return
        self.session.receive(data, self.now())
        self._act()
        self.application.heard(self)

    def eof_received(self) -> bool:
        self.stream_ended = True
        self.session.end_of_stream(self.now())
        self._act()
        if self.over:
            self.transport.close()
        return True

    def connection_lost(self, error: Exception | None) -> None:
        for timer in (self.timer, self.linger):
            if timer:
                timer.cancel()
        if not self.over:
            self.over = True
            self.application.ended(self, "no-close")

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        while not self.paused and (self.urgent or self.queue):
            data = (self.urgent or self.queue).popleft()
            self.queued -= len(data)
            self.transport.write(data)
        if self.closing and not self.urgent:
            self.transport.write_eof()
        elif not self.paused:
            self.application.drained(self)

    # -- what the application calls

    def send(self, kind: int, encoding: int, payload: bytes = b"", **fields: int | str) -> bool:
        """Sends a message if the session permits it."""
        try:
            body = message.build(kind, encoding, payload, **fields)
            data = self.session.send(kind, encoding, body, self.now())
        except Fault:
            return False
        self._push(data)
        return True

    def close(self, code: int, detail: str = "") -> None:
        """Sends a CLOSE."""
        self.session.close(code, self.now(), detail)
        self._act()

    def fault(self, name: str) -> None:
        """Ends the session with the fault of this name."""
        if self.session.state == "open":
            self.session.fault(Fault(name), self.now())
            self._act()

    def ping(self) -> None:
        """Sends a PING."""
        self.session.ping(self.now())
        self._act()

    def hold_pongs(self) -> None:
        """PONGs wait until `release_pongs`."""
        self.session.holds += 1

    def release_pongs(self) -> None:
        """Ends a hold."""
        self.session.release()
        self._act()

    # --

    def _act(self) -> None:
        for event in self.session.take():
            if event.what == "frame":
                self._push(event.data)
            elif event.what == "got":
                self.application.received(self, event.message)
            elif event.what == "open":
                self.application.opened(self)
            else:
                self._finish(event.word)
        self._schedule()

    def _push(self, data: bytes) -> None:
        if self.closing or self.transport.is_closing():
            return
        kind = data[2]
        self.closing = kind == message.CLOSE
        if not self.paused:
            self.transport.write(data)
        elif kind in URGENT:
            if kind == message.PONG:
                self.urgent = deque(one for one in self.urgent if one[2] != message.PONG)
            self.urgent.append(data)
            self.queued += len(data)
        else:
            self.queue.append(data)
            self.queued += len(data)
        if self.closing:
            self.queue.clear()
            if not self.urgent:
                self.transport.write_eof()
            self.linger = self.loop.call_later(LINGER / 1000, self.transport.abort)
        elif self.paused and self.waiting > MOST_WAITING:
            self.fault("slow-consumer")

    def _finish(self, cause: str) -> None:
        self.over = True
        if self.stream_ended or not cause.startswith("peer-"):
            self.transport.close()
        self.application.ended(self, cause)

    def _schedule(self) -> None:
        if self.timer:
            self.timer.cancel()
        due = None if self.over else self.session.deadline()
        if due is not None:
            self.timer = self.loop.call_at((due + 1) / 1000, self._tick)

    def _tick(self) -> None:
        self.session.tick(self.now())
        self._act()
