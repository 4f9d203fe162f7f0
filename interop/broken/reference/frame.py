"""Frames (SPEC 2): writing one, and reading a stream of them."""

from __future__ import annotations

from typing import NamedTuple

from .fault import Fault

START = b"\xf5\xf8"
END = b"\xf8\xf5"
LONGEST = 2**31 - 1
HEADER = 8


class Frame(NamedTuple):
    """A whole frame: its kind, its encoding (0..4) and its body."""

    kind: int
    encoding: int
    body: bytes


def encode(kind: int, encoding: int, body: bytes) -> bytes:
    """The bytes of a frame."""
    return START + bytes([kind, encoding]) + len(body).to_bytes(4, "big") + body + END


class Reader:
    """Cuts a stream into frames, however it is split into reads."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.buffer = bytearray()
        self.offset = 0  # of the buffer's first byte, counted from the first START of the stream

    def feed(self, data: bytes) -> None:
        """Takes bytes that have arrived."""
        self.buffer += data

    def next(self) -> Frame | None:
        """The next frame, or None if it has not arrived whole; raises Fault."""
        header = self.header()
        if header is None:
            return None
        kind, encoding, length = header
        buffer = self.buffer
        end = HEADER + length
        if len(buffer) > end and buffer[end] != END[0]:
            raise Fault("bad-end", self.offset + end)
        if len(buffer) < end + 2:
            return None
        if buffer[end + 1] != END[1]:
            raise Fault("bad-end", self.offset + end + 1)
        frame = Frame(kind, encoding, bytes(buffer[HEADER:end]))
        del buffer[: end + 2]
        self.offset += end + 2
        return frame

    def after(self, fault: Fault) -> int:
        """How many bytes have arrived after the one that showed the fault (R7.20)."""
        if fault.name == "too-long":
            return len(self.buffer) - HEADER
        if fault.offset is not None and fault.name in ("bad-start", "bad-end", "unknown-encoding"):
            return len(self.buffer) - (fault.offset + 1 - self.offset)
        return len(self.buffer)

    def header(self) -> tuple[int, int, int] | None:
        """Kind, encoding and length of the frame that has begun, or None if its header is not complete."""
        buffer = self.buffer
        if len(buffer) >= 1 and buffer[0] != START[0]:
            raise Fault("bad-start", self.offset)
        if len(buffer) >= 2 and buffer[1] != START[1]:
            raise Fault("bad-start", self.offset + 1)
        if len(buffer) >= 4 and buffer[3] > 4:
            raise Fault("unknown-encoding", self.offset + 3)
        if len(buffer) < HEADER:
            return None
        length = int.from_bytes(buffer[4:8], "big")
        if length > LONGEST or length > self.limit:
            raise Fault("too-long", self.offset + 4)
        return buffer[2], buffer[3], length
