#!/usr/bin/env python3
"""Tests the dissector with tshark: every vector as a capture, cut in several ways, and some streams."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple
from xml.etree import ElementTree

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "runner"))

from capture import Capture  # noqa: E402
from vectors import Vector, joined, load  # noqa: E402

HELLO = bytes.fromhex("424b4e440d0a1a0aff110d0001001f02001000000000" "0001")
FIRST_CLIENT = 10_000
# Longer streams are not sent one byte at a time: tshark would take minutes.
LONG = 300
# tshark prints control characters unescaped, which is not legal XML.
CONTROLS = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def frame(kind: int, body: bytes, encoding: int = 2) -> bytes:
    return bytes([0xF5, 0xF8, kind, encoding]) + len(body).to_bytes(4, "big") + body + b"\xf8\xf5"


class Shown:
    """One frame as tshark shows it: the values of every field, as text and as bytes."""

    def __init__(self, proto: ElementTree.Element) -> None:
        self.fields: Dict[str, List[ElementTree.Element]] = {}
        for field in proto.iter("field"):
            self.fields.setdefault(field.get("name", ""), []).append(field)

    def show(self, name: str) -> Any:
        return next((field.get("show") for field in self.fields.get("bookend." + name, [])), None)

    def number(self, name: str) -> int:
        return int(self.show(name), 0)

    def bytes(self, name: str) -> str:
        return next((field.get("value", "") for field in self.fields.get("bookend." + name, [])), "")


Segments = List[Tuple[str, bytes]]


def dissect(streams: List[Segments]) -> List[List[Shown]]:
    """The frames that the dissector finds in each stream, a list of segments with their direction."""
    return by_stream(tshark(streams, "-2", "-T", "pdml"), len(streams))


def tshark(streams: List[Segments], *arguments: str) -> str:
    """The output of tshark for the streams."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "capture.pcap"
        with path.open("wb") as file:
            capture = Capture(file)
            for number, segments in enumerate(streams):
                client = FIRST_CLIENT + number
                capture.connect(client)
                for direction, data in segments:
                    (capture.to_server if direction == ">" else capture.to_client)(client, data)
        command = ["tshark", "-X", f"lua_script:{HERE / 'bookend.lua'}", "-r", str(path), *arguments]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", timeout=300)
    errors = [line for line in done.stderr.splitlines() if "could be dangerous" not in line]
    if done.returncode or errors or "Lua Error" in done.stdout:
        raise AssertionError(f"tshark: {errors} {[line for line in done.stdout.splitlines() if 'Lua Error' in line][:3]}")
    return CONTROLS.sub(" ", done.stdout)


def by_stream(pdml: str, count: int) -> List[List[Shown]]:
    shown: List[List[Shown]] = [[] for _ in range(count)]
    for packet in ElementTree.fromstring(pdml).iter("packet"):
        stream = next(int(field.get("show", "")) for field in packet.iter("field") if field.get("name") == "tcp.stream")
        shown[stream] += [Shown(proto) for proto in packet.iter("proto") if proto.get("name") == "bookend"]
    return shown


def ways(data: bytes) -> Iterator[List[bytes]]:
    """The stream whole and, if it is short, one byte at a time and in pieces of seven."""
    yield [data]
    if len(data) <= LONG:
        yield [data[i : i + 1] for i in range(len(data))]
        yield [data[i : i + 7] for i in range(0, len(data), 7)]


def to_server(data: bytes) -> List[Segments]:
    return [[(">", piece) for piece in pieces] for pieces in ways(data)]


def each(cases: List[Tuple[Vector, bytes]]) -> Iterator[Tuple[Vector, List[Shown]]]:
    """Every vector, cut in every way."""
    streams = [(vector, stream) for vector, data in cases for stream in to_server(data)]
    shown = dissect([stream for _, stream in streams])
    return ((vector, frames) for (vector, _), frames in zip(streams, shown))


