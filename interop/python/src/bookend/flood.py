"""Floods: too many PINGs, too many empty frames (SPEC section 8)."""

from __future__ import annotations

from collections import deque
from typing import Deque

from .fault import Fault
from .frame import Frame
from .limits import Limits
from .message import Ping, Pong


class Flood:
    """Checks each frame of a peer by its arrival time; times are milliseconds."""

    def __init__(self, limits: Limits) -> None:
        self._pings = _Window(limits.pings, limits.ping_period)
        self._empties = _Window(limits.empties, limits.empty_period)

    def check(self, frame: Frame, now: int) -> None:
        """Raises Fault ping-flood or empty-flood."""
        if frame.kind == Ping.kind:
            if not self._pings.admits(now):
                raise Fault("ping-flood", f"more than {self._pings}")
        elif frame.kind != Pong.kind:
            self._pings.clear()
        if not frame.body and not self._empties.admits(now):
            raise Fault("empty-flood", f"more than {self._empties}")

    def excuse(self, duration: int) -> None:
        """Allows for a time in which the driver did not read: the frames that queued up arrive at once."""
        self._pings.excuse(duration)
        self._empties.excuse(duration)


class _Window:
    """Admits `count` events in any `period`."""

    def __init__(self, count: int, period: int) -> None:
        self._count = count
        self._period = period
        self._times: Deque[int] = deque(maxlen=count)
        self._spare = 0  # extra events, which may have waited unread

    def __str__(self) -> str:
        return f"{self._count} in {self._period} ms"

    def admits(self, now: int) -> bool:
        if len(self._times) == self._count and now - self._times[0] < self._period:
            if not self._spare:
                return False
            self._spare -= 1
        self._times.append(now)
        return True

    def clear(self) -> None:
        self._times.clear()

    def excuse(self, duration: int) -> None:
        self._spare += duration * self._count // self._period
