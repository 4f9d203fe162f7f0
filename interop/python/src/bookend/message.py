"""Messages: one typed value for each kind (SPEC sections 3 and 9).

A value that exists is legal: constructing an illegal one raises Fault malformed.
"""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass
from typing import Callable, ClassVar, Collection, Dict, FrozenSet, NamedTuple, Optional, Union

from .fault import Fault
from .frame import Encoding, Frame
from .text import BOM, Payload, Text, is_plain_line
from .text import payload as parse_payload

_U8, _U16, _U32, _U64 = 1 << 8, 1 << 16, 1 << 32, 1 << 64
_MAX_PING = 64  # bytes
_MAX_NAME = 64  # bytes of UTF-8


class Event(enum.IntEnum):
    """The event that a PRESENCE announces."""

    HERE = 0
    JOINED = 1
    LEFT = 2
    CROWD = 3
    """The room is too large to announce every member: `member` is the number of members, `name` the room's name."""


@dataclass(frozen=True)
class Message:
    """MESSAGE: a payload and nothing else."""

    payload: Payload
    kind: ClassVar[int] = 0x02


@dataclass(frozen=True)
class Request:
    """REQUEST: must be answered once, by a REPLY or an ERROR with the same id."""

    id: int
    payload: Payload
    kind: ClassVar[int] = 0x03

    def __post_init__(self) -> None:
        _check(0 < self.id < _U32, f"id {self.id}")


@dataclass(frozen=True)
class Reply:
    """REPLY: the answer to the REQUEST with the same id."""

    id: int
    payload: Payload
    kind: ClassVar[int] = 0x04

    def __post_init__(self) -> None:
        _check(0 < self.id < _U32, f"id {self.id}")


@dataclass(frozen=True)
class Error:
    """ERROR: a frame could not be acted on; the connection stays open."""

    id: int  # of the REQUEST that it is about, or 0
    frame: int  # the number of the receiver's frame that it is about
    code: int
    reason: Text
    kind: ClassVar[int] = 0x05

    def __post_init__(self) -> None:
        _check(0 <= self.id < _U32, f"id {self.id}")
        _check(0 <= self.frame < _U32, f"frame {self.frame}")
        _check(0 <= self.code < _U16, f"code {self.code}")


@dataclass(frozen=True)
class Ping:
    """PING: must be answered by a PONG with the same bytes."""

    payload: bytes = b""
    kind: ClassVar[int] = 0x06

    def __post_init__(self) -> None:
        _check(len(self.payload) <= _MAX_PING, f"{len(self.payload)} bytes")


@dataclass(frozen=True)
class Pong:
    """PONG: everything received before its PING has been acted on."""

    payload: bytes = b""
    kind: ClassVar[int] = 0x07

    def __post_init__(self) -> None:
        _check(len(self.payload) <= _MAX_PING, f"{len(self.payload)} bytes")


@dataclass(frozen=True)
class Close:
    """CLOSE: the last frame of its sender."""

    code: int
    reason: Text
    kind: ClassVar[int] = 0x08

    def __post_init__(self) -> None:
        _check(0 <= self.code < _U16, f"code {self.code}")


@dataclass(frozen=True)
class Welcome:
    """WELCOME: the client's member number, and the seq of the room's next message."""

    member: int
    next_seq: int
    greeting: Text
    kind: ClassVar[int] = 0x10

    def __post_init__(self) -> None:
        _check(0 <= self.member < _U32, f"member {self.member}")
        _check(0 <= self.next_seq < _U64, f"seq {self.next_seq}")


@dataclass(frozen=True)
class Presence:
    """PRESENCE: a member is here, has joined or has left; or the room is a crowd."""

    member: int
    event: Event
    name: Text
    kind: ClassVar[int] = 0x11

    def __post_init__(self) -> None:
        _check(0 <= self.member < _U32, f"member {self.member}")
        _check(self.name.value != "" and _is_name(self.name.value), "the name is not a plain line of 1 to 64 bytes")


@dataclass(frozen=True)
class Post:
    """POST: a message for the hub to deliver."""

    to: int  # member, 0 = everyone
    payload: Payload
    kind: ClassVar[int] = 0x12

    def __post_init__(self) -> None:
        _check(0 <= self.to < _U32, f"to {self.to}")


