"""The examples of the README are true."""

from __future__ import annotations

import contextlib
import io
import re
import socket
import threading
import unittest
from pathlib import Path
from typing import Dict

import support
import bookend
from bookend.action import End, Role
from bookend.connection import from_socket
from bookend.frame import START
from bookend.hello import Hello
from bookend.message import PRIVATE_KINDS, Private
from bookend.session import Session
from hub import Hub

TIMEOUT = 120.0
README = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def fault_text(session: Session, *pieces: bytes, until: int = 0) -> str:
    """The text of the fault that ends a session."""
    actions = session.start(0)
    for piece in pieces:
        actions += session.receive(piece, 0)
    session.tick(until)
    end = (actions + session.end_of_stream(until))[-1]
    assert isinstance(end, End)
    return str(end.fault)


def echo(listener: socket.socket) -> None:
    """Sends the first message of a private kind back."""
    with from_socket(listener.accept()[0], Role.SERVER, agreed=PRIVATE_KINDS) as peer:
        message = peer.receive(TIMEOUT)
        assert isinstance(message, Private)
        peer.send(message)
        peer.receive(TIMEOUT)


class ReadmeTest(unittest.TestCase):
    def test_the_example_runs(self) -> None:
        example, history, *_ = EXAMPLES
        output = io.StringIO()
        with Hub() as hub, contextlib.redirect_stdout(output):
            host, _, port = hub.address.partition(":")
            names: Dict[str, object] = {"HOST": host, "PORT": int(port)}
            exec(example, names)
            exec(history, names)
        self.assertRegex(output.getvalue(), r"Welcome\(.*\n.*Presence\(.*\n.*Delivery\(.*'grüß Gott'.*\n1 ann Text\(.*'grüß Gott'")

    def test_the_example_of_private_kinds_runs(self) -> None:
        (example,) = (text for text in EXAMPLES if "bookend.Private" in text)
        output = io.StringIO()
        with socket.create_server(("127.0.0.1", 0)) as listener, contextlib.redirect_stdout(output):
            thread = threading.Thread(target=echo, args=(listener,))
            thread.start()
            exec(example, {"bookend": bookend, "HOST": "127.0.0.1", "PORT": listener.getsockname()[1]})
            thread.join(TIMEOUT)
        self.assertRegex(output.getvalue(), r"^192 Text\(.*'circle 10 10 5'")

    def test_the_errors_look_as_shown(self) -> None:
        for line in (
            fault_text(Session(Role.SERVER, Hello()), support.hello_frame()[:12] + b"\n"),
            fault_text(Session(Role.SERVER, Hello()), support.hello_frame(Hello(name="x" * 34)), START + b"\2\2\5\0\0\0"),
            fault_text(Session(Role.CLIENT, Hello()), b"SSH-2.0-OpenSSH_9.2\r\n", until=5_000),
        ):
            self.assertIn(f"\n{line}\n", README)


if __name__ == "__main__":
    unittest.main()
