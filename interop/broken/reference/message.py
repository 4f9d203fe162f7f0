"""Messages (SPEC 3 and 9): the body of each kind as fields and a payload."""

from __future__ import annotations

from dataclasses import dataclass

from . import text
from .fault import Fault

HELLO, MESSAGE, REQUEST, REPLY, ERROR, PING, PONG, CLOSE = range(1, 9)
WELCOME, PRESENCE, POST, DELIVERY, GAP = range(0x10, 0x15)
CANCEL = 0x81
HERE, JOINED, LEFT, CROWD = range(4)

ANY = (0, 1, 2, 3, 4)
TEXT = (1, 2, 3, 4)
NONE = (0,)
REST = 1 << 32  # a payload without a limit of its own

# kind: name, fixed part (field, bytes), encodings, the most bytes of payload and what the adapter calls it
TABLE = {
    MESSAGE: ("MESSAGE", (), ANY, REST, "payload"),
    REQUEST: ("REQUEST", (("id", 4),), ANY, REST, "payload"),
    REPLY: ("REPLY", (("id", 4),), ANY, REST, "payload"),
    ERROR: ("ERROR", (("id", 4), ("frame", 4), ("code", 2)), TEXT, REST, "reason"),
    PING: ("PING", (), NONE, 64, "payload"),
    PONG: ("PONG", (), NONE, 64, "payload"),
    CLOSE: ("CLOSE", (("code", 2),), TEXT, REST, "reason"),
    WELCOME: ("WELCOME", (("member", 4), ("seq", 8)), TEXT, REST, "greeting"),
    PRESENCE: ("PRESENCE", (("member", 4), ("event", 1)), TEXT, REST, "name"),
    POST: ("POST", (("to", 4),), ANY, REST, "payload"),
    DELIVERY: ("DELIVERY", (("from", 4), ("to", 4), ("seq", 8), ("time", 8), ("name", 1)), ANY, REST, "payload"),
    GAP: ("GAP", (("missed", 8),), NONE, 0, None),
    CANCEL: ("CANCEL", (("id", 4),), NONE, 0, None),
}


@dataclass
class Message:
    """A decoded frame. `text` is None if the payload is binary or bad; then `bad` says where."""

    kind: int
    encoding: int
    fields: dict[str, int | str]
    payload: bytes
    text: str | None = None
    marked: bool = False
    bad: Fault | None = None
    number: int = 0  # of its frame, among those received

    def __getitem__(self, field: str) -> int:
        return self.fields[field]  # type: ignore[return-value]


def parse(kind: int, encoding: int, body: bytes) -> Message:
    """A message of a kind in TABLE; raises Fault `malformed`. Bad text is left in `bad` for the caller to judge."""
    _, fixed, encodings, longest, _ = TABLE.get(kind, TABLE[MESSAGE])  # a private kind is like MESSAGE
    if encoding not in encodings:
        raise Fault("malformed", detail=f"kind {kind:02x} in encoding {encoding}")
    fields: dict[str, int | str] = {}
    at = 0
    for field, size in fixed:
        if at + size > len(body):
            raise Fault("malformed", detail="the body is too short")
        fields[field] = int.from_bytes(body[at : at + size], "big")
        at += size
    if kind == DELIVERY:
        at += _take_name(fields, body[at:])
    message = Message(kind, encoding, fields, body[at:])
    if len(message.payload) > longest:
        raise Fault("malformed", detail="the body is too long")
    if kind in (REQUEST, REPLY, CANCEL) and fields["id"] == 0:
        raise Fault("malformed", detail="id 0")
    _decode(message)
    if kind == PRESENCE:
        _check_presence(message)
    return message


def _take_name(fields: dict[str, int | str], rest: bytes) -> int:
    length = int(fields["name"])
    name = rest[:length]
    if length > 64 or len(name) < length:
        raise Fault("malformed", detail="the name is longer than 64 bytes or than the body")
    try:
        fields["name"] = name.decode()
    except UnicodeDecodeError:
        raise Fault("malformed", detail="the name is not UTF-8") from None
    if not text.is_plain_line(fields["name"]):
        raise Fault("malformed", detail="the name is not a plain line")
    return length


def _decode(message: Message) -> None:
    if message.encoding == text.BINARY:
        return
    try:
        message.text, message.marked = text.decode(message.encoding, message.payload)
    except Fault as fault:
        if message.kind in (ERROR, CLOSE):
            message.text = ""  # the code still applies (R3.21)
        else:
            message.bad = fault


def _check_presence(message: Message) -> None:
    if message["event"] > CROWD:
        raise Fault("malformed", detail="an unknown event")
    name = message.text
    if name is not None and not (1 <= len(name.encode()) <= 64 and text.is_plain_line(name)):
        raise Fault("malformed", detail="the name is not a plain line of 1 to 64 bytes")


def fixed_part(kind: int, fields: dict[str, int | str]) -> bytes:
    """The bytes before the payload."""
    body = b""
    for field, size in TABLE.get(kind, TABLE[MESSAGE])[1]:
        value = fields[field]
        if isinstance(value, str):
            name = value.encode()
            body += bytes([len(name)]) + name
        else:
            body += value.to_bytes(size, "big")
    return body


def write(message: Message) -> bytes:
    """The body as a sender writes it: no byte order mark; raises Fault `unmappable-text` (R5.15)."""
    payload = message.payload if message.text is None else text.encode(message.encoding, message.text)
    return fixed_part(message.kind, message.fields) + payload


def build(kind: int, encoding: int, payload: bytes = b"", **fields: int | str) -> bytes:
    """The body of a message from its fields; `from` is written `from_`."""
    return fixed_part(kind, {name.rstrip("_"): value for name, value in fields.items()}) + payload
