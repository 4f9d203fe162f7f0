"""Queries and pages (SPEC 9, History)."""

from __future__ import annotations

from typing import NamedTuple

from . import frame, message
from .fault import Fault


class Query(NamedTuple):
    """The last `count` messages before the number `before`, with `text` only those that contain it."""

    before: int
    count: int
    text: str | None

    def write(self) -> bytes:
        """The payload of the REQUEST."""
        start = b"\x01" if self.text is None else b"\x02"
        found = b"" if self.text is None else self.text.encode()
        return start + self.before.to_bytes(8, "big") + self.count.to_bytes(4, "big") + found


def parse_query(payload: bytes) -> Query | None:
    """The query in the payload of a REQUEST, or None if it is not one."""
    if len(payload) < 13 or payload[0] not in (1, 2):
        return None
    before, count, rest = int.from_bytes(payload[1:9], "big"), int.from_bytes(payload[9:13], "big"), payload[13:]
    if count == 0:
        return None
    if payload[0] == 1:
        return None if rest else Query(before, count, None)
    if not 1 <= len(rest) <= 256:
        return None
    try:
        return Query(before, count, rest.decode())
    except UnicodeDecodeError:
        return None


def parse_page(payload: bytes) -> list[message.Message] | None:
    """The GAPs and DELIVERYs in the payload of a REPLY, or None if it is not a page."""
    reader = frame.Reader(frame.LONGEST)
    reader.feed(payload)
    entries: list[message.Message] = []
    try:
        while (one := reader.next()) is not None:
            if one.kind not in (message.DELIVERY, message.GAP):
                return None
            entry = message.parse(*one)
            if entry.bad:
                return None
            entries.append(entry)
    except Fault:
        return None
    return None if reader.buffer or not entries else entries