class Vectors(unittest.TestCase):

    def test_frames(self) -> None:
        # Limits below those of a HELLO are skipped. A frame before each vector keeps faults from being taken for lines.
        vectors = [vector for vector in load("frames") if "limit" not in vector]
        first = frame(2, b"first")
        # Wireshark waits for a whole frame before it calls the dissector again: half an END that arrives alone is not checked.
        vectors = [vector for vector in vectors if vector.get("fault") != f"bad-end:{len(joined(vector['bytes'])) // 2 - 1}"]
        for vector, shown in each([(vector, first + bytes.fromhex(joined(vector["bytes"]))) for vector in vectors]):
            whole = [one for one in shown if one.show("end") and one.show("fault") != "bad-end"]
            found = [(one.number("kind"), one.number("encoding"), one.bytes("body")) for one in whole]
            expected = [(int(one["kind"], 16), one["encoding"], joined(one["body"])) for one in vector["frames"]]
            self.assertEqual(found[1:], expected, vector)
            framing = [one.show("fault") for one in shown if one.show("unframed")]
            self.assertEqual(framing[:1], [vector["fault"].split(":")[0]] if "fault" in vector else [], vector)

    def test_texts(self) -> None:
        vectors = [vector for vector in load("texts") if "decode" in vector]
        cases = [(v, frame(2, bytes.fromhex(joined(v["decode"])), v["encoding"])) for v in vectors]
        for vector, [one] in each(cases):
            self.assertEqual(fault_of(one), vector.get("fault"), vector)
            self.assertEqual("bookend.expert.mark" in one.fields, vector.get("bom", False), vector)
            text = bytes.fromhex(joined(vector.get("utf8", ""))).decode()
            if text.isprintable() and text.isascii():
                self.assertEqual(one.show("text") or "", text)

    def test_hellos(self) -> None:
        vectors = load("hellos")
        cases = [(vector, frame(1, bytes.fromhex(joined(vector["body"])), 0)) for vector in vectors]
        for vector, shown in each(cases):
            one = shown[0]
            self.assertEqual(fault_of(one), vector.get("fault"), vector)
            for name, value in vector.get("hello", {}).items():
                if name in ("major", "minor", "preferred", "max-body", "keepalive"):
                    self.assertEqual(one.number("hello." + name.replace("-", "_")), value)
                elif name in ("name", "room", "software"):
                    self.assertEqual(one.bytes("hello." + name), joined(value))
                elif name in ("resume", "requests"):
                    self.assertEqual(one.number("hello." + name), value)

    def test_messages(self) -> None:
        cases = [
            (v, frame(int(v["kind"], 16), bytes.fromhex(joined(v["body"])), v["encoding"]))
            for v in load("messages")
        ]
        for vector, [one] in each(cases):
            self.assertEqual(fault_of(one), vector.get("fault"), vector)
            for name, value in vector.get("fields", {}).items():
                if one.show("next_seq") and name == "seq":
                    self.assertEqual(one.number("next_seq"), value)
                elif name in ("id", "code", "member", "to", "from", "seq", "time", "missed"):
                    self.assertEqual(one.number(name), value, name)
                elif name == "frame":
                    self.assertEqual(one.number("error.frame"), value)
                elif name == "payload":
                    self.assertEqual(one.bytes("payload").endswith(joined(value)) or vector["encoding"] > 2, True)


def fault_of(one: Shown) -> Any:
    """The fault as the vectors write it; bad-text has an offset."""
    fault, offset = one.show("fault"), one.show("fault.offset")
    return f"{fault}:{offset}" if offset is not None else fault


