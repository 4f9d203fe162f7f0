"""Requirements are counted by mode, and one that is asked of no peer needs a reason."""

import unittest
from typing import Any, Dict, List, Optional, Set, Tuple
from unittest import mock

import tags
from table import Table
from tags import Modes, reasons_of, requirements, tags_of

ASKED: Dict[str, Set[str]] = {"vector": {"R2.1"}, "test": {"R2.1", "R2.2", "R9.1"}, "server": {"R9.1"}, "client": set()}
TAGS = ["R2.1", "R2.2", "R9.1"]


def entered(reasons: Optional[Dict[str, str]]) -> Tuple[Table, List[str]]:
    table, printed = Table(), []  # type: Table, List[str]
    with mock.patch.object(tags, "report", printed.append):
        tags.enter(table, TAGS, Modes(ASKED, reasons))
    return table, printed


class Tags(unittest.TestCase):
    def test_requirements_are_found_in_the_order_of_their_numbers(self) -> None:
        self.assertEqual(requirements("- [R9.10] A.\nsee [R1.1]\n- [R9.2] B.\n- [R10.1] C.\n"), ["R9.2", "R9.10", "R10.1"])

    def test_each_mode_is_counted_by_section(self) -> None:
        table, printed = entered({"R2.2": "it cannot be seen"})
        self.assertEqual([line.split() for line in table.lines()[1:]], [
            ["R2", "1/2", "2/2", "0/2", "0/2", "1", "1/1"],
            ["R9", "0/1", "1/1", "1/1", "0/1", "0", "0/0"],
            ["all", "1/3", "3/3", "1/3", "0/3", "1", "1/1"],
        ])  # fmt: skip
        self.assertEqual(printed, ["R2.2 is asked of no peer: it cannot be seen"])
        self.assertFalse(table.failed)

    def test_a_requirement_that_only_a_test_asks_needs_a_reason(self) -> None:
        table, printed = entered({})
        self.assertTrue(table.failed)
        self.assertEqual(printed, ["R2.2 is asked of no peer: NO REASON"])

    def test_a_reason_of_a_requirement_that_does_not_exist_fails(self) -> None:
        self.assertTrue(entered({"R2.2": "a reason", "R99.1": "gone"})[0].failed)

    def test_without_a_list_of_reasons_nothing_is_judged(self) -> None:
        table, printed = entered(None)
        self.assertFalse(table.failed)
        self.assertIn("asked of no peer: R2.2\n", printed[0])

    def test_a_report_is_read(self) -> None:
        case: Dict[str, Any] = {"id": "x", "requires": [{"tag": "R2.1", "sentence": "A."}], "verdict": "not-applicable"}
        section = {"section": "2 Frame", "asked": ["R2.1"], "of": 3, "outside": {"R2.2": "why"}, "needs": {"R2.3": "a token"}}
        report = [case, {"summary": {"coverage": [section]}}]
        self.assertEqual(tags_of(report), {"R2.1"})
        self.assertEqual(reasons_of(report), {"R2.2": "why", "R2.3": "a token"})
        self.assertIsNone(reasons_of([case, {"summary": {}}]))


if __name__ == "__main__":
    unittest.main()
