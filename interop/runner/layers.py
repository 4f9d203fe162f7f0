"""Each layer's vectors as requests to an adapter, with the expected answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Dict, Iterator, List

from vectors import BadVectors, Vector, hexed, joined

CUTS = ("whole", "bytes")
DEFAULT_LIMIT = 1 << 20
OVERHEAD = 10
"""Bytes of header and END."""

EMPTY_MESSAGE = "f5f80202" + "00000000" + "f8f5"
STRAY_BYTE = "00"

FIELDS = {
    "MESSAGE": ("payload",),
    "REQUEST": ("id", "payload"),
    "REPLY": ("id", "payload"),
    "ERROR": ("id", "frame", "code", "reason"),
    "PING": ("payload",),
    "PONG": ("payload",),
    "CLOSE": ("code", "reason"),
    "WELCOME": ("member", "seq", "greeting"),
    "PRESENCE": ("member", "event", "name"),
    "POST": ("to", "payload"),
    "DELIVERY": ("from", "to", "seq", "time", "name", "payload"),
    "GAP": ("missed",),
    "CANCEL": ("id",),
}


@dataclass(frozen=True)
class Case:
    """One request and the expected answer; if `open`, the answer continues with further words."""

    how: str
    request: str
    expected: str
    open: bool = False

    def passes(self, answer: str) -> bool:
        if not self.open:
            return answer == self.expected
        expected, words = self.expected.split(), answer.split(" ")
        return len(words) > len(expected) and words[: len(expected)] == expected


def frames(vector: Vector) -> Iterator[Case]:
    """Whole and byte by byte, each also followed by a frame and by a stray byte; then each frame encoded again."""
    sent, limit = joined(vector["bytes"]), vector.get("limit", DEFAULT_LIMIT)
    seen = [f"{frame['kind']}:{frame['encoding']}:{hexed(frame['body'])}" for frame in vector["frames"]]
    outcome = f"fault:{vector['fault']}" if "fault" in vector else vector["result"]

    for cut in CUTS:
        yield Case(cut, f"frame {limit} {cut} {sent or '-'}", " ".join([*seen, outcome]))
        for tail, after in ((EMPTY_MESSAGE, ["02:2:-", "end"]), (STRAY_BYTE, [f"fault:bad-start:{len(sent) // 2}"])):
            request = f"frame {limit} {cut} {sent}{tail}"
            if outcome == "more":
                yield Case(f"{cut}, tail {tail}", request, " ".join(seen), open=True)
            else:
                yield Case(f"{cut}, tail {tail}", request, " ".join([*seen, *(after if outcome == "end" else [outcome])]))

    if "canonical" in vector:
        start = 0
        for frame in vector["frames"]:
            end = start + 2 * OVERHEAD + len(joined(frame["body"]))
            request = f"encode {frame['kind']} {frame['encoding']} {hexed(frame['body'])}"
            yield Case("canonical", request, f"ok {sent[start:end]}")
            start = end


def texts(vector: Vector) -> Iterator[Case]:
    """The direction that the vector names; the other one too if the bytes are canonical."""
    encoding = vector["encoding"]
    if "decode" in vector:
        sent, utf8 = hexed(vector["decode"]), hexed(vector.get("utf8", ""))
        bom = "bom" if vector.get("bom") else "nobom"
        fault = "fault" in vector
        yield Case("decode", f"text {encoding} {sent}", f"fault:{vector['fault']}" if fault else f"ok {utf8} {bom}")
        if "canonical" in vector:
            yield Case("canonical", f"encode-text {encoding} {utf8}", f"ok {sent}")
    else:
        request = f"encode-text {encoding} {hexed(vector['encode'])}"
        if "fault" in vector:
            yield Case("encode", request, f"fault:{vector['fault']}")
        else:
            wire = hexed(vector["bytes"])
            yield Case("encode", request, f"ok {wire}")
            yield Case("canonical", f"text {encoding} {wire}", f"ok {hexed(vector['encode'])} nobom")


def hellos(vector: Vector) -> Iterator[Case]:
    """The body, and its canonical encoding, which must parse to the same value."""
    if "fault" in vector:
        yield Case("decode", f"hello {hexed(vector['body'])}", f"fault:{vector['fault']}")
        return
    wire = hexed(vector.get("wire", vector["body"]))
    words = ["ok"]
    for name in ("major", "minor", "accepted", "preferred", "max-body", "keepalive", "features"):
        words.append(f"{name}={vector['hello'][name]}")
    for name in ("name", "room", "token", "resume", "software", "client", "requests"):
        if name in vector["hello"]:
            words.append(f"{name}={shown(vector['hello'][name])}")
    answer = " ".join([*words, f"wire={wire}"])
    yield Case("decode", f"hello {hexed(vector['body'])}", answer)
    yield Case("canonical", f"hello {wire}", answer)


def messages(vector: Vector) -> Iterator[Case]:
    """The body, and its canonical encoding, which must parse to the same value."""
    start = f"message {vector['kind']} {vector['encoding']}"
    if "fault" in vector or "ignored" in vector:
        outcome = "ignored" if "ignored" in vector else f"fault:{vector['fault']}"
        yield Case("decode", f"{start} {hexed(vector['body'])}", outcome)
        return
    if set(vector["fields"]) != set(FIELDS[vector["message"]]):
        raise BadVectors(f"{vector['id']}: the fields of {vector['message']} are {FIELDS[vector['message']]}")
    wire = hexed(vector.get("wire", vector["body"]))
    fields = [f"{name}={shown(vector['fields'][name])}" for name in FIELDS[vector["message"]]]
    answer = " ".join(["ok", vector["message"], *fields, f"wire={wire}"])
    yield Case("decode", f"{start} {hexed(vector['body'])}", answer)
    yield Case("canonical", f"{start} {wire}", answer)


def sessions(vector: Vector) -> Iterator[Case]:
    """Whole and byte by byte, each also followed by a message, which an ended session must ignore."""
    steps = [step_word(step) for step in vector["steps"]]
    words = [joined(vector["start"]), *(joined(step["then"]) for step in vector["steps"])]
    over = any(item.startswith(("close:", "end:")) for word in words for item in word.split(","))
    for cut in CUTS:
        request = " ".join(["session", vector["role"], cut, hexed(vector["hello"]), *steps])
        yield Case(cut, request, " ".join(words))
        tail = f"{request} recv:{EMPTY_MESSAGE}"
        if over:
            yield Case(f"{cut}, tail", tail, " ".join([*words, "-"]))
        else:
            yield Case(f"{cut}, tail", tail, " ".join(words), open=True)


def history(vector: Vector) -> Iterator[Case]:
    """The payload; what is a query is also encoded again."""
    name = "query" if "query" in vector else "page"
    payload = hexed(vector[name])
    if "other" in vector:
        answer = ["other"]
    elif name == "query":
        text = [f"text={hexed(vector['text'])}"] if "text" in vector else []
        answer = ["ok", f"before={vector['before']}", f"count={vector['count']}", *text, f"wire={payload}"]
    else:
        answer = ["ok", f"lost={vector.get('lost', '-')}", *(entry_word(entry) for entry in vector["entries"])]
    yield Case("decode", f"{name} {payload}", " ".join(answer))


def entry_word(entry: Vector) -> str:
    if "gap" in entry:
        return f"gap:{entry['gap']}"
    return ":".join(shown(entry[name]) for name in ("from", "seq", "time", "name", "payload"))


def step_word(step: Vector) -> str:
    if "recv" in step:
        return f"recv:{hexed(step['recv'])}"
    if "time" in step:
        return f"time:{step['time']}"
    if "send" in step:
        frame = step["send"]
        return f"send:{frame['kind']}:{frame['encoding']}:{hexed(frame['body'])}"
    if "agree" in step:
        return "agree"
    if "close" in step:
        return f"close:{step['close']}"
    return "eof"


def shown(value: object) -> str:
    """A field of an answer: numbers in decimal, bytes in hex."""
    return str(value) if isinstance(value, int) else hexed(value)


CASES: Dict[str, Callable[[Vector], Iterator[Case]]] = {
    "frames": frames,
    "texts": texts,
    "hellos": hellos,
    "messages": messages,
    "sessions": sessions,
    "history": history,
}


def cases(layer: str, vector: Vector) -> List[Case]:
    """All cases of one vector."""
    return list(CASES[layer](vector))
