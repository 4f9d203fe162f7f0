"""What a hub has kept of a room: the payloads that ask for it and that answer (SPEC section 9, History)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import List, Optional, Tuple, Union

from .fault import Fault
from .frame import MAX_LENGTH, Decoder
from .message import Delivery, Gap, parse
from .text import Payload

NOW = (1 << 64) - 1
"""Greater than the number of any message."""

MAX_TEXT = 256  # bytes of UTF-8

_LAST, _SEARCH = 1, 2
_FIXED = struct.Struct(">BQI")


@dataclass(frozen=True)
class Query:
    """Asks for the last `count` messages, or for the last ones that contain a text in upper or lower case."""

    count: int  # at least 1; a hub may send fewer
    before: int = NOW  # only messages whose seq is less
    text: Optional[str] = None  # 1 to MAX_TEXT bytes of UTF-8

    def __post_init__(self) -> None:
        if not 0 < self.count < 1 << 32 or not 0 <= self.before <= NOW:
            raise ValueError("count is 1 to 2^32-1, before is 0 to 2^64-1")
        if self.text is not None and not 0 < len(self.text.encode("utf-8")) <= MAX_TEXT:
            raise ValueError(f"a text has 1 to {MAX_TEXT} bytes")

    def encode(self) -> bytes:
        """The payload of the REQUEST."""
        kind = _LAST if self.text is None else _SEARCH
        return _FIXED.pack(kind, self.before, self.count) + (self.text or "").encode("utf-8")

    @classmethod
    def parse(cls, payload: Payload) -> Optional[Query]:
        """The query in the payload of a REQUEST; None if it is none, which a hub answers with `policy`."""
        if not isinstance(payload, bytes) or len(payload) < _FIXED.size:
            return None
        kind, before, count = _FIXED.unpack_from(payload)
        rest = payload[_FIXED.size :]
        if kind != (_SEARCH if rest else _LAST):
            return None
        try:
            return cls(count, before, rest.decode("utf-8") if rest else None)
        except ValueError:
            return None


@dataclass(frozen=True)
class Page:
    """Messages that a hub has kept, oldest first."""

    entries: Tuple[Union[Delivery, Gap], ...]  # a Gap: so many are not there
    # If nothing earlier matches, how many earlier messages of the room are not there, 0 after a search;
    # None if there may be more: ask again before the first one.
    lost_before: Optional[int]

    @property
    def deliveries(self) -> List[Delivery]:
        """The messages, without the gaps."""
        return [entry for entry in self.entries if isinstance(entry, Delivery)]

    @classmethod
    def parse(cls, payload: Payload) -> Page:
        """The page in the payload of a REPLY. Raises Fault malformed if it is none."""
        entries = _entries(payload) if isinstance(payload, bytes) else []
        if not entries:
            raise Fault("malformed", "the answer is not a page of history")
        first = entries[0]
        return cls(tuple(entries[1:]), first.missed) if isinstance(first, Gap) else cls(tuple(entries), None)


def _entries(payload: bytes) -> List[Union[Delivery, Gap]]:
    """The frames; none if one of them is cut short, is of another kind or breaks a rule."""
    decoder = Decoder(MAX_LENGTH)
    decoder.feed(payload)
    entries: List[Union[Delivery, Gap]] = []
    try:
        for frame in iter(decoder.next, None):
            message = parse(frame)
            if not isinstance(message, (Delivery, Gap)):
                return []
            entries.append(message)
    except Fault:
        return []
    return [] if decoder.pending else entries
