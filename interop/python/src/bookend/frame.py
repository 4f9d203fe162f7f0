"""Frames: bytes in, frames out (SPEC section 2)."""

from __future__ import annotations

import enum
from typing import NamedTuple, Optional

from .diagnosis import wrong_length, wrong_start
from .fault import Fault

START = b"\xf5\xf8"
END = b"\xf8\xf5"
HEADER = 8  # bytes
MAX_LENGTH = (1 << 31) - 1  # bytes of body, whatever the limit in force (R2.6)


class Encoding(enum.IntEnum):
    """The fourth byte of a header: how a payload's text is encoded."""

    BINARY = 0
    ASCII = 1
    UTF_8 = 2
    UTF_16BE = 3
    UTF_16LE = 4


class Frame(NamedTuple):
    """One unit on the wire."""

    kind: int
    encoding: Encoding
    body: bytes


class Header(NamedTuple):
    """The first eight bytes of a frame, judged."""

    kind: int
    encoding: Encoding
    length: int  # bytes of body


def encode(frame: Frame) -> bytes:
    """The bytes of a frame."""
    if len(frame.body) > MAX_LENGTH:
        raise Fault("too-long", f"{len(frame.body)} bytes")
    return b"".join((START, bytes((frame.kind, frame.encoding)), len(frame.body).to_bytes(4, "big"), frame.body, END))


class Decoder:
    """Turns bytes into frames, however they were cut.

    `feed` what was read, then call `next` until it returns None.
    Memory follows what has arrived, never what a length claims. A fault is sticky:
    `next` raises it again and again, because nothing behind it is a frame.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit  # bytes of body, the limit in force; it may change between frames
        self._buffer = bytearray()
        self._start = 0  # offset of the buffer's first byte in the stream
        self._judged = 0  # offset behind the last byte that decided anything
        self._fault: Optional[Fault] = None

    def feed(self, octets: bytes) -> None:
        """Adds bytes that have arrived."""
        self._buffer += octets

    def header(self) -> Optional[Header]:
        """The header of the frame that comes next, or None while it is not complete.

        Raises Fault: bad-start, unknown-encoding, too-long.
        """
        if self._fault is not None:
            raise self._fault.with_traceback(None)
        buffer = self._buffer
        for at, wanted in enumerate(START):
            if len(buffer) > at and buffer[at] != wanted:
                raise self._fail("bad-start", at, wrong_start(at, buffer[at]))
        if len(buffer) >= 4 and buffer[3] > max(Encoding):
            raise self._fail("unknown-encoding", 3, f"found {buffer[3]:02x}")
        if len(buffer) < HEADER:
            return None
        length = int.from_bytes(buffer[4:HEADER], "big")
        if length > min(self.limit, MAX_LENGTH):
            raise self._fail("too-long", 4, wrong_length(length, self.limit), width=4)
        return Header(buffer[2], Encoding(buffer[3]), length)

    def body(self, count: int) -> bytes:
        """The first `count` bytes of body of the frame that comes next, as far as they have arrived.

        Not verified: END has not been seen. Only for faults that must be named early (R4.7).
        """
        header = self.header()
        end = 0 if header is None else HEADER + min(count, header.length)
        return bytes(self._buffer[HEADER:end])

    def next(self) -> Optional[Frame]:
        """The next frame, or None while it is not complete.

        Raises Fault: bad-start, unknown-encoding, too-long, bad-end.
        """
        header = self.header()
        if header is None:
            return None
        buffer, behind = self._buffer, HEADER + header.length
        for at, wanted in enumerate(END, behind):
            if len(buffer) > at and buffer[at] != wanted:
                raise self._fail("bad-end", at, f"found {buffer[at]:02x} behind {header.length} bytes of body")
        if len(buffer) < behind + len(END):
            return None
        with memoryview(buffer) as whole, whole[HEADER:behind] as body:
            frame = Frame(header.kind, header.encoding, bytes(body))
        del buffer[: behind + len(END)]
        self._start += behind + len(END)
        self._judged = self._start
        return frame

    def abandon(self, fault: Fault, judged: int) -> Fault:
        """Makes a fault sticky that the caller found in the first `judged` bytes of the next frame."""
        self._judged = self._start + judged
        self._fault = fault
        return fault

    @property
    def pending(self) -> int:
        """How many bytes of the next frame have arrived; 0 between frames."""
        return len(self._buffer)

    @property
    def unused(self) -> int:
        """How many bytes have arrived behind the last one that decided anything."""
        return self._start + len(self._buffer) - self._judged

    def _fail(self, name: str, at: int, detail: str, width: int = 1) -> Fault:
        return self.abandon(Fault(name, detail, offset=self._start + at), at + width)
