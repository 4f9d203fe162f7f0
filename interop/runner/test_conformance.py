"""The output of `bookend conform` becomes a row of the table, and a peer that did not run never passes."""

import json
import os
import sys
import unittest
from typing import Any, Dict, List, Optional, Tuple
from unittest import mock

import building
import conformance
from languages import Language
from table import Table


def case(verdict: str, group: str = "frames") -> Dict[str, Any]:
    found = {"how": "whole", "sent": "f5f8", "expected": "end", "seen": "more", "diagnosis": None, "fix": None}
    requires = [{"tag": "R2.1", "sentence": "A frame MUST begin with the bytes F5 F8."}]
    return {"id": "F001", "group": group, "why": "A reason.", "requires": requires, "verdict": verdict, **found}


def examined(cases: List[Dict[str, Any]], status: int, column: Optional[str] = None) -> Tuple[Table, List[str]]:
    """The table and the printed lines after the tester printed these cases and exited with this status."""
    table, printed = Table(), []  # type: Table, List[str]
    lines = [json.dumps(entry) for entry in [*cases, {"summary": {}}]]
    program = f"import sys; print({chr(10).join(lines)!r}); sys.exit({status})"
    examination = conformance.Examination("peer", column, [sys.executable, "-c", program], {})
    conformance.enter(table, examination, conformance.examine(examination), printed.append)
    return table, printed


class Conformance(unittest.TestCase):
    def test_a_peer_that_conforms_passes(self) -> None:
        table, printed = examined([case("passed"), case("passed", "texts"), case("not-applicable")], status=0)
        self.assertFalse(table.failed)
        self.assertEqual(printed, [])
        self.assertEqual(table.lines(), ["      frames  texts", "peer     1/1    1/1"])

    def test_all_cases_can_share_a_column(self) -> None:
        table, _ = examined([case("passed"), case("passed", "texts")], status=0, column="as client")
        self.assertEqual(table.lines(), ["      as client", "peer        2/2"])

    def test_failed_cases_are_printed(self) -> None:
        table, printed = examined([case("passed"), case("failed"), case("not-run")], status=1)
        self.assertTrue(table.failed)
        self.assertIn("peer     1/3", table.lines())
        self.assertIn("peer: F001 R2.1: A reason.\n    how: whole\n    sent: f5f8\n    expected: end\n    seen: more\n", printed[0])
        self.assertEqual(len(printed), 2)

    def test_a_nonzero_exit_status_is_a_failure(self) -> None:
        table, _ = examined([case("passed")], status=1)
        self.assertTrue(table.failed)

    def test_a_tester_without_output_is_a_failure(self) -> None:
        table, _ = examined([], status=3)
        self.assertTrue(table.failed)
        self.assertIn("peer  not run (exit status 3)", table.lines())

    def test_a_tester_that_cannot_be_started_is_a_failure(self) -> None:
        table = Table()
        examination = conformance.Examination("peer", None, ["./no-such-program"], {})
        conformance.enter(table, examination, conformance.examine(examination))
        self.assertTrue(table.failed)


class MissingTools(unittest.TestCase):
    LACKING = Language("peer", folder="interop", tools=("no-such-tool",), build=(), adapter=(), chat=(), tests=())

    def run_with(self, language: Language, environment: str) -> Table:
        table = Table()
        patches = (mock.patch.dict(os.environ, {"CI": environment}), mock.patch.dict(building._results, clear=True))
        with mock.patch.object(conformance, "LANGUAGES", (language,)), patches[0], patches[1]:
            with mock.patch.object(conformance, "build_rust", lambda package, program: [program]):
                conformance.run(table, only=(), ids=())
        return table

    def test_a_missing_tool_is_shown_and_no_failure(self) -> None:
        table = self.run_with(self.LACKING, environment="")
        self.assertIn("peer  not run (no no-such-tool: no-such-tool)", table.lines())
        self.assertFalse(table.failed)
        self.assertEqual(table.verdict(), "incomplete")

    def test_a_missing_tool_fails_in_ci(self) -> None:
        self.assertTrue(self.run_with(self.LACKING, environment="true").failed)

    def test_a_failed_build_is_always_a_failure(self) -> None:
        broken = Language("peer", folder="interop", tools=(), build=((sys.executable, "-c", "raise SystemExit(1)"),), adapter=(), chat=(), tests=())
        table = self.run_with(broken, environment="")
        self.assertIn("peer  not run (build failed: ", table.lines()[1])
        self.assertTrue(table.failed)


if __name__ == "__main__":
    unittest.main()
