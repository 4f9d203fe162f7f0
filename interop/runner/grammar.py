"""The grammar of SPEC.md: extracted from its blocks of ABNF, compiled, and matched with every vector that has octets of a rule.

A valid vector must match. An invalid one must not, unless its fault is one that appendix D says the grammar cannot express.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any, Callable, Dict, List, NamedTuple, Sequence

from grammar_cases import Case, cases_of
from languages import ROOT
from notrun import NotRun, without
from progress import progress, report
from table import Table
from tools import MODULE, missing
from vectors import TRANSFERS, load

LIBRARY = MODULE + "abnf"
"""https://github.com/declaresub/abnf, which is maintained. Its parser tries every way to match."""

LONGEST = 2_048
"""Octets of the longest vector that is matched: the parser's time grows with the square."""

LAYERS = ("frames", "texts", "hellos", "messages", "history", TRANSFERS)
"""The layers whose vectors are octets of one rule. Those of sessions and names are about what happens over time."""

CORE = {"octet"}
"""Rules of RFC 5234 that the grammar uses."""

ROOTS = {"stream", "known-frame", "us-ascii", "utf-8", "utf-16be", "utf-16le", "query", "page", "chunk"}
"""Rules that no other rule has to use."""

Print = Callable[[str], None]
Matches = Callable[[str, bytes], bool]


class Mistake(NamedTuple):
    """A vector that the grammar judges wrongly."""

    case: Case
    what: str


def run(table: Table, report: Print = report) -> None:
    """Adds a row for each layer: how many valid vectors match, and how many invalid ones are refused or have a reason."""
    lacking = missing([LIBRARY])
    if lacking:
        table.not_run("grammar", without(lacking))
        return
    page = (ROOT / "SPEC.md").read_text(encoding="utf-8")
    try:
        matches = compiled(extracted(page))
        reasons = reasons_of(page)
    except ValueError as error:
        table.not_run("grammar", str(error))
        return
    for layer in LAYERS:
        cases = [case for vector in load(layer) for case in cases_of(layer, vector)]
        short = [case for case in cases if len(case.octets) <= LONGEST]
        with progress.stage(f"grammar: {layer}", len(short)) as stage:
            tally = judge(short, matches, reasons, lambda: progress.step(stage))
            stage.result = f"{len(tally.mistakes)} mistakes"
        for mistake in tally.mistakes:
            report(f"{mistake.case.id}: {mistake.what} `{mistake.case.rule}`: {mistake.case.octets.hex()}")
        valid = sum(case.fault is None for case in short)
        unmatched = sum(mistake.case.fault is None for mistake in tally.mistakes)
        table.count(layer, "valid match", valid - unmatched, valid)
        wrong = len(tally.mistakes) - unmatched
        table.count(layer, "invalid refused or excused", len(short) - valid - wrong, len(short) - valid)
        said = ", ".join(f"{name} {number}" for name, number in sorted(tally.excused.items())) or "none"
        left = f"; {len(cases) - len(short)} of more than {LONGEST} octets left out" if len(short) < len(cases) else ""
        report(f"grammar: {layer}: {valid} valid; {len(short) - valid} invalid, {tally.refused} of them refused; excused: {said}{left}")


class Tally(NamedTuple):
    """What the cases of a layer have shown."""

    refused: int
    excused: Dict[str, int]
    mistakes: List[Mistake]


def judge(cases: Sequence[Case], matches: Matches, reasons: Sequence[str], done: Callable[[], None] = lambda: None) -> Tally:
    """Matches each case with its rule."""
    refused, excused, mistakes = 0, Counter[str](), []
    for case in cases:
        matched = matches(case.rule, case.octets) and all(matches(rule, octets) for rule, octets in case.pieces)
        if case.fault is None:
            if not matched:
                mistakes.append(Mistake(case, "is valid but does not match"))
        elif not matched:
            refused += 1
        elif case.excuse is None:
            mistakes.append(Mistake(case, f"has the fault {case.fault} but matches"))
        elif case.excuse not in reasons:
            mistakes.append(Mistake(case, f"is excused by {case.excuse}, which appendix D does not list, and matches"))
        else:
            excused[case.excuse] += 1
        done()
    return Tally(refused, dict(excused), mistakes)


def extracted(page: str) -> str:
    """The blocks of ABNF of a page, one after another."""
    return "\n".join(re.findall(r"^```abnf\n(.*?)^```$", page, re.DOTALL | re.MULTILINE))


def reasons_of(page: str) -> List[str]:
    """The names in appendix D of what the grammar cannot say."""
    _, _, appendix = page.partition("\n## Appendix D")
    return re.findall(r"^- \*([a-z]+)\*: ", appendix, re.MULTILINE)


def compiled(text: str) -> Matches:
    """The grammar as a function: whether all octets match a rule. Raises ValueError if the grammar is not sound."""
    check(text)
    from abnf import ParseError, Rule

    class Grammar(Rule):
        """The rules of SPEC.md; the library keeps those of each class apart."""

    for rule in rules_of(text).values():
        try:
            Grammar.create(rule)
        except ParseError as error:
            raise ValueError(f"`{rule}` is not ABNF: {error}") from None

    def matches(rule: str, octets: bytes) -> bool:
        try:
            Grammar(rule).parse_all(octets.decode("latin-1"))  # one character for each octet
        except ParseError:
            return False
        return True

    return matches


def rules_of(text: str) -> Dict[str, str]:
    """Each rule by its name in lower case, in one line and without comments. Raises ValueError if a name is defined twice."""
    rules: Dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        line = without_comment(line)
        if not line:
            continue
        found = re.match(r"([A-Za-z][A-Za-z0-9-]*)\s*=(?!/)\s*(.*)", line)
        if found:
            name = found[1].lower()
            if name in rules:
                raise ValueError(f"`{name}` is defined twice")
            rules[name] = f"{found[1]} = {found[2]}"
        elif line.startswith(" ") and name:
            rules[name] += f" {line.strip()}"
        else:
            raise ValueError(f"`{line}` is neither a rule nor the continuation of one")
    return rules


def without_comment(line: str) -> str:
    """A line without its comment; a semicolon in quotes begins none."""
    return re.sub(r'^((?:[^";]|"[^"]*")*);.*$', r"\1", line).rstrip()


def check(text: str) -> None:
    """Raises ValueError if a rule is not defined or not used, or if the grammar has prose, or quotes whose case matters."""
    rules = rules_of(text)
    used = set()
    for name, rule in rules.items():
        _, _, right = rule.partition("=")
        if "<" in right:
            raise ValueError(f"`{name}` contains prose")
        if '"' in right:
            raise ValueError(f"`{name}` contains a string, which matches upper and lower case: write %x")
        names = {word.lower() for word in re.findall(r"(?<![%\w.-])[A-Za-z][A-Za-z0-9-]*", re.sub(r"(?<=[\s*(\[])\d*\*?\d*(?=[A-Za-z])", "", right))}
        undefined = sorted(names - set(rules) - CORE)
        if undefined:
            raise ValueError(f"`{name}` uses {', '.join(undefined)}, which is not defined")
        used |= names
    lacking = sorted(ROOTS - set(rules))
    if lacking:
        raise ValueError(f"{', '.join(lacking)} is not defined")
    unused = sorted(set(rules) - used - ROOTS)
    if unused:
        raise ValueError(f"no rule uses {', '.join(unused)}")
