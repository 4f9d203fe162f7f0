"""The examples of the README are true."""

from __future__ import annotations

import contextlib
import io
import re
import unittest
from pathlib import Path
from typing import Dict

import support
from bookend.action import End, Role
from bookend.frame import START
from bookend.hello import Hello
from bookend.session import Session
from hub import Hub

README = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")


def fault_text(session: Session, *pieces: bytes, until: int = 0) -> str:
    """The text of the fault that ends a session."""
    actions = session.start(0)
    for piece in pieces:
        actions += session.receive(piece, 0)
    session.tick(until)
    end = (actions + session.end_of_stream(until))[-1]
    assert isinstance(end, End)
    return str(end.fault)


class ReadmeTest(unittest.TestCase):
    def test_the_example_runs(self) -> None:
        found = re.search(r"```python\n(.*?)```", README, re.DOTALL)
        assert found is not None
        output = io.StringIO()
        with Hub() as hub, contextlib.redirect_stdout(output):
            host, _, port = hub.address.partition(":")
            names: Dict[str, object] = {"HOST": host, "PORT": int(port)}
            exec(found.group(1), names)
        self.assertRegex(output.getvalue(), r"Welcome\(.*\n.*Presence\(.*\n.*Delivery\(.*'grüß Gott'")

    def test_the_errors_look_as_shown(self) -> None:
        for line in (
            fault_text(Session(Role.SERVER, Hello()), support.hello_frame()[:12] + b"\n"),
            fault_text(Session(Role.SERVER, Hello()), support.hello_frame(Hello(name="x" * 34)), START + b"\2\2\5\0\0\0"),
            fault_text(Session(Role.CLIENT, Hello()), b"SSH-2.0-OpenSSH_9.2\r\n", until=5_000),
        ):
            self.assertIn(f"\n{line}\n", README)


if __name__ == "__main__":
    unittest.main()