@dataclass(frozen=True)
class Delivery:
    """DELIVERY: a member's message, delivered by the hub."""

    sender: int  # `from` on the wire; 0 = the hub
    to: int  # member, 0 = everyone
    seq: int  # of the room's messages to everyone, from 1; 0 if to one member
    time: int  # milliseconds since 1970-01-01T00:00:00Z
    name: str  # of the sender
    payload: Payload
    kind: ClassVar[int] = 0x13

    def __post_init__(self) -> None:
        _check(0 <= self.sender < _U32, f"from {self.sender}")
        _check(0 <= self.to < _U32, f"to {self.to}")
        _check(0 <= self.seq < _U64, f"seq {self.seq}")
        _check(0 <= self.time < _U64, f"time {self.time}")
        _check(_is_name(self.name), "the name is not a plain line of at most 64 bytes")


@dataclass(frozen=True)
class Gap:
    """GAP: how many messages to everyone were missed."""

    missed: int
    kind: ClassVar[int] = 0x14

    def __post_init__(self) -> None:
        _check(0 <= self.missed < _U64, f"missed {self.missed}")


@dataclass(frozen=True)
class Cancel:
    """CANCEL: its sender no longer needs the answer to its REQUEST with the same id."""

    id: int
    kind: ClassVar[int] = 0x81

    def __post_init__(self) -> None:
        _check(0 < self.id < _U32, f"id {self.id}")


@dataclass(frozen=True)
class Private:
    """A kind that the applications on both sides have agreed on, C0 to EF (R3.7)."""

    kind: int
    payload: Payload

    def __post_init__(self) -> None:
        if self.kind not in PRIVATE_KINDS:
            raise Fault("unknown-kind", f"{self.kind:02x} is not private")


AnyMessage = Union[
    Message, Request, Reply, Error, Ping, Pong, Close, Welcome, Presence, Post, Delivery, Gap, Cancel, Private
]

PRIVATE_KINDS = range(0xC0, 0xF0)

HUB_KINDS = frozenset((Welcome.kind, Presence.kind, Post.kind, Delivery.kind, Gap.kind))
_IGNORED_FROM = 0x80


def parse(frame: Frame, agreed: Collection[int] = ()) -> Optional[AnyMessage]:
    """The message in a frame, with the hub profile in force; None if its kind must be ignored (R3.6).

    `agreed` are the private kinds that are not ignored.
    Raises Fault: unknown-kind, malformed, bad-text.
    """
    rule = _RULES.get(frame.kind)
    if rule is None:
        if frame.kind in agreed:
            return Private(frame.kind, _payload(frame, 0))
        if frame.kind >= _IGNORED_FROM:
            return None
        raise Fault("unknown-kind", f"found {frame.kind:02x}")
    _check(frame.encoding in rule.encodings, f"kind {frame.kind:02x} in encoding {int(frame.encoding)}")
    _check(len(frame.body) >= rule.fixed.size, f"kind {frame.kind:02x} with {len(frame.body)} bytes")
    return rule.parse(frame, *rule.fixed.unpack_from(frame.body))


def to_frame(message: AnyMessage) -> Frame:
    """The frame of a message. Raises Fault malformed or unmappable-text if it may be received but not sent."""
    check_sendable(message)
    if isinstance(message, (Message, Ping, Pong, Private)):
        return _frame(message, b"", message.payload)
    fixed = _RULES[message.kind].fixed
    if isinstance(message, (Request, Reply)):
        return _frame(message, fixed.pack(message.id), message.payload)
    if isinstance(message, Error):
        return _frame(message, fixed.pack(message.id, message.frame, message.code), message.reason)
    if isinstance(message, Close):
        return _frame(message, fixed.pack(message.code), message.reason)
    if isinstance(message, Welcome):
        return _frame(message, fixed.pack(message.member, message.next_seq), message.greeting)
    if isinstance(message, Presence):
        return _frame(message, fixed.pack(message.member, message.event), message.name)
    if isinstance(message, Post):
        return _frame(message, fixed.pack(message.to), message.payload)
    if isinstance(message, Delivery):
        name = message.name.encode("utf-8")
        numbers = fixed.pack(message.sender, message.to, message.seq, message.time, len(name))
        return _frame(message, numbers + name, message.payload)
    if isinstance(message, Cancel):
        return _frame(message, fixed.pack(message.id), b"")
    return _frame(message, fixed.pack(message.missed), b"")


def check_sendable(message: AnyMessage) -> None:
    """Raises Fault malformed if the message may be received but not sent: its name is nothing but marks (R5.5, R9.4)."""
    _check(not isinstance(message, Presence) or message.name.value.strip(BOM) != "", "the name is empty without its marks")


def _frame(message: AnyMessage, fixed: bytes, payload: Payload) -> Frame:
    if isinstance(payload, Text):
        return Frame(message.kind, payload.encoding, fixed + payload.sendable())
    return Frame(message.kind, Encoding.BINARY, fixed + payload)


