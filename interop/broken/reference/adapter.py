"""The adapter of interop/README.md: one request per line, one answer per line."""

from __future__ import annotations

import sys

from . import frame, hello, history, message, text
from .fault import Fault
from .session import Session


def run() -> None:
    """Answers until the end of the input."""
    for line in sys.stdin:
        words = line.split()
        if words:
            print(COMMANDS[words[0]](*words[1:]), flush=True)


def unhex(word: str) -> bytes:
    return b"" if word == "-" else bytes.fromhex(word)


def show(data: bytes) -> str:
    return data.hex() or "-"


def fault_word(fault: Fault) -> str:
    return f"fault:{fault.name}" if fault.offset is None else f"fault:{fault.name}:{fault.offset}"


def cut_frames(limit: str, cut: str, data: str) -> str:
    reader = frame.Reader(int(limit))
    words = []
    try:
        for piece in pieces(unhex(data), cut):
            reader.feed(piece)
            while (one := reader.next()) is not None:
                words.append(f"{one.kind:02x}:{one.encoding}:{show(one.body)}")
    except Fault as fault:
        return " ".join([*words, fault_word(fault)])
    return " ".join([*words, "more" if reader.buffer else "end"])


def pieces(data: bytes, cut: str) -> list[bytes]:
    return [data] if cut == "whole" else [data[at : at + 1] for at in range(len(data))]


def encode_frame(kind: str, encoding: str, body: str) -> str:
    return f"ok {frame.encode(int(kind, 16), int(encoding), unhex(body)).hex()}"


def decode_text(encoding: str, data: str) -> str:
    try:
        decoded, marked = text.decode(int(encoding), unhex(data))
    except Fault as fault:
        return fault_word(fault)
    return f"ok {show(decoded.encode())} {'bom' if marked else 'nobom'}"


def encode_text(encoding: str, data: str) -> str:
    try:
        return f"ok {show(text.encode(int(encoding), unhex(data).decode()))}"
    except Fault as fault:
        return fault_word(fault)


def read_hello(body: str) -> str:
    try:
        one = hello.parse(unhex(body))
    except Fault as fault:
        return f"fault:{fault.name}"
    words = [f"ok major={one.major} minor={one.minor} accepted={one.accepted:02x} preferred={one.preferred}"]
    words.append(f"max-body={one.max_body} keepalive={one.keepalive} features={one.features}")
    words += [f"name={one.name.encode().hex()}"] if one.name is not None else []
    words += [f"room={one.room.encode().hex()}"] if one.room is not None else []
    words += [f"token={one.token.hex()}"] if one.token is not None else []
    words += [f"resume={one.resume}"] if one.resume is not None else []
    words += [f"software={one.software.encode().hex()}"] if one.software is not None else []
    words += ["client=1"] if one.client else []
    words += [f"requests={one.requests}"] if one.requests is not None else []
    return " ".join([*words, f"wire={one.write().hex()}"])


def read_message(kind: str, encoding: str, body: str) -> str:
    number = int(kind, 16)
    if number not in message.TABLE:
        return "ignored" if number >= 0x80 else "fault:unknown-kind"
    try:
        one = message.parse(number, int(encoding), unhex(body))
        if one.bad:
            raise one.bad
    except Fault as fault:
        return f"fault:{fault.name}" if fault.offset is None else fault_word(fault)
    name, _, _, _, payload = message.TABLE[number]
    words = [f"ok {name}"]
    for field, value in one.fields.items():
        words.append(f"{field}={show(value.encode()) if isinstance(value, str) else value}")
    if payload:
        words.append(f"{payload}={show(shown_payload(one))}")
    try:
        return " ".join([*words, f"wire={show(message.write(one))}"])
    except Fault as fault:
        return " ".join([*words, f"wire={fault_word(fault)}"])


def shown_payload(one: message.Message) -> bytes:
    return one.payload if one.text is None else one.text.encode()


def read_query(payload: str) -> str:
    query = history.parse_query(unhex(payload))
    if query is None:
        return "other"
    found = "" if query.text is None else f" text={query.text.encode().hex()}"
    return f"ok before={query.before} count={query.count}{found} wire={query.write().hex()}"


def read_page(payload: str) -> str:
    entries = history.parse_page(unhex(payload))
    if entries is None:
        return "other"
    lost = "-"
    if entries[0].kind == message.GAP:
        lost = str(entries.pop(0)["missed"])
    words = [f"ok lost={lost}"]
    for entry in entries:
        if entry.kind == message.GAP:
            words.append(f"gap:{entry['missed']}")
        else:
            name = show(str(entry.fields["name"]).encode())
            words.append(f"{entry['from']}:{entry['seq']}:{entry['time']}:{name}:{show(shown_payload(entry))}")
    return " ".join(words)


def run_session(role: str, cut: str, own: str, *steps: str) -> str:
    agreed = steps[:1] == ("agree",)
    session = Session(role, hello.parse(unhex(own)), 0, agreed)
    answers = [happened(session)]
    for step in steps:
        name, _, rest = step.partition(":")
        extra = run_step(session, name, rest, cut)
        answers.append(happened(session, extra))
    return " ".join(answers)


def run_step(session: Session, name: str, rest: str, cut: str) -> list[str]:
    """Does a step; returns the result of `send`."""
    if name == "recv":
        for piece in pieces(unhex(rest), cut):
            session.receive(piece, session.clock)
    elif name == "time":
        session.tick(int(rest))
    elif name == "eof":
        session.end_of_stream(session.clock)
    elif name == "close":
        session.close(int(rest), session.clock)
    elif name == "send":
        kind, encoding, body = rest.split(":")
        try:
            return [f"sent={session.send(int(kind, 16), int(encoding), unhex(body), session.clock).hex()}"]
        except Fault as fault:
            return [f"refused:{fault.name}"]
    return []


def happened(session: Session, words: list[str] | None = None) -> str:
    """The events since the last step, in the words of the adapter."""
    words = list(words or [])
    for event in session.take():
        if event.what == "frame":
            words.append(f"{event.word}={event.data.hex()}")
        elif event.what == "got":
            got = event.message
            words.append(f"got:{got.kind:02x}:{show(message_body(got))}")
        elif event.what == "end":
            words.append(f"end:{event.word}")
    return ",".join(words) or "-"


def message_body(got: message.Message) -> bytes:
    """The body as it arrived."""
    return message.fixed_part(got.kind, got.fields) + got.payload


COMMANDS = {
    "frame": cut_frames,
    "encode": encode_frame,
    "text": decode_text,
    "encode-text": encode_text,
    "hello": read_hello,
    "message": read_message,
    "session": run_session,
    "query": read_query,
    "page": read_page,
}
