"""Sends every invalid vector to a running hub and checks that the others in the room are unaffected.

Each broken frame, HELLO, text and message is sent over a separate connection. The hub must answer with a CLOSE or an
ERROR with the code of the fault in SPEC.md, and must keep the connection open where SPEC.md requires it. A witness in
the same room posts a message after each attack and must receive all of them, in order, with none missed.
"""

from __future__ import annotations

import re
import socket
import struct
from contextlib import ExitStack
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Tuple

from building import build_hub
from languages import ROOT
from notrun import NotRun
from processes import PeerFailed, start_hub
from progress import progress, report
from table import Table
from vectors import joined, load

TIME_LIMIT = 120.0
"""Seconds that the hub may take for one answer."""

HELLO, MESSAGE, ERROR, PING, PONG, CLOSE = 0x01, 0x02, 0x05, 0x06, 0x07, 0x08
WELCOME, DELIVERY, GAP = 0x10, 0x13, 0x14
GREETING = bytes.fromhex("424b4e440d0a1a0aff110d00 01 00 1f 02 00100000 0000 0001")
"""The body of a legal HELLO: every encoding, 1 MiB, no keepalive, the hub profile."""

HUB_MAX_BODY = 1 << 20
FROM_A_HUB = {0x10, 0x11, 0x13, 0x14}
"""Kinds that a hub must not receive: their direction is checked before their body (R9.2)."""

Print = Callable[[str], None]


class Attack(NamedTuple):
    """Bytes that contain one fault, and the code that must answer them."""

    id: str
    octets: bytes
    code: int
    survives: bool  # the connection must stay open


class Unanswered(Exception):
    """The hub did not answer as it must."""


def run(table: Table, report: Print = report) -> None:
    """Adds one row to the table: attacks answered correctly, by the layer of their vector."""
    try:
        command = build_hub()
    except NotRun as reason:
        table.not_run("hub", reason)
        return
    codes = codes_of_spec()
    with ExitStack() as stack:
        try:
            hub = start_hub(command, stack)
        except PeerFailed as failure:
            table.not_run("hub", str(failure))
            return
        witness = stack.enter_context(Peer(hub))
        witness.send(frame(HELLO, 0, GREETING))
        posted = 0
        for layer, attacks in attacks_of(codes).items():
            passed = 0
            with progress.stage(f"hostile: bad {layer}", len(attacks)) as stage:
                for attack in attacks:
                    try:
                        carry_out(attack, hub)
                        passed += 1
                    except (Unanswered, OSError) as failure:
                        report(f"hub: {attack.id}: {failure}\n")
                    posted += 1
                    witness.send(frame(MESSAGE, 2, b"message %d" % posted))
                    progress.step(stage)
                stage.result = f"{passed}/{len(attacks)}"
            table.count("hub", f"bad {layer}", passed, len(attacks))
        received = witness.own_deliveries(posted)
        in_order = sum(1 for number, payload in enumerate(received, 1) if payload == b"message %d" % number)
        table.count("hub", "nothing lost", in_order, posted)


def attacks_of(codes: Dict[str, int]) -> Dict[str, List[Attack]]:
    """Every invalid vector that applies to a hub with default limits."""
    hello = frame(HELLO, 0, GREETING)
    frames = [
        Attack(vector["id"], hello + octets_of(vector["bytes"]), code_of(codes, vector), False)
        for vector in load("frames")
        if "fault" in vector and vector.get("limit", HUB_MAX_BODY) == HUB_MAX_BODY
    ]
    hellos = [
        Attack(vector["id"], frame(HELLO, 0, octets_of(vector["body"])), code_of(codes, vector), False)
        for vector in load("hellos")
        if "fault" in vector
    ]
    texts = [
        Attack(vector["id"], hello + frame(MESSAGE, vector["encoding"], octets_of(vector["decode"])), code_of(codes, vector), True)
        for vector in load("texts")
        if "fault" in vector and "decode" in vector
    ]
    messages = [
        Attack(
            vector["id"],
            hello + frame(int(vector["kind"], 16), vector["encoding"], octets_of(vector["body"])),
            codes["unexpected-kind"] if int(vector["kind"], 16) in FROM_A_HUB else code_of(codes, vector),
            vector["fault"].startswith("bad-text") and int(vector["kind"], 16) not in FROM_A_HUB,
        )
        for vector in load("messages")
        # A hub ignores a REPLY that answers no request, whatever its body (R3.14, R3.20).
        if "fault" in vector and not (vector["kind"] == "04" and vector["fault"].startswith("bad-text"))
    ]
    return {"frames": frames, "hellos": hellos, "texts": texts, "messages": messages}


