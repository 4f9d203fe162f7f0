"""The grammar of SPEC.md is one, is sound, and judges the vectors; a wrong rule is found."""

import unittest
import unittest.mock
from typing import List

import grammar
from grammar import LAYERS, LIBRARY, LONGEST, Tally, check, compiled, extracted, judge, reasons_of, rules_of
from grammar_cases import Case, cases_of
from languages import ROOT
from tools import is_present
from vectors import load

PAGE = (ROOT / "SPEC.md").read_text(encoding="utf-8")
TEXT = extracted(PAGE)

PLANTED = (
    ("START    = %xF5.F8", "START    = %xF8.F5"),
    ("END      = %xF8.F5", "END      = OCTET OCTET"),
    ("encoding = %x00-04", "encoding = OCTET"),
    ("/ 3%x00 %x01-FF", "/ 3%x00 OCTET"),
    ("ping-body     = *64OCTET", "ping-body     = *OCTET"),
    ("ping-body     = *64OCTET", "ping-body     = *63OCTET"),
    ("gap           = %x14 %x00", "gap           = %x14 encoding"),
    ("cancel-body   = id", "cancel-body   = id *OCTET"),
    ("close-body    = code reason", "close-body    = reason"),
    ("magic            = %x42.4B.4E.44", 'magic            = %s"BKNd"'),
    ("%x0D.0A.1A.0A.FF.11.0D.00", "%x0D.0A.1A.0A.FF.11 2OCTET"),
    ("major            = %x01", "major            = OCTET"),
    ("utf-16le-only (%x00-02 / %x04)", "utf-16le-only %x00-04"),
    ("no-utf-16        = %x07 /", "no-utf-16        = %x07 / %x03 /"),
    ("max-body         = %x00.00 %x04-FF OCTET", "max-body         = %x00.00 %x03-FF OCTET"),
    ("resume-option    = %x04.08 8OCTET", "resume-option    = %x04 OCTET *OCTET"),
    ("client-option    = %x07.00", "client-option    = %x07 OCTET *OCTET"),
    ("/ %xD8 (%x80-9B / %x9D-BF)", "/ %xD8 tail"),
    ("%x80-8D / %x90-A7", "%x80-A7"),
    ("us-ascii      = *%x00-7F", "us-ascii      = *OCTET"),
    ("%xED %x80-9F tail\n              / %xEE-EF", "%xED 2tail\n              / %xEE-EF"),
    ("first-be      = (%x00-D7 / %xE0-FE) OCTET", "first-be      = (%x00-D7 / %xE0-FF) OCTET"),
    ("pair-le       = OCTET %xD8-DB OCTET %xDC-DF", "pair-le       = OCTET %xD8-DB 2OCTET"),
    ("event         = %x00-03", "event         = OCTET"),
    ("sender        = %x00 / %x01-40 plain-line", "sender        = OCTET *line-char"),
    ("search      = 1*256utf-8-char", "search      = *256utf-8-char"),
    ("page        = 1*entry", "page        = *entry"),
    ("data         = mark %x02 transfer position 1*OCTET", "data         = mark %x02 transfer position *OCTET"),
    ("whole        = mark %x03 transfer position 32OCTET", "whole        = mark %x03 transfer position *OCTET"),
    ("ignored       = (%x80 /", "ignored       = (%x7F-80 /"),
)
"""A rule of SPEC.md and a wrong one in its place."""


def everything() -> List[Case]:
    return [case for layer in LAYERS for vector in load(layer) for case in cases_of(layer, vector) if len(case.octets) <= LONGEST]


class Extraction(unittest.TestCase):
    def test_all_blocks_are_one_text(self) -> None:
        self.assertEqual(extracted("x\n```abnf\na = b\n```\n```\nc = d\n```\n```abnf\nb = OCTET\n```\n"), "a = b\n\nb = OCTET\n")

    def test_continuations_are_joined_and_comments_dropped(self) -> None:
        self.assertEqual(rules_of('a = b   ; one\n  / ";" c ; two\n\n; three\nB=OCTET\n'), {"a": 'a = b / ";" c', "b": "B = OCTET"})

    def test_a_rule_that_is_defined_twice_is_refused_whatever_its_case(self) -> None:
        with self.assertRaisesRegex(ValueError, "`frame` is defined twice"):
            rules_of("frame = OCTET\nFrame = OCTET\n")

    def test_the_grammar_of_the_specification_is_sound(self) -> None:
        check(TEXT)

    def test_undefined_and_unused_rules_prose_and_strings_are_refused(self) -> None:
        for line, said in (
            ("kind = 2other", "`kind` uses other"),
            ("lonely = OCTET", "no rule uses lonely"),
            ("magic = <four octets>", "`magic` contains prose"),
            ('magic = "BKND"', "`magic` contains a string"),
        ):
            name = line.split(" ")[0]
            rules = [*(rule for known, rule in rules_of(TEXT).items() if known != name), line]
            with self.assertRaisesRegex(ValueError, said):
                check("\n".join(rules))

    def test_a_missing_root_is_refused(self) -> None:
        with self.assertRaisesRegex(ValueError, "chunk is not defined"):
            check(TEXT.replace("chunk  ", "chunks "))


@unittest.skipUnless(is_present(LIBRARY), "the Python module abnf is not installed")
class Judgement(unittest.TestCase):
    cases: List[Case]

    @classmethod
    def setUpClass(cls) -> None:
        cls.cases = everything()

    def judged(self, text: str) -> Tally:
        return judge(self.cases, compiled(text), reasons_of(PAGE))

    def test_the_specification_judges_every_vector(self) -> None:
        self.assertEqual(self.judged(TEXT).mistakes, [])

    def test_every_reason_of_the_appendix_excuses_a_vector(self) -> None:
        self.assertEqual(set(self.judged(TEXT).excused), set(reasons_of(PAGE)))

    def test_a_planted_wrong_rule_is_found(self) -> None:
        for right, wrong in PLANTED:
            with self.subTest(wrong):
                self.assertEqual(TEXT.count(right), 1, right)
                rules = TEXT.replace(right, wrong)
                with unittest.mock.patch.object(grammar, "check"):  # that an unused rule remains is not the point
                    matches, reasons = compiled(rules), reasons_of(PAGE)
                short_ones_first = sorted(self.cases, key=lambda case: len(case.octets))
                self.assertTrue(any(judge([case], matches, reasons).mistakes for case in short_ones_first), wrong)

    def test_an_excuse_that_the_appendix_does_not_list_does_not_count(self) -> None:
        case = Case("T1", "us-ascii", b"a", "too-long", "limit")
        self.assertEqual(judge([case], lambda rule, octets: True, ["limit"]).mistakes, [])
        self.assertEqual(len(judge([case], lambda rule, octets: True, ["length"]).mistakes), 1)

    def test_a_piece_that_does_not_match_its_rule_refuses_the_whole(self) -> None:
        case = Case("T1", "us-ascii", b"a", "malformed", None, (("utf-8", b"b"),))
        self.assertEqual(judge([case], lambda rule, octets: rule == "us-ascii", []).refused, 1)


if __name__ == "__main__":
    unittest.main()
