"""The chat, run as a process, over both kinds of connection."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import unittest
from typing import List, Sequence, Tuple

import support
from bookend.message import Delivery, Event, Gap, Presence
from bookend.show import as_json, plain
from bookend.text import Text
from hub import Hub

TIMEOUT = 120.0  # seconds: a test that waits longer fails
BOTH = ((), ("--asyncio",))


def start(*arguments: str) -> "subprocess.Popen[bytes]":
    environment = {**os.environ, "PYTHONPATH": str(support.SOURCE), "LC_ALL": "C", "PYTHONUTF8": "0"}
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "bookend.chat", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    )


def chat(arguments: Sequence[str], lines: bytes = b"") -> Tuple[int, List[str], str]:
    """The status, the lines of output and the errors of a chat that ends by itself."""
    with start(*arguments) as process:
        output, errors = process.communicate(lines, TIMEOUT)
    return process.returncode, output.decode("utf-8").splitlines(), errors.decode("utf-8")


class ChatTest(unittest.TestCase):
    def test_lines_are_posted_and_deliveries_printed_in_utf_8(self) -> None:
        for way in BOTH:
            with Hub() as hub:
                status, output, errors = chat([hub.address, "--name", "ann", "--count", "2", *way], "grüß\nb\x1b\r\n".encode())
            self.assertEqual((status, errors), (0, ""))
            self.assertEqual(output, ["* ann here", "ann: grüß", "ann: b\\u{1b}"])

    def test_the_end_of_input_closes_normally(self) -> None:
        for way in BOTH:
            with Hub() as hub:
                self.assertEqual(chat([hub.address, *way], b"a\nb\nc")[::2], (0, ""))
                _, output, _ = chat([hub.address, "--count", "1", "--name", "bob", *way], b"what came before\n")
            self.assertEqual(output, ["* bob here", "bob: what came before"])

    def test_a_member_that_returns_receives_what_it_has_missed(self) -> None:
        for way in BOTH:
            with Hub() as hub:
                chat([hub.address, "--name", "ann", *way], b"one\ntwo\nthree\n")
                status, output, errors = chat([hub.address, "--name", "bob", "--resume", "1", "--count", "2", *way])
            self.assertEqual((status, output[-2:], errors), (0, ["ann: two", "ann: three"], ""))
            self.assertEqual(chat([hub.address, "--resume", "-1", *way])[0], 2)
            self.assertEqual(chat([hub.address, "--resume", str(1 << 64), *way])[0], 2)

    def test_payloads_are_sent_in_exact_encodings_and_printed_as_json(self) -> None:
        sends = (("0", "68656c6c6f"), ("1", "6869"), ("2", "c3bc"), ("3", "20ac"), ("4", "ac20"))
        arguments = [word for send in sends for word in ("--send-hex", *send)]
        for way in BOTH:
            with Hub() as hub:
                status, output, errors = chat([hub.address, "--name", "ann", "--json", "--count", "5", *arguments, *way])
            self.assertEqual((status, errors), (0, ""))
            events = [json.loads(line) for line in output]
            self.assertEqual(events[0], {"event": "welcome", "member": 1, "next_seq": 1, "greeting": "hi"})
            self.assertEqual(events[1], {"event": "here", "member": 1, "name": "ann"})
            common = {"from": 1, "name": "ann", "to": 0, "time": 1795390321000}
            bodies = ({"hex": "68656c6c6f"}, {"text": "hi"}, {"text": "ü"}, {"text": "€"}, {"text": "€"})
            expected = [
                {**common, "seq": number + 1, "encoding": number, **body} for number, body in enumerate(bodies)
            ]
            self.assertEqual(events[2:], expected)

    def test_a_private_message_reaches_one_member_only(self) -> None:
        for way in BOTH:
            with Hub() as hub, start(hub.address, "--name", "bob", "--count", "1", *way) as bob:
                assert bob.stdout is not None
                self.assertEqual(bob.stdout.readline(), b"* bob here\n")
                status, _, errors = chat([hub.address, "--name", "ann", *way], b"/to 1 psst\n")
                self.assertEqual((status, errors), (0, ""))
                output, _ = bob.communicate(timeout=TIMEOUT)
                self.assertEqual(output.splitlines()[:2], [b"* ann joined", b"ann (to you): psst"])
                self.assertEqual(bob.returncode, 0)

    def test_a_line_that_cannot_be_sent_is_reported_and_the_chat_continues(self) -> None:
        for way in BOTH:
            with Hub() as hub:
                lines = b"gr\xfc\xdf\n/to bob hi\nfine\n"
                status, output, errors = chat([hub.address, "--name", "ann", "--count", "1", *way], lines)
                self.assertEqual((status, output), (1, ["* ann here", "ann: fine"]))
                self.assertRegex(errors, r"\Abad-text \(1007\): byte 2 of .*\nno-such-member \(4010\): write /to .*\n\Z")
                status, _, errors = chat([hub.address, *way], b"/to 99 hi\n")
                self.assertEqual(status, 1)
                self.assertRegex(errors, r"\Ano-such-member \(4010\): 99; .*\n\Z")

    def test_a_fault_prints_one_line_and_exits_with_1(self) -> None:
        for way in BOTH:
            with socket.create_server(("127.0.0.1", 0)) as listener:
                port = listener.getsockname()[1]
                with start(f"127.0.0.1:{port}", *way) as process:
                    stream, _ = listener.accept()
                    with stream:
                        stream.sendall(support.hello_frame()[:12] + b"\n" + support.hello_frame()[14:])
                        stream.shutdown(socket.SHUT_WR)
                        _, errors = process.communicate(timeout=TIMEOUT)
                self.assertEqual(process.returncode, 1)
                self.assertRegex(errors, rb"\Abad-canary \(1002\): byte 0 is 0a, CRLF became LF; .*binary\n\Z")
            status, _, errors_text = chat([f"127.0.0.1:{port}", *way])
            self.assertEqual(status, 1)
            self.assertRegex(errors_text, r"\A127.0.0.1:.*does a hub listen there\?\n\Z")

    def test_a_hub_that_shuts_down_is_a_fault(self) -> None:
        for way in BOTH:
            with Hub() as hub:
                process = start(hub.address, "--name", "ann", *way)
                assert process.stdout is not None
                self.assertEqual(process.stdout.readline(), b"* ann here\n")
            with process:
                _, errors = process.communicate(timeout=TIMEOUT)
            self.assertEqual(process.returncode, 1)
            self.assertRegex(errors, rb"\Agoing-away \(1001\); .*\n\Z")

    def test_invalid_options_are_refused(self) -> None:
        for arguments, status in (
            (["nowhere"], 2),
            (["127.0.0.1:1", "--count", "0"], 2),
            (["127.0.0.1:1", "--send-hex", "5", "00"], 2),
            (["127.0.0.1:1", "--send-hex", "2", "ff"], 1),
            (["127.0.0.1:1", "--name", "a\nb"], 1),
        ):
            self.assertEqual(chat(arguments)[0], status, arguments)


class ShowTest(unittest.TestCase):
    def test_lines_for_people(self) -> None:
        for message, line in (
            (Delivery(1, 0, 1, 0, "ann", b"hello"), "ann: [binary 5 bytes: 68 65 6c 6c 6f]"),
            (Delivery(1, 2, 0, 0, "ann", Text("a\nb: c\u202e")), "ann (to you): a\\u{a}b: c\\u{202e}"),
            (Presence(1, Event.LEFT, Text("ann")), "* ann left"),
            (Gap(3), "* 3 messages missed"),
            (Delivery(1, 0, 1, 0, "* the hub: x", Text("hi")), "\\u{2a} the hub\\u{3a} x: hi"),
            (Delivery(1, 0, 1, 0, "ann (to you)", Text("hi")), "ann \\u{28}to you): hi"),
            (Presence(1, Event.JOINED, Text("ann\uff1a")), "* ann\\u{ff1a} joined"),
            (Presence(300, Event.CROWD, Text("! policy")), "* 300 in \\u{21} policy, too many to announce who joins and leaves"),
            (Presence(1, Event.LEFT, Text("Ann! (work) 12:30")), "* Ann\\u{21} (work) 12:30 left"),
        ):
            self.assertEqual(plain(message, 2), line)

    def test_json_is_one_line_without_controls(self) -> None:
        line = as_json(Delivery(1, 0, 1, 0, "ann", Text("ü\n\x1b\x9b\u202e\u2028\x7f\"")))
        assert line is not None
        self.assertEqual(json.loads(line)["text"], "ü\n\x1b\x9b\u202e\u2028\x7f\"")
        self.assertIn('"text":"ü\\n\\u001b\\u009b\\u202e\\u2028\\u007f\\""', line)


if __name__ == "__main__":
    unittest.main()
