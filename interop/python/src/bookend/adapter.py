"""The adapter: reads one request a line and prints one answer a line (interop/README.md).

python3 -m bookend.adapter
"""

from __future__ import annotations

import sys
from typing import Callable, Collection, Dict, Iterator, List, Optional

from . import text
from .action import Actions, Deliver, End, Role, Write
from .fault import Fault
from .frame import Decoder, Encoding, Frame, encode
from .hello import KIND as HELLO
from .hello import Hello
from .history import Page, Query
from .kinds import MESSAGE_KINDS
from .message import (
    AnyMessage,
    Cancel,
    Close,
    Delivery,
    Error,
    Gap,
    Ping,
    Pong,
    Post,
    Presence,
    PRIVATE_KINDS,
    Reply,
    Request,
    Welcome,
    parse,
    to_frame,
)
from .session import Session
from .text import Payload, Text

ERROR_FIXED, CLOSE_FIXED = 10, 2
"""Bytes of the fixed part of an ERROR and of a CLOSE, before the reason."""


def main() -> None:
    """Answers requests until the input ends."""
    for line in sys.stdin:
        words = line.split()
        if words:
            print(answer(words), flush=True)


def answer(words: List[str]) -> str:
    """The answer to one request."""
    return _REQUESTS[words[0]](*words[1:])


def _answer_frame(limit: str, cut: str, octets: str) -> str:
    decoder = Decoder(int(limit))
    items: List[str] = []
    try:
        for piece in _cut(cut, octets):
            decoder.feed(piece)
            frame = decoder.next()
            while frame is not None:
                items.append(f"{frame.kind:02x}:{int(frame.encoding)}:{_hex(frame.body)}")
                frame = decoder.next()
        items.append("more" if decoder.pending else "end")
    except Fault as fault:
        items.append(_fault(fault))
    return " ".join(items)


def _answer_encode(kind: str, encoding: str, body: str) -> str:
    return f"ok {_hex(encode(_frame(kind, encoding, body)))}"


def _answer_text(encoding: str, octets: str) -> str:
    try:
        found = text.decode(_bytes(octets), Encoding(int(encoding)))
    except Fault as fault:
        return _fault(fault)
    return f"ok {_hex(found.value.encode('utf-8'))} {'bom' if found.had_bom else 'nobom'}"


def _answer_encode_text(encoding: str, utf8: str) -> str:
    try:
        return f"ok {_hex(text.encode(_bytes(utf8).decode('utf-8'), Encoding(int(encoding))))}"
    except UnicodeDecodeError as error:
        return f"fault:bad-text:{error.start}"
    except Fault as fault:
        return _fault(fault)


def _answer_hello(body: str) -> str:
    try:
        hello = Hello.parse(_bytes(body))
    except Fault as fault:
        return _fault(fault)
    fields = [
        f"major={hello.major}",
        f"minor={hello.minor}",
        f"accepted={hello.accepted:02x}",
        f"preferred={hello.preferred}",
        f"max-body={hello.max_body}",
        f"keepalive={hello.keepalive}",
        f"features={int(hello.hub)}",
    ]
    if hello.name is not None:
        fields.append(f"name={_hex(hello.name.encode('utf-8'))}")
    if hello.room is not None:
        fields.append(f"room={_hex(hello.room.encode('utf-8'))}")
    if hello.token is not None:
        fields.append(f"token={_hex(hello.token)}")
    if hello.resume is not None:
        fields.append(f"resume={hello.resume}")
    if hello.software is not None:
        fields.append(f"software={_hex(hello.software.encode('utf-8'))}")
    if hello.client:
        fields.append("client=1")
    if hello.requests is not None:
        fields.append(f"requests={hello.requests}")
    return f"ok {' '.join(fields)} wire={_hex(hello.body())}"


def _answer_message(kind: str, encoding: str, body: str) -> str:
    try:
        message = parse(_frame(kind, encoding, body))
    except Fault as fault:
        return _fault(fault)
    if message is None:
        return "ignored"
    fields = " ".join(f"{name}={value}" for name, value in _fields(message).items())
    try:
        wire = _hex(to_frame(message).body)
    except Fault as fault:  # in UTF-16, U+FFFE after a byte order mark may be received but not sent (R5.15)
        wire = _fault(fault)
    return f"ok {type(message).__name__.upper()} {fields} wire={wire}"


def _fields(message: AnyMessage) -> Dict[str, object]:
    if isinstance(message, (Request, Reply)):
        return {"id": message.id, "payload": _payload(message.payload)}
    if isinstance(message, Error):
        reason = _payload(message.reason)
        return {"id": message.id, "frame": message.frame, "code": message.code, "reason": reason}
    if isinstance(message, Close):
        return {"code": message.code, "reason": _payload(message.reason)}
    if isinstance(message, Welcome):
        return {"member": message.member, "seq": message.next_seq, "greeting": _payload(message.greeting)}
    if isinstance(message, Presence):
        return {"member": message.member, "event": int(message.event), "name": _payload(message.name)}
    if isinstance(message, Post):
        return {"to": message.to, "payload": _payload(message.payload)}
    if isinstance(message, Delivery):
        name = _hex(message.name.encode("utf-8"))
        numbers = {"from": message.sender, "to": message.to, "seq": message.seq, "time": message.time}
        return {**numbers, "name": name, "payload": _payload(message.payload)}
    if isinstance(message, Gap):
        return {"missed": message.missed}
    if isinstance(message, Cancel):
        return {"id": message.id}
    return {"payload": _payload(message.payload)}