class Streams(unittest.TestCase):
    def test_a_conversation_in_a_room(self) -> None:
        hello = frame(1, HELLO, 0)
        line = "Bookend hub, Mon, 23 Nov 2026\r\n"
        [shown] = dissect([[
            (">", hello), ("<", line.encode()),
            ("<", hello + frame(0x10, bytes(3) + b"\5" + bytes(7) + b"\1" + b"hi")),
            (">", frame(3, b"\0\0\0\7time?")), ("<", frame(4, b"\0\0\0\7noon")),
            ("<", frame(5, bytes(7) + b"\1" + (1007).to_bytes(2, "big") + b"bad-text")),
        ]])  # fmt: skip
        self.assertEqual(shown.pop(1).show("line")[: len(line) - 2], line[:-2])
        self.assertEqual([one.number("frame") for one in shown], [0, 0, 1, 1, 2, 3], "each direction counts its own")
        self.assertEqual(shown[2].show("greeting"), "hi")
        self.assertTrue(shown[3].show("reply_in") and shown[4].show("request_in"))
        self.assertEqual((shown[5].number("error.frame"), shown[5].number("code")), (1, 1007))

    def test_a_cancel_is_linked_to_its_request_and_is_not_its_answer(self) -> None:
        cancelled = frame(5, b"\0\0\0\7\0\0\0\0" + (4012).to_bytes(2, "big") + b"cancelled")
        stream = [(">", frame(3, b"\0\0\0\7time?")), (">", frame(0x81, b"\0\0\0\7", 0)), ("<", cancelled)]
        [[request, cancel, error]] = dissect([stream])
        self.assertEqual(cancel.show("request_in"), error.show("request_in"))
        self.assertEqual(int(request.show("reply_in")), int(cancel.show("request_in")) + 2)
        infos = tshark([stream], "-T", "fields", "-e", "_ws.col.Info").splitlines()[2:]
        self.assertEqual(infos, ['REQUEST 7 "time?"', "CANCEL 7", 'ERROR 7 4012 cancelled "cancelled"'])

    def test_the_packet_list_shows_the_messages(self) -> None:
        umlaut = "grüß 😀".encode("utf-16-le")
        stream = [(">", frame(2, umlaut, 4) + frame(6, b"", 0)), (">", frame(2, b"\xff")), ("<", frame(8, b"\x0f\xa1bad-end"))]
        infos = tshark([stream], "-T", "fields", "-e", "_ws.col.Info").splitlines()[2:]
        self.assertEqual(infos, ['MESSAGE "grüß 😀" · PING', "MESSAGE [bad-text]", 'CLOSE 4001 bad-end "bad-end"'])

    def test_many_frames_in_one_segment(self) -> None:
        [shown] = dissect([[(">", b"".join(frame(2, str(i).encode()) for i in range(500)))]])
        self.assertEqual([one.show("text") for one in shown], [str(i) for i in range(500)])
        self.assertEqual([one.number("frame") for one in shown], list(range(500)))

    def test_a_frame_of_many_segments(self) -> None:
        [shown] = dissect([[(">", frame(2, b"x" * 400_000, 0) + frame(2, b"second"))]])
        self.assertEqual([one.number("length") for one in shown], [400_000, 6])

    def test_a_little_endian_length_is_diagnosed(self) -> None:
        wrong = b"\xf5\xf8\2\2\2\0\0\0hi\xf8\xf5"
        [shown] = dissect([[(">", wrong), (">", frame(2, b"ignored"))]])
        self.assertEqual([one.show("fault") for one in shown], ["too-long", None])
        self.assertIn("its length is little-endian", shown[0].fields["_ws.expert.message"][0].get("show", ""))
        self.assertIsNone(shown[1].show("text"), "nothing after a fault is a frame")

    def test_the_other_sides_limit_is_the_limit(self) -> None:
        small = bytearray(HELLO)
        small[16:20] = (1024).to_bytes(4, "big")
        [shown] = dissect([[("<", frame(1, bytes(small), 0)), (">", frame(2, b"x" * 1024)), (">", frame(2, b"x" * 1025))]])
        self.assertEqual([one.show("fault") for one in shown], [None, None, "too-long"])

    def test_a_damaged_canary_is_reported_before_the_hello_is_complete(self) -> None:
        [shown] = dissect([[(">", frame(1, HELLO, 0).replace(b"\r\n", b"\n")[:-1])]])
        self.assertEqual([one.show("fault") for one in shown], ["bad-canary"])

    def test_another_protocol_is_shown_as_lines(self) -> None:
        [[one]] = dissect([[(">", b"GET / HTTP/1.1\r\n\r\n")]])
        self.assertTrue(one.show("line").startswith("GET / HTTP/1.1"))
        self.assertIsNone(one.show("fault"))


class Elsewhere(unittest.TestCase):
    def test_it_is_recognised_on_any_port(self) -> None:
        import capture

        capture.PORT, port = 5999, capture.PORT
        try:
            [shown] = dissect([[(">", frame(1, HELLO, 0)), (">", frame(2, b"hi"))]])
        finally:
            capture.PORT = port
        self.assertEqual([one.number("kind") for one in shown], [1, 2])


if __name__ == "__main__":
    unittest.main()
