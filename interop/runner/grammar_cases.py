"""The vectors as octets for a rule of SPEC.md's grammar, with the reason why the grammar may not see a fault (appendix D).

A grammar cannot count: without the lengths, the octets of one field may be taken for those of the next. So the octets are
also cut where their lengths say, and each piece must match the rule of its field.
"""

from __future__ import annotations

from typing import Iterator, NamedTuple, Optional, Tuple

from vectors import Vector, joined

START, END = b"\xf5\xf8", b"\xf8\xf5"
HEADER = 8
"""Octets before the body."""

FIXED = 24
"""Octets of a HELLO before its options."""

OPTIONS = {1, 2, 3, 4, 5, 7, 8}
"""The options that may occur once."""

LINES = {1, 2, 5}
"""The options that are plain lines."""

LINE = 64
"""The most octets of a plain line."""

ENCODINGS = {1: "us-ascii", 2: "utf-8", 3: "utf-16be", 4: "utf-16le"}
PRESENCE, DELIVERY, GAP = 0x11, 0x13, 0x14
BAD_CHUNK = "bad-chunk"
MARK = bytes.fromhex("424b5452")
EVENT, NAME = 4, 5
"""Where the event and the name of a PRESENCE are in its body."""

SENDER = 24
"""Where the length of the name is in the body of a DELIVERY."""

SEARCH = 13
"""Octets of a query before its text."""

FILE_NAME = 18
"""Octets of an OFFER before its name."""


class Case(NamedTuple):
    """Octets that must match a rule, or must not if they have a fault."""

    id: str
    rule: str
    octets: bytes
    fault: Optional[str] = None
    excuse: Optional[str] = None
    """Why the octets may match although they have the fault: a name in appendix D. None: they may not."""
    pieces: Tuple[Tuple[str, bytes], ...] = ()
    """The fields that have a length, each with its rule: all of them must match too."""


def cases_of(layer: str, vector: Vector) -> Iterator[Case]:
    """The cases of a vector; none if no octets of a rule are in it."""
    return CASES[layer](vector)


def frames(vector: Vector) -> Iterator[Case]:
    octets = octets_of(vector["bytes"])
    fault = vector["fault"].split(":")[0] if "fault" in vector else "truncated" if vector["result"] == "more" else None
    frames = list(cut_frames(octets))
    excuse = "limit" if fault == "too-long" else "length" if frames and is_cut_short(frames[-1]) else None
    yield Case(vector["id"], "stream", octets, fault, excuse, tuple(("frame", frame) for frame in frames))


def cut_frames(octets: bytes) -> Iterator[bytes]:
    """The octets cut where the lengths in the headers say."""
    while octets:
        end = HEADER + int.from_bytes(octets[4:HEADER], "big") + len(END)
        yield octets[:end]
        octets = octets[end:]


def is_cut_short(frame: bytes) -> bool:
    """Whether a frame has fewer octets than its header says."""
    return len(frame) < HEADER + int.from_bytes(frame[4:HEADER], "big") + len(END)


def texts(vector: Vector) -> Iterator[Case]:
    if "decode" in vector:
        yield Case(vector["id"], ENCODINGS[vector["encoding"]], octets_of(vector["decode"]), vector.get("fault"))
    elif "bytes" in vector:
        yield Case(vector["id"], ENCODINGS[vector["encoding"]], octets_of(vector["bytes"]))


def hellos(vector: Vector) -> Iterator[Case]:
    body = octets_of(vector["body"])
    fault = vector.get("fault")
    pieces = tuple(("option", piece) for piece in cut_options(body[FIXED:]))
    yield Case(vector["id"], "hello-body", body, fault, excuse_of_hello(body[FIXED:]) if fault == "bad-hello" else None, pieces)
    if "wire" in vector:
        yield Case(vector["id"], "hello-body", octets_of(vector["wire"]))


def cut_options(octets: bytes) -> Iterator[bytes]:
    """Options cut where their lengths say; the last one may be cut short."""
    while octets:
        end = 2 + octets[1] if len(octets) > 1 else 1
        yield octets[:end]
        octets = octets[end:]


def excuse_of_hello(octets: bytes) -> Optional[str]:
    """What counting shows: an option that runs past the end, a line of too many octets, an option that occurs twice."""
    options = list(cut_options(octets))
    if any(len(option) < 2 or len(option) != 2 + option[1] for option in options):
        return "length"
    if any(option[0] in LINES and option[1] > LINE for option in options):
        return "octets"
    kinds = [option[0] for option in options if option[0] in OPTIONS]
    return "twice" if len(set(kinds)) < len(kinds) else None