def _parse_message(frame: Frame) -> Message:
    return Message(_payload(frame, 0))


def _parse_request(frame: Frame, id: int) -> Request:
    _check(id != 0, "id 0")
    return Request(id, _payload(frame, 4))


def _parse_reply(frame: Frame, id: int) -> Reply:
    _check(id != 0, "id 0")
    return Reply(id, _payload(frame, 4))


def _parse_error(frame: Frame, id: int, number: int, code: int) -> Error:
    return Error(id, number, code, _reason(frame, 10))


def _parse_ping(frame: Frame) -> Ping:
    return Ping(frame.body)


def _parse_pong(frame: Frame) -> Pong:
    return Pong(frame.body)


def _parse_close(frame: Frame, code: int) -> Close:
    return Close(code, _reason(frame, 2))


def _parse_welcome(frame: Frame, member: int, next_seq: int) -> Welcome:
    return Welcome(member, next_seq, _text(frame, 12))


def _parse_presence(frame: Frame, member: int, event: int) -> Presence:
    _check(event <= max(Event), f"event {event}")
    return Presence(member, Event(event), _text(frame, 5))


def _parse_post(frame: Frame, to: int) -> Post:
    return Post(to, _payload(frame, 4))


def _parse_delivery(frame: Frame, sender: int, to: int, seq: int, time: int, length: int) -> Delivery:
    start = _RULES[Delivery.kind].fixed.size
    octets = frame.body[start : start + length]
    _check(len(octets) == length <= _MAX_NAME, f"a name of {length} bytes")
    try:
        name = octets.decode("utf-8")
    except UnicodeDecodeError:
        raise Fault("malformed", "the name is not UTF-8") from None
    _check(_is_name(name), "the name is not a plain line")
    return Delivery(sender, to, seq, time, name, _payload(frame, start + length))


def _parse_gap(frame: Frame, missed: int) -> Gap:
    _check(len(frame.body) == 8, f"GAP with {len(frame.body)} bytes")
    return Gap(missed)


def _parse_cancel(frame: Frame, id: int) -> Cancel:
    _check(len(frame.body) == 4, f"CANCEL with {len(frame.body)} bytes")
    return Cancel(id)


def _payload(frame: Frame, start: int) -> Payload:
    return parse_payload(frame.body[start:], frame.encoding)


def _text(frame: Frame, start: int) -> Text:
    text = _payload(frame, start)
    assert isinstance(text, Text), "the rule of its kind requires a text encoding"
    return text


def _reason(frame: Frame, start: int) -> Text:
    try:
        return _text(frame, start)
    except Fault:
        return Text("", frame.encoding)  # R3.21


def _is_name(value: str) -> bool:
    try:
        return is_plain_line(value) and len(value.encode("utf-8")) <= _MAX_NAME
    except UnicodeEncodeError:
        return False


def _check(holds: bool, detail: str) -> None:
    if not holds:
        raise Fault("malformed", detail)


class _Rule(NamedTuple):
    """A row of the table in section 3."""

    fixed: struct.Struct
    encodings: FrozenSet[Encoding]
    parse: Callable[..., AnyMessage]


_ANY = frozenset(Encoding)
_TEXT = _ANY - {Encoding.BINARY}
_NONE = frozenset((Encoding.BINARY,))

_RULES: Dict[int, _Rule] = {
    Message.kind: _Rule(struct.Struct(">"), _ANY, _parse_message),
    Request.kind: _Rule(struct.Struct(">I"), _ANY, _parse_request),
    Reply.kind: _Rule(struct.Struct(">I"), _ANY, _parse_reply),
    Error.kind: _Rule(struct.Struct(">IIH"), _TEXT, _parse_error),
    Ping.kind: _Rule(struct.Struct(">"), _NONE, _parse_ping),
    Pong.kind: _Rule(struct.Struct(">"), _NONE, _parse_pong),
    Close.kind: _Rule(struct.Struct(">H"), _TEXT, _parse_close),
    Welcome.kind: _Rule(struct.Struct(">IQ"), _TEXT, _parse_welcome),
    Presence.kind: _Rule(struct.Struct(">IB"), _TEXT, _parse_presence),
    Post.kind: _Rule(struct.Struct(">I"), _ANY, _parse_post),
    Delivery.kind: _Rule(struct.Struct(">IIQQB"), _ANY, _parse_delivery),
    Gap.kind: _Rule(struct.Struct(">Q"), _NONE, _parse_gap),
    Cancel.kind: _Rule(struct.Struct(">I"), _NONE, _parse_cancel),
}
