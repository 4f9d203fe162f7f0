"""Pages (R9.44 to R9.47): the answer to a query, from the messages that a room keeps."""

from __future__ import annotations

from collections.abc import Sequence

from . import frame, message, text
from .history import Query
from .member import Entry, FramedMember

GAP_LENGTH = len(frame.START) + 6 + 8 + len(frame.END)


def page(query: Query, kept: Sequence[Entry], first: int, next_seq: int, member: FramedMember) -> bytes:
    """The page for a member of a room whose first number is `first` and whose next one is `next_seq`."""
    before = max(first, min(query.before, next_seq))
    budget = member.connection.peer.max_body - 4 - GAP_LENGTH
    chosen: list[tuple[Entry, bytes]] = []
    earlier = False
    for entry in reversed([one for one in kept if one.seq < before and matches(one, query)]):
        data = delivery_frame(entry, member)
        if data is None:
            continue
        if len(chosen) == query.count or (chosen and len(data) + GAP_LENGTH > budget):
            earlier = True
            break
        budget -= len(data) + GAP_LENGTH
        chosen.insert(0, (entry, data))
    return assemble(query, chosen, earlier, first, before)


def matches(entry: Entry, query: Query) -> bool:
    """Whether a message contains the text of a query, whatever the case of the letters."""
    return query.text is None or (entry.text is not None and query.text.casefold() in entry.text.casefold())


def delivery_frame(entry: Entry, member: FramedMember) -> bytes | None:
    """The frame of a kept message, or None if it is too long for the member or for a REPLY."""
    encoding, body = FramedMember.delivery(member, entry)
    data = frame.encode(message.DELIVERY, encoding, body)
    longest = member.connection.peer.max_body
    if len(body) > longest or len(data) > longest - 4 - 2 * GAP_LENGTH:
        return None
    return data


def assemble(query: Query, chosen: list[tuple[Entry, bytes]], earlier: bool, first: int, before: int) -> bytes:
    """The frames, with a GAP wherever numbers are missing."""
    everything = query.text is None
    payload = b""
    expected = chosen[0][0].seq if chosen else before
    if not earlier:
        payload += gap(expected - first if everything else 0)
    for entry, data in chosen:
        if everything and entry.seq > expected:
            payload += gap(entry.seq - expected)
        payload += data
        expected = entry.seq + 1
    if everything and chosen and before > expected:
        payload += gap(before - expected)
    return payload


def gap(missed: int) -> bytes:
    """The frame of a GAP."""
    return frame.encode(message.GAP, text.BINARY, missed.to_bytes(8, "big"))
