"""Every pair that can run runs: a peer that is missing or fails costs its own row and column, and no other."""

import json
import os
import sys
import unittest
from typing import Any, List, Sequence, Tuple
from unittest import mock

import building
import live
from languages import Language
from live import Peer, Received
from table import Table

WELCOME = {"event": "welcome"}
LAST = {"name": "guest-1", "encoding": 2, "text": "at last"}


def post(sender: str) -> Any:
    return {"name": f"from-{sender}", "encoding": 2, "text": "hi"}


def language(name: str, chat: Tuple[str, ...] = (), tools: Tuple[str, ...] = ()) -> Language:
    return Language(name, folder="interop", tools=tools, build=(), adapter=(), chat=chat, tests=())


def peer(count: int, *lines: Any, then: str = "") -> Peer:
    """A peer that prints these lines, and then runs this program."""
    printed = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    return Peer(language("peer", (sys.executable, "-c", f"print({printed!r}, flush=True); {then}")), ("127.0.0.1", 1), "peer", "utf-8", count, {})


def listened(one: Peer) -> List[Received]:
    """What the peer received from its welcome on."""
    with one:
        one.wait_until_welcome()
        return one.deliveries()


class Peers(unittest.TestCase):
    def test_all_deliveries_are_received(self) -> None:
        one = peer(2, WELCOME, post("c"), LAST)
        self.assertEqual(listened(one), [Received("c", 2, "hi"), Received("telnet", 2, "at last")])
        self.assertIsNone(one.failure)

    def test_a_listener_does_not_wait_for_posts_of_one_that_failed(self) -> None:
        one = peer(7, WELCOME, post("c"), LAST, then="import sys; sys.stdin.read()")
        self.assertEqual(len(listened(one)), 2)
        self.assertIsNone(one.failure)

    def test_a_peer_that_ends_too_early_fails(self) -> None:
        one = peer(2, post("c"))
        self.assertEqual(listened(one), [])
        self.assertIn("exited before it received WELCOME", str(one.failure))

    def test_a_peer_that_exits_with_a_failure_fails(self) -> None:
        one = peer(2, WELCOME, post("c"), then="raise SystemExit(4)")
        self.assertEqual(listened(one), [Received("c", 2, "hi")])
        self.assertIn("exited with status 4", str(one.failure))

    def test_a_peer_that_prints_something_else_fails(self) -> None:
        for line in ("Traceback", "[]", '{"name": 7}'):
            one = peer(2, WELCOME, line)
            listened(one)
            self.assertIn("printed", str(one.failure))


class Rows(unittest.TestCase):
    def talking(self, only: Sequence[str]) -> Tuple[Table, List[str]]:
        """The table, and the names of the languages that talked."""
        table, talked = Table(), []  # type: Table, List[str]
        rows = (language("rust"), language("python"), language("csharp", tools=("no-such-tool",)), language("c"))
        with mock.patch.multiple(live, LANGUAGES=rows, start_hub=mock.Mock(), Relay=mock.Mock()):
            with mock.patch.object(live, "talk", lambda table, peers, *rest: talked.extend(one.name for one in peers)):
                with mock.patch.dict(os.environ, {"CI": ""}), mock.patch.dict(building._results, clear=True):
                    live.run(table, only, build_hub=lambda: ["hub"])
        return table, talked

    def test_those_that_can_talk_do(self) -> None:
        table, talked = self.talking(only=())
        self.assertEqual(talked, ["rust", "python", "c"])
        self.assertEqual(table.lines()[1:], ["csharp  not run (no no-such-tool: no-such-tool)"])
        self.assertFalse(table.failed)
        self.assertEqual(table.lacking, {"csharp": ["no-such-tool"]})

    def test_picked_rows_talk_with_rust(self) -> None:
        table, talked = self.talking(only=("c",))
        self.assertEqual(talked, ["rust", "c"])
        self.assertEqual(table.verdict(), "passed")

    def test_without_a_hub_nobody_talks(self) -> None:
        table = Table()
        with mock.patch.object(live, "LANGUAGES", ()):
            live.run(table, (), build_hub=lambda: [sys.executable, "-c", "", "--"])
        self.assertEqual(table.lines()[1:], ["hub  not run (the hub did not print its address)"])
        self.assertTrue(table.failed)


if __name__ == "__main__":
    unittest.main()
