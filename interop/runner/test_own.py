"""A peer's own tests count only if they ran and passed."""

import os
import sys
import unittest
from typing import List, Tuple
from unittest import mock

import building
import own
from languages import Language
from table import Table


def command(program: str) -> Tuple[str, ...]:
    return (sys.executable, "-c", program)


def tested(*tests: Tuple[str, ...]) -> Tuple[Table, List[str]]:
    """The table and the printed lines after a peer ran these tests."""
    table, printed = Table(), []  # type: Table, List[str]
    peer = Language("peer", folder="interop", tools=(), build=(), adapter=(), chat=(), tests=tests)
    with mock.patch.object(own, "LANGUAGES", (peer,)), mock.patch.dict(building._results, clear=True):
        with mock.patch.dict(os.environ, {"CI": ""}):
            own.run(table, only=(), report=printed.append)
    return table, printed


class OwnTests(unittest.TestCase):
    def test_passed_commands_are_counted(self) -> None:
        table, printed = tested(command("pass"), command("print('much')"))
        self.assertEqual(table.lines()[1], "peer        2/2")
        self.assertFalse(table.failed)
        self.assertEqual(printed, [])

    def test_a_failure_is_printed_and_ends_the_run(self) -> None:
        table, printed = tested(command("pass"), command("print('why'); raise SystemExit(3)"), command("print('never')"))
        self.assertEqual(table.lines()[1], "peer        1/3")
        self.assertTrue(table.failed)
        self.assertIn("why\nexit status 3", printed[0])

    def test_a_command_that_cannot_be_started_fails(self) -> None:
        self.assertTrue(tested(("./no-such-program",))[0].failed)

    def test_a_missing_program_of_the_tests_is_named(self) -> None:
        table, _ = tested(("no-such-program",))
        self.assertEqual(table.lines()[1], "peer  not run (no no-such-program: no-such-program)")
        self.assertEqual(table.lacking, {"peer": ["no-such-program"]})

    def test_a_peer_without_tests_fails(self) -> None:
        table, _ = tested()
        self.assertEqual(table.lines()[1], "peer  not run (no tests)")
        self.assertTrue(table.failed)


if __name__ == "__main__":
    unittest.main()