def messages(vector: Vector) -> Iterator[Case]:
    kind, encoding, body = int(vector["kind"], 16), vector["encoding"], octets_of(vector["body"])
    fault = vector["fault"].split(":")[0] if "fault" in vector else None
    excuse = None
    pieces: Tuple[Tuple[str, bytes], ...] = ()
    if fault == "bad-text":
        excuse = "text"
    elif kind == PRESENCE and fault == "malformed" and encoding in ENCODINGS and len(body) > NAME and body[EVENT] <= 3:
        excuse = "octets" if len(name_in(body[NAME:], encoding)) > LINE else "text"
    elif kind == DELIVERY and len(body) > SENDER:
        pieces = (("sender", body[SENDER : SENDER + 1 + body[SENDER]]),)
        excuse = "length" if runs_past_its_end(body) else None
    yield Case(vector["id"], "known-frame", framed(kind, encoding, body), fault, excuse, pieces)
    if "wire" in vector and not str(vector["wire"]).startswith("fault:"):
        yield Case(vector["id"], "known-frame", framed(kind, encoding, octets_of(vector["wire"])))


def name_in(octets: bytes, encoding: int) -> bytes:
    """The UTF-8 of the name in a PRESENCE."""
    codec = {1: "ascii", 2: "utf-8", 3: "utf-16-be", 4: "utf-16-le"}[encoding]
    return octets.decode(codec, "replace").encode("utf-8", "replace")


def runs_past_its_end(body: bytes) -> bool:
    """Whether the length of the name in a DELIVERY is more than what follows it."""
    return len(body) > SENDER and SENDER + 1 + body[SENDER] > len(body)


def framed(kind: int, encoding: int, body: bytes) -> bytes:
    """A frame."""
    return START + bytes((kind, encoding)) + len(body).to_bytes(4, "big") + body + END


def history(vector: Vector) -> Iterator[Case]:
    rule = "query" if "query" in vector else "page"
    octets = octets_of(vector[rule])
    fault = "other" if "other" in vector else None
    excuse = None
    if fault and rule == "query" and len(octets) > SEARCH + 256:
        excuse = "octets"
    pieces: Tuple[Tuple[str, bytes], ...] = ()
    if rule == "page":
        entries = list(cut_frames(octets))
        pieces = tuple(("entry", entry) for entry in entries)
        pieces += tuple(("sender", entry[HEADER + SENDER : HEADER + SENDER + 1 + entry[HEADER + SENDER]]) for entry in entries if is_delivery(entry))
        if any(is_delivery(entry) and runs_past_its_end(entry[HEADER : -len(END)]) for entry in entries):
            excuse = "length"
        elif entries and all(entry[2:3] in (bytes((DELIVERY,)), bytes((GAP,))) for entry in entries):
            excuse = "text"
    yield Case(vector["id"], rule, octets, fault, excuse, pieces)


def is_delivery(entry: bytes) -> bool:
    """Whether a frame is a DELIVERY that has the length of a name."""
    return len(entry) > HEADER + SENDER + len(END) and entry[2] == DELIVERY


def transfers(vector: Vector) -> Iterator[Case]:
    """Each chunk of a transfer: those that are sent, and those that arrive."""
    for step in vector["steps"]:
        outcome = step["then"]
        if "recv" in step:
            octets = octets_of(step["recv"])
            bad = outcome.startswith("fault:") and BAD_CHUNK in outcome.split(",")[0].split(":")
            if outcome != "other":
                yield Case(vector["id"], "chunk", octets, BAD_CHUNK if bad else None, excuse_of_chunk(octets) if bad else None)
        for item in outcome.split(","):
            name, _, chunk = item.partition(":")
            if name in ("answer", "send"):
                yield Case(vector["id"], "chunk", bytes.fromhex(chunk))


def excuse_of_chunk(octets: bytes) -> Optional[str]:
    """A chunk that has its form, but comes when it may not; or a name of too many octets."""
    kind = octets[len(MARK)] if len(octets) > len(MARK) else 0
    if kind == 0x01 and len(octets) > FILE_NAME + 255:
        return "octets"
    return "state" if kind == 0x82 and len(octets) == 17 else None


def octets_of(written: object) -> bytes:
    """The octets that a vector has in hex."""
    return bytes.fromhex(joined(written))


CASES = {"frames": frames, "texts": texts, "hellos": hellos, "messages": messages, "history": history, "transfers": transfers}