def carry_out(attack: Attack, hub: Tuple[str, int]) -> None:
    """Carries out one attack over a separate connection. Raises Unanswered if the answer is wrong."""
    with Peer(hub) as peer:
        peer.send(attack.octets)
        if attack.survives:
            peer.send(frame(PING, 0, b"alive?"))
        else:
            peer.end()
        code = peer.code_of_answer()
        if code != attack.code:
            raise Unanswered(f"answered by {code}, not {attack.code}")
        if attack.survives and peer.next_of(PONG) != b"alive?":
            raise Unanswered("the connection did not stay open")


class Peer:
    """A raw connection."""

    def __init__(self, hub: Tuple[str, int]) -> None:
        self._socket = socket.create_connection(hub, timeout=TIME_LIMIT)
        self._frames = self._read()

    def __enter__(self) -> "Peer":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, octets: bytes) -> None:
        """Sends bytes; ignores that the hub has already closed the connection."""
        try:
            self._socket.sendall(octets)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def end(self) -> None:
        """Ends the sending direction."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def code_of_answer(self) -> Optional[int]:
        """The code of the first CLOSE or ERROR, or None if the stream ends without one."""
        for kind, body in self._frames:
            if kind == CLOSE:
                return int(struct.unpack_from(">H", body)[0])
            if kind == ERROR:
                return int(struct.unpack_from(">H", body, 8)[0])
        return None

    def next_of(self, wanted: int) -> Optional[bytes]:
        """The body of the next frame of a kind."""
        return next((body for kind, body in self._frames if kind == wanted), None)

    def own_deliveries(self, count: int) -> List[bytes]:
        """The payloads of the next `count` DELIVERYs of this member's own messages.

        Raises Unanswered if the hub reports a gap or closes the connection.
        """
        welcome = self.next_of(WELCOME)
        if welcome is None:
            raise Unanswered("the witness got no WELCOME")
        payloads: List[bytes] = []
        while len(payloads) < count:
            kind, body = next(self._frames, (CLOSE, b""))
            if kind in (CLOSE, GAP):
                raise Unanswered(f"the witness got kind {kind:02x}")
            if kind == DELIVERY and body[:4] == welcome[:4]:
                payloads.append(body[25 + body[24] :])
        return payloads

    def _read(self) -> Iterator[Tuple[int, bytes]]:
        stream = self._socket.makefile("rb")
        stream.readline()  # the hub's line for people
        while True:
            header = stream.read(8)
            if len(header) < 8:
                return
            start, kind, _, length = struct.unpack(">HBBL", header)
            body, end = stream.read(length), stream.read(2)
            if start != 0xF5F8 or end != b"\xf8\xf5":
                raise Unanswered(f"the hub sent something other than a frame: {header.hex()}")
            yield kind, body


def frame(kind: int, encoding: int, body: bytes) -> bytes:
    """A legal frame."""
    return struct.pack(">HBBL", 0xF5F8, kind, encoding, len(body)) + body + b"\xf8\xf5"


def octets_of(written: object) -> bytes:
    """The bytes that a vector has in hex."""
    return bytes.fromhex(joined(written))


def code_of(codes: Dict[str, int], vector: Dict[str, str]) -> int:
    """The code of a vector's fault."""
    return codes[vector["fault"].split(":")[0]]


def codes_of_spec() -> Dict[str, int]:
    """The code of each fault, from the table in section 6 of SPEC.md."""
    section = (ROOT / "SPEC.md").read_text(encoding="utf-8").split("\n## 6 ")[1].split("\n## 7 ")[0]
    rows = re.findall(r"^\| (\d{4}) \| ([^|]+)\|", section, re.MULTILINE)
    return {name: int(code) for code, names in rows for name in re.findall(r"`([a-z-]+)`", names)}
