"""The deadlines of a session (SPEC section 7). Times are milliseconds, passed in by the caller."""

from __future__ import annotations

from typing import List, NamedTuple, Optional

from .limits import Limits

DRAIN = "drain"
PING = "ping"


class Due(NamedTuple):
    """An action or a fault, and when it is due."""

    time: int
    what: str  # DRAIN, PING or the name of a fault


class Clock:
    """Remembers when things happened and derives the deadlines from that."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._hello_due: Optional[int] = None
        self._header_due: Optional[int] = None
        self._body_due: Optional[int] = None
        self._drain_due: Optional[int] = None
        self._idle_timeout: Optional[int] = None  # longest silence of the peer
        self._ping_interval: Optional[int] = None  # longest silence of this side
        self._last_received = 0
        self._last_sent = 0

    def start(self, now: int) -> None:
        """The connection exists: the peer's HELLO is awaited."""
        self._hello_due = now + self._limits.hello

    def open(self, keepalive: int, peer_keepalive: int, now: int) -> None:
        """HELLOs are exchanged; keepalives in seconds, 0 = no promise. Both count from now (R7.1)."""
        self._hello_due = None
        self._last_sent = now
        self._ping_interval = 1_000 * keepalive if keepalive else None
        self._idle_timeout = 2_000 * peer_keepalive if peer_keepalive else None

    def close(self, now: int) -> None:
        """CLOSE was sent: only the end of the stream is awaited."""
        self._hello_due = self._header_due = self._body_due = self._idle_timeout = self._ping_interval = None
        self._drain_due = now + self._limits.drain

    def received(self, now: int) -> None:
        """Bytes have arrived."""
        self._last_received = now

    def sent(self, now: int) -> None:
        """Bytes have been written."""
        self._last_sent = now

    def frame_begins(self, now: int) -> None:
        """The first byte of a header has arrived. Repeated calls for the same header have no effect."""
        if self._header_due is None:
            self._header_due = now + self._limits.header

    def header_ends(self, length: int, now: int) -> None:
        """The header is complete. Repeated calls for the same header have no effect."""
        if self._body_due is None:
            self._body_due = now + self._limits.body + length * self._limits.body_per_kib // 1024

    def frame_ends(self) -> None:
        """The frame is complete."""
        self._header_due = self._body_due = None

    def excuse(self, duration: int) -> None:
        """Moves the peer's deadlines by a time in which the driver did not read."""
        self._last_received += duration
        self._hello_due = _later(self._hello_due, duration)
        self._header_due = _later(self._header_due, duration)
        self._body_due = _later(self._body_due, duration)

    def next_due(self) -> Optional[Due]:
        """The earliest deadline."""
        return min(self._dues(), key=lambda due: due.time, default=None)

    def overdue(self, now: int) -> Optional[Due]:
        """The earliest deadline that has passed. A fault precedes a PING, since a session that ends needs no PING."""
        dues = [due for due in self._dues() if due.time <= now]
        return min(dues, key=lambda due: (due.what == PING, due.time), default=None)

    def _dues(self) -> List[Due]:
        dues: List[Due] = []
        if self._drain_due is not None:
            dues.append(Due(self._drain_due, DRAIN))
        if self._hello_due is not None:
            dues.append(Due(self._hello_due, "hello-timeout"))
        frame_due = self._header_due if self._body_due is None else self._body_due
        if frame_due is not None:
            dues.append(Due(frame_due, "frame-timeout"))
        if self._idle_timeout is not None:
            dues.append(Due(self._last_received + self._idle_timeout, "idle"))
        if self._ping_interval is not None:
            dues.append(Due(self._last_sent + self._ping_interval, PING))
        return dues


def _later(time: Optional[int], duration: int) -> Optional[int]:
    return None if time is None else time + duration