def _answer_query(payload: str) -> str:
    query = Query.parse(_bytes(payload))
    if query is None:
        return "other"
    text = "" if query.text is None else f" text={_hex(query.text.encode('utf-8'))}"
    return f"ok before={query.before} count={query.count}{text} wire={_hex(query.encode())}"


def _answer_page(payload: str) -> str:
    try:
        page = Page.parse(_bytes(payload))
    except Fault:
        return "other"
    words = ["ok", f"lost={'-' if page.lost_before is None else page.lost_before}"]
    for entry in page.entries:
        if isinstance(entry, Gap):
            words.append(f"gap:{entry.missed}")
        else:
            name, payload = _hex(entry.name.encode("utf-8")), _payload(entry.payload)
            words.append(f"{entry.sender}:{entry.seq}:{entry.time}:{name}:{payload}")
    return " ".join(words)


def _answer_session(role: str, cut: str, hello: str, *steps: str) -> str:
    agreed = PRIVATE_KINDS if "agree" in steps else ()
    run = _SessionRun(Role(role), cut, Hello.parse(_bytes(hello)), agreed)
    return " ".join([run.start()] + [run.step(step) for step in steps])


class _SessionRun:
    """A session without a stream; the steps set its clock."""

    def __init__(self, role: Role, cut: str, hello: Hello, agreed: Collection[int]) -> None:
        self._session = Session(role, hello, agreed=agreed)
        self._cut = cut
        self._now = 0

    def start(self) -> str:
        return _show(self._session.start(self._now))

    def step(self, step: str) -> str:
        verb, _, operand = step.partition(":")
        session = self._session
        if verb == "agree":
            return "-"
        if verb == "recv":
            actions: Actions = []
            for piece in _cut(self._cut, operand):
                actions += session.receive(piece, self._now)
            return _show(actions)
        if verb == "time":
            self._now = int(operand)
            return _show(session.tick(self._now))
        if verb == "eof":
            return _show(session.end_of_stream(self._now))
        if verb == "send":
            return self._send(*operand.split(":"))
        if verb == "close":
            return _show(session.close(int(operand), None, self._now))
        raise ValueError(f"unknown step {step}")

    def _send(self, kind: str, encoding: str, body: str) -> str:
        frame = _frame(kind, encoding, body)
        try:
            message = _to_send(frame)
            if message is None:
                self._session.permit_kind(frame.kind)
                raise AssertionError("a kind without messages is never permitted")
            return _show(self._session.send(message, self._now), sent=True)
        except Fault as fault:
            return f"refused:{fault.name}"


def _to_send(frame: Frame) -> Optional[AnyMessage]:
    """The message that an application would construct, or None if there is none of its kind."""
    if frame.kind not in MESSAGE_KINDS:
        return None
    message = parse(frame, agreed=PRIVATE_KINDS)
    if isinstance(message, (Error, Close)):
        start = ERROR_FIXED if isinstance(message, Error) else CLOSE_FIXED
        text.decode(frame.body[start:], frame.encoding)  # a bad reason that arrives is taken as empty instead (R3.21)
    return message


def _show(actions: Actions, sent: bool = False) -> str:
    """The items of an answer word, in order; a sent frame is decoded from its bytes, unless the application `sent` it."""
    items: List[str] = []
    for action in actions:
        if isinstance(action, Write):
            items.append(f"{'sent' if sent else _show_sent(action.octets)}={_hex(action.octets)}")
        elif isinstance(action, Deliver) and not isinstance(action.message, Pong):
            items.append(f"got:{action.frame.kind:02x}:{_hex(action.frame.body)}")
        elif isinstance(action, End):
            items.append(f"end:{action.cause}")
    return ",".join(items) or "-"


def _show_sent(octets: bytes) -> str:
    decoder = Decoder(len(octets))
    decoder.feed(octets)
    frame = decoder.next()
    assert frame is not None, "a session writes whole frames"
    if frame.kind == HELLO:
        return "hello"
    message = parse(frame)
    if isinstance(message, Ping):
        return "ping"
    if isinstance(message, Pong):
        return f"pong:{_hex(message.payload)}"
    if isinstance(message, Error):
        return f"error:{message.id}:{message.frame}:{message.code}:{_name(message.reason)}"
    assert isinstance(message, Close), "a session sends no other kind by itself"
    return f"close:{message.code}:{_name(message.reason)}"


def _name(reason: Text) -> str:
    return reason.value.partition(":")[0] or "-"


def _payload(payload: Payload) -> str:
    return _hex(payload.value.encode("utf-8") if isinstance(payload, Text) else payload)


def _fault(fault: Fault) -> str:
    return f"fault:{fault.name}" if fault.offset is None else f"fault:{fault.name}:{fault.offset}"


def _frame(kind: str, encoding: str, body: str) -> Frame:
    return Frame(int(kind, 16), Encoding(int(encoding)), _bytes(body))


def _cut(cut: str, octets: str) -> Iterator[bytes]:
    whole = _bytes(octets)
    if cut == "whole":
        yield whole
    else:
        yield from (whole[at : at + 1] for at in range(len(whole)))


def _bytes(word: str) -> bytes:
    return b"" if word == "-" else bytes.fromhex(word)


def _hex(octets: bytes) -> str:
    return octets.hex() or "-"


_REQUESTS: Dict[str, Callable[..., str]] = {
    "frame": _answer_frame,
    "encode": _answer_encode,
    "text": _answer_text,
    "encode-text": _answer_encode_text,
    "hello": _answer_hello,
    "message": _answer_message,
    "query": _answer_query,
    "page": _answer_page,
    "session": _answer_session,
}


if __name__ == "__main__":
    main()
