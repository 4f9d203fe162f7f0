"""The words of the command line choose parts and rows, and the exit status says what came of them."""

import os
import unittest
from typing import Dict, Tuple
from unittest import mock

from notrun import NotRun, without
from parts import PARTS, Refused, chosen
from summary import FAILED, INCOMPLETE, PASSED, status, summary
from table import Table


def names(*words: str) -> Dict[str, Tuple[str, ...]]:
    return {part.name: rows for part, rows in chosen(words)}


class Words(unittest.TestCase):
    def test_without_words_everything_runs(self) -> None:
        self.assertEqual(names(), {part.name: () for part in PARTS})

    def test_rows_are_picked_for_every_part_that_has_them(self) -> None:
        picked = names("python", "c")
        for part in ("tests", "conform", "differential", "live", "transfers", "packages"):
            self.assertEqual(picked[part], ("python", "c"))
        self.assertEqual(picked["returning"], ("python",))
        self.assertNotIn("windows", picked)
        self.assertNotIn("hostile", picked)

    def test_a_part_may_be_named_with_rows_and_without(self) -> None:
        self.assertEqual(names("live"), {"live": ()})
        self.assertEqual(names("c", "live", "python"), {"live": ("c", "python")})
        self.assertEqual(names("hostile", "tests"), {"tests": (), "hostile": ()})

    def test_an_unknown_word_is_refused_with_the_list(self) -> None:
        with self.assertRaisesRegex(Refused, "(?s)unknown: pyton\n.*parts: tests .*rows: rust python c"):
            chosen(["pyton", "c"])

    def test_a_row_that_a_named_part_lacks_is_refused(self) -> None:
        with self.assertRaisesRegex(Refused, "returning has no row c\nits rows: python"):
            chosen(["returning", "c"])
        with self.assertRaisesRegex(Refused, "hostile has no row c"):
            chosen(["hostile", "c"])


def table(*rows: object) -> Table:
    """A table with a passed row for None, and one that did not run for each reason."""
    made = Table()
    for number, reason in enumerate(rows):
        if reason is None:
            made.count(f"row {number}", "passed", 1, 1)
        else:
            made.not_run(f"row {number}", reason)  # type: ignore[arg-type]
    return made


class Verdicts(unittest.TestCase):
    def setUp(self) -> None:
        patch = mock.patch.dict(os.environ, {"CI": ""})
        patch.start()
        self.addCleanup(patch.stop)

    def test_what_passed_is_a_success(self) -> None:
        self.assertEqual(status({"live": table(None)}), PASSED)
        self.assertEqual(summary({"live": table(None)}), ["live  passed"])

    def test_a_missing_tool_makes_a_run_incomplete(self) -> None:
        tables = {"tests": table(None), "live": table(None, without(["mono"]), without(["mcs", "mono"]))}
        self.assertEqual(status(tables), INCOMPLETE)
        self.assertEqual(
            summary(tables),
            ["tests  passed", "live   incomplete without row 1, row 2", "missing: mono, mcs", "    apt-get install mono-runtime mono-mcs"],
        )

    def test_a_failure_counts_more_than_a_missing_tool(self) -> None:
        self.assertEqual(status({"live": table(without(["mono"]), NotRun("build failed"))}), FAILED)
        self.assertEqual(status({"live": table("it ended")}), FAILED)

    def test_in_ci_a_missing_tool_is_a_failure(self) -> None:
        with mock.patch.dict(os.environ, {"CI": "true"}):
            self.assertEqual(status({"live": table(without(["mono"]))}), FAILED)


if __name__ == "__main__":
    unittest.main()
