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
    """The fourth byte of a header: the encoding of a payload's text."""

    BINARY = 0
    ASCII = 1
    UTF_8 = 2
    UTF_16BE = 3
    UTF_16LE = 4


LAST_ENCODING = max(Encoding).value


class Frame(NamedTuple):
    """One unit on the wire."""

    kind: int
    encoding: Encoding
    body: bytes


class Header(NamedTuple):
    """The first eight bytes of a frame, checked."""

    kind: int
    encoding: Encoding
    length: int  # bytes of body


def encode(frame: Frame) -> bytes:
    """The bytes of a frame."""
    if len(frame.body) > MAX_LENGTH:
        raise Fault("too-long", f"{len(frame.body)} bytes")
    return b"".join((START, bytes((frame.kind, frame.encoding)), len(frame.body).to_bytes(4, "big"), frame.body, END))


class Decoder:
    """Turns bytes into frames, however the stream is cut.

    `feed` the bytes read, then call `next` until it returns None.
    Memory grows with what has arrived, never with what a length claims. A fault is sticky:
    every later call of `next` raises it again, because no frame can be found after it.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit  # bytes of body, the limit in force; it may change between frames
        self._buffer = bytearray()
        self._start = 0  # offset of the buffer's first byte in the stream
        self._checked = 0  # offset after the last byte that was checked
        self._fault: Optional[Fault] = None

    def feed(self, octets: bytes) -> None:
        """Adds bytes that have arrived."""
        self._buffer += octets

    def header(self) -> Optional[Header]:
        """The header of the next frame, or None while it is incomplete.

        Raises Fault: bad-start, unknown-encoding, too-long.
        """
        if self._fault is not None:
            raise self._fault.with_traceback(None)
        buffer = self._buffer
        if not START.startswith(bytes(buffer[: len(START)])):
            at = int(buffer[0] == START[0])
            raise self._fail_at("bad-start", at, wrong_start(at, buffer[at]))
        if len(buffer) >= 4 and buffer[3] > LAST_ENCODING:
            raise self._fail_at("unknown-encoding", 3, f"found {buffer[3]:02x}")
        if len(buffer) < HEADER:
            return None
        length = int.from_bytes(buffer[4:HEADER], "big")
        if length > min(self.limit, MAX_LENGTH):
            raise self._fail_at("too-long", 4, wrong_length(length, self.limit), width=4)
        return Header(buffer[2], Encoding(buffer[3]), length)

    def body(self, count: int) -> bytes:
        """The first `count` bytes of the next frame's body, as far as they have arrived.

        Not verified: END has not been seen. Only for faults that must be reported early (R4.7).
        """
        header = self.header()
        end = 0 if header is None else HEADER + min(count, header.length)
        return bytes(self._buffer[HEADER:end])

    def next(self) -> Optional[Frame]:
        """The next frame, or None while it is incomplete.

        Raises Fault: bad-start, unknown-encoding, too-long, bad-end.
        """
        header = self.header()
        if header is None:
            return None
        buffer, end = self._buffer, HEADER + header.length
        if len(buffer) <= end:
            return None
        for at, wanted in enumerate(END, end):
            if len(buffer) > at and buffer[at] != wanted:
                raise self._fail_at("bad-end", at, f"found {buffer[at]:02x} after {header.length} bytes of body")
        if len(buffer) < end + len(END):
            return None
        with memoryview(buffer) as whole, whole[HEADER:end] as body:
            frame = Frame(header.kind, header.encoding, bytes(body))
        del buffer[: end + len(END)]
        self._start += end + len(END)
        self._checked = self._start
        return frame

    def fail(self, fault: Fault, checked: int) -> Fault:
        """Makes a fault sticky that the caller found in the first `checked` bytes of the next frame."""
        self._checked = self._start + checked
        self._fault = fault
        return fault

    @property
    def pending(self) -> int:
        """Bytes of the next frame that have arrived; 0 between frames."""
        return len(self._buffer)

    @property
    def unused(self) -> int:
        """Bytes that have arrived after the last one that was checked."""
        return self._start + len(self._buffer) - self._checked

    def _fail_at(self, name: str, at: int, detail: str, width: int = 1) -> Fault:
        return self.fail(Fault(name, detail, offset=self._start + at), at + width)
