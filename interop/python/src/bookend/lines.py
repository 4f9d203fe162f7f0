"""Lines of standard input, read by a thread: a selector cannot wait for a console."""

from __future__ import annotations

import threading
from collections import deque
from typing import Callable, Deque, Optional

_MAX_WAITING = 64  # lines; further input is not read yet
_READ_SIZE = 1 << 16  # bytes


class Lines:
    """Calls `read` in a thread, and `wake` from that thread when `take` has something to return.

    `read` must belong to a raw stream: the lock of a buffered one would be held while Python shuts down.
    """

    def __init__(self, read: Callable[[int], Optional[bytes]], wake: Callable[[], None]) -> None:
        self._read_bytes = read
        self._wake = wake
        self._waiting: Deque[bytes] = deque()
        self._room = threading.Semaphore(_MAX_WAITING)
        self._has_ended = False
        # A daemon, because a read from a console cannot be interrupted.
        self._thread = threading.Thread(target=self._read, daemon=True)

    def start(self) -> None:
        """Starts reading."""
        self._thread.start()

    @property
    def is_over(self) -> bool:
        """Whether the input has ended and every line was taken."""
        return self._has_ended and not self._waiting

    def take(self) -> Optional[bytes]:
        """The next line without its line break, or None if none is waiting."""
        if not self._waiting:
            return None
        self._room.release()
        return self._waiting.popleft()

    def _read(self) -> None:
        rest = b""
        octets = self._read_some()
        while octets:
            *lines, rest = (rest + octets).split(b"\n")
            for line in lines:
                self._put(line[:-1] if line.endswith(b"\r") else line)
            octets = self._read_some()
        if rest:
            self._put(rest)
        self._has_ended = True
        self._wake()

    def _read_some(self) -> bytes:
        try:
            return self._read_bytes(_READ_SIZE) or b""
        except OSError:
            return b""  # the terminal is gone

    def _put(self, line: bytes) -> None:
        self._room.acquire()
        self._waiting.append(line)
        self._wake()
