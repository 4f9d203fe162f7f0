"""The periods of a session (R7.1, R7.3, R7.10 to R7.12) and its floods (R8.3, R8.4). Times are in milliseconds."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from . import message, text
from .fault import Fault

if TYPE_CHECKING:
    from .session import Session

HELLO_TIME = 5000
HEADER_TIME = 5000
BODY_TIME = 5000
BODY_RATE = 1024
MOST_PINGS, PING_PERIOD = 10, 10_000
MOST_EMPTY, EMPTY_PERIOD = 1000, 1000


class Timers:
    """The part of a session that depends on the time."""

    def start_clock(self: Session, now: int) -> None:
        """Starts all periods."""
        self.clock = now
        self.started = now
        self.last_received = now
        self.last_sent = now
        self.frame_began: int | None = None
        self.header_ended: int | None = None
        self.body_length = 0
        self.closing_until = 0
        self.pings: deque[int] = deque()
        self.empty: deque[int] = deque()

    def frame_ended(self: Session) -> None:
        """A frame is complete: the next one has not begun."""
        self.frame_began = self.header_ended = None

    def frame_progress(self: Session, now: int) -> None:
        """Bytes have arrived: starts the period of a header or of a body."""
        if self.state not in ("greeting", "open") or not self.reader.buffer:
            return
        if self.frame_began is None:
            self.frame_began = now
        if self.header_ended is None and (header := self.reader.header()) is not None:
            self.header_ended = now
            self.body_length = header[2]

    def tick(self: Session, now: int) -> None:
        """Does what is due."""
        self.clock = now
        if self.state == "closing" and now >= self.closing_until:
            self._end(self.cause)
        due = [fault for fault in self._faults() if fault[0] <= now]
        ping = self._ping_due()
        if due:
            self.fault(Fault(min(due)[1]), now)
        elif ping is not None and ping <= now:
            self._write("ping", message.PING, text.BINARY, b"")

    def deadline(self: Session) -> int | None:
        """When `tick` has something to do next."""
        if self.state == "closing":
            return self.closing_until
        times = [fault[0] for fault in self._faults()]
        ping = self._ping_due()
        if ping is not None:
            times.append(ping)
        return min(times, default=None)

    def _ping_due(self: Session) -> int | None:
        """When the promise of the own HELLO is due (R7.1)."""
        if self.state != "open" or not self.own.keepalive:
            return None
        return self.last_sent + 1000 * self.own.keepalive

    def _faults(self: Session) -> list[tuple[int, str]]:
        """When each period ends, and the fault that this is."""
        if self.state == "greeting":
            return [(self.started + HELLO_TIME, "hello-timeout")]
        if self.state != "open":
            return []
        ends = []
        if self.header_ended is not None:
            ends.append((self.header_ended + BODY_TIME + 1000 * self.body_length // BODY_RATE, "frame-timeout"))
        elif self.frame_began is not None:
            ends.append((self.frame_began + HEADER_TIME, "frame-timeout"))
        if self.peer is not None and self.peer.keepalive:
            ends.append((self.last_received + 2 * 1000 * self.peer.keepalive, "idle"))
        return ends

    def count_pings(self: Session, kind: int, now: int) -> None:
        """Raises Fault `ping-flood`."""
        if kind == message.PING:
            self.pings.append(now)
            while self.pings[0] <= now - PING_PERIOD:
                self.pings.popleft()
            if len(self.pings) > MOST_PINGS:
                raise Fault("ping-flood")
        elif kind != message.PONG:
            self.pings.clear()

    def count_empty(self: Session, body: bytes, now: int) -> None:
        """Raises Fault `empty-flood`."""
        if body:
            return
        self.empty.append(now)
        while self.empty[0] <= now - EMPTY_PERIOD:
            self.empty.popleft()
        if len(self.empty) > MOST_EMPTY:
            raise Fault("empty-flood")
