"""What is due when in a session (SPEC section 7). Times are milliseconds and come from outside."""

from __future__ import annotations

from typing import List, NamedTuple, Optional

from .limits import Limits

DRAIN = "drain"
PING = "ping"


class Due(NamedTuple):
    """Something to be done at a time."""

    time: int
    what: str  # DRAIN, PING or the name of a fault


class Clock:
    """Remembers when things happened and says what follows from it."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._hello_due: Optional[int] = None
        self._header_due: Optional[int] = None
        self._body_due: Optional[int] = None
        self._drain_due: Optional[int] = None
        self._idle: Optional[int] = None  # longest silence of the peer
        self._quiet: Optional[int] = None  # longest silence of this side
        self._heard = 0
        self._wrote = 0

    def start(self, now: int) -> None:
        """The connection stands: a HELLO must come."""
        self._hello_due = now + self._limits.hello

    def open(self, keepalive: int, peer_keepalive: int, now: int) -> None:
        """HELLOs are exchanged, keepalives in seconds; 0 = no promise. What is promised counts from now (R7.1)."""
        self._hello_due = None
        self._wrote = now
        self._quiet = 1_000 * keepalive if keepalive else None
        self._idle = 2_000 * peer_keepalive if peer_keepalive else None

    def close(self, now: int) -> None:
        """CLOSE was sent: nothing counts any more but the end of the stream."""
        self._hello_due = self._header_due = self._body_due = self._idle = self._quiet = None
        self._drain_due = now + self._limits.drain

    def hear(self, now: int) -> None:
        """Bytes have come."""
        self._heard = now

    def write(self, now: int) -> None:
        """Bytes have left."""
        self._wrote = now

    def frame_begins(self, now: int) -> None:
        """The first byte of a header is there; said again for the same header, it changes nothing."""
        if self._header_due is None:
            self._header_due = now + self._limits.header

    def header_ends(self, length: int, now: int) -> None:
        """The header is there; said again for the same header, it changes nothing."""
        if self._body_due is None:
            self._body_due = now + self._limits.body + length * self._limits.body_per_kib // 1024

    def frame_ends(self) -> None:
        """The frame is there."""
        self._header_due = self._body_due = None

    def excuse(self, duration: int) -> None:
        """The driver did not read for so long: the peer is not to blame."""
        self._heard += duration
        self._hello_due = _later(self._hello_due, duration)
        self._header_due = _later(self._header_due, duration)
        self._body_due = _later(self._body_due, duration)

    def next_due(self) -> Optional[Due]:
        """What is due first."""
        return min(self._dues(), key=lambda due: due.time, default=None)

    def overdue(self, now: int) -> Optional[Due]:
        """What is due now or was before, a fault before a PING: whoever is gone need not be asked."""
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
        if self._idle is not None:
            dues.append(Due(self._heard + self._idle, "idle"))
        if self._quiet is not None:
            dues.append(Due(self._wrote + self._quiet, PING))
        return dues


def _later(time: Optional[int], duration: int) -> Optional[int]:
    return None if time is None else time + duration
