"""Answers are compared case by case, however the cases are shared out among processes."""

import os
import sys
import unittest
from typing import Collection, List, Tuple
from unittest import mock

import building
import differential
from languages import Language
from table import Table

ECHO = "import sys\nfor line in sys.stdin: print(line.strip()"


def language(name: str, program: str) -> Language:
    return Language(name, folder="interop", tools=(), build=(), adapter=(sys.executable, "-c", program), chat=(), tests=())


ROWS = (
    language("rust", ECHO + ")"),
    language("same", ECHO + ")"),
    language("other", ECHO + "[:9] + 'x' if '13' in line else line.strip())"),
    language("ends", "print(input())"),
)


def compared(only: Collection[str]) -> Tuple[Table, List[str]]:
    """The table and the reports for 50 numbered cases in batches of 20."""
    table, printed = Table(), []  # type: Table, List[str]
    cases = (f"case {number}" for number in range(50))
    with mock.patch.multiple(differential, LANGUAGES=ROWS, BATCH=20, generate=lambda count, seed: cases):
        with mock.patch.dict(building._results, clear=True):
            differential.run(table, only, count=50, sessions=0, seed=1, report=printed.append)
    return table, printed


class Differential(unittest.TestCase):
    def test_equal_answers_are_counted(self) -> None:
        table, printed = compared(["same"])
        self.assertEqual([line.split() for line in table.lines()], [["cases", "as", "rust"], ["same", "50/50"]])
        self.assertEqual(printed, [])

    def test_one_different_answer_is_found_and_shown(self) -> None:
        table, printed = compared(["other"])
        self.assertEqual(table.lines()[1].split(), ["other", "49/50"])
        self.assertTrue(table.failed)
        self.assertIn("case 13\n    rust: case 13\n    other: case 13x", printed[0])

    def test_missing_answers_are_differences(self) -> None:
        table, _ = compared(["ends"])
        passed, total = table.lines()[1].split()[1].split("/")
        self.assertEqual(total, "50")
        self.assertLess(int(passed), 20)

    def test_a_language_alone_is_compared_with_nothing(self) -> None:
        rows = (ROWS[0], Language("absent", "interop", ("no-such-tool",), (), (), (), ()))
        table = Table()
        with mock.patch.object(differential, "LANGUAGES", rows), mock.patch.dict(building._results, clear=True):
            with mock.patch.dict(os.environ, {"CI": ""}):
                differential.run(table, (), count=1, sessions=0, seed=1)
        self.assertEqual(table.verdict(), "incomplete")


if __name__ == "__main__":
    unittest.main()
