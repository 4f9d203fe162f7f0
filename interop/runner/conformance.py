"""Tests the adapter and the chat client of every language with `bookend conform`."""

from __future__ import annotations

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Collection, Dict, List, Mapping, NamedTuple, Optional, Sequence, Union

from building import build_all, build_rust, command_of
from languages import LANGUAGES, ROOT
from notrun import NotRun
from progress import progress, report
from table import Table

TIME_LIMIT = 600.0
"""Seconds that one run of the tester may take."""

SHOWN = 10
"""Failed cases of a language that are printed in full; of the others only the ids."""

SHOWN_CHARACTERS = 400
"""Characters printed of one line."""

ADAPTER_TIMEOUT = "60s"
"""For each answer of an adapter, which shares the machine with others."""

CONCURRENT = 3
"""Runs at the same time; they mostly wait."""

Print = Callable[[str], None]
Outcome = Union["subprocess.CompletedProcess[bytes]", Exception]


class Examination(NamedTuple):
    """One run of the tester against one peer."""

    row: str
    column: Optional[str]  # for all cases; None: one column for each group
    command: Sequence[str]
    environment: Mapping[str, str]


def run(table: Table, only: Collection[str], ids: Collection[str], report: Print = report) -> None:
    """Tests the adapter of every language, or of those in `only`, with every case, or those in `ids`. Without `ids` it also
    tests the chat clients."""
    try:
        tester = [*build_rust("bookend-cli", "bookend"), "conform", "--json"]
    except NotRun as reason:
        table.not_run("conform", reason)
        return
    filters = [word for name in ids for word in ("--only", name)]
    built = build_all(table, [language for language in LANGUAGES if not only or language.name in only])
    examinations = [
        Examination(language.name, None, [*tester, *filters, "--timeout", ADAPTER_TIMEOUT, "--adapter", *command_of(language.adapter)], language.environment)
        for language in built
    ]
    if not ids:
        examinations += [
            Examination(
                language.name, "as client", [*tester, "--quick", "--client", "--", *command_of(language.chat), "{address}"], language.environment
            )
            for language in built
        ]
    with ThreadPoolExecutor(CONCURRENT) as pool:
        for examination, outcome in zip(examinations, pool.map(examine, examinations)):
            enter(table, examination, outcome, report)


def examine(examination: Examination) -> Outcome:
    """Runs the tester. What it writes to standard error is of no interest unless it prints no verdict."""
    environment = {**os.environ, **examination.environment}
    with progress.stage(f"conform: {examination.row} {examination.column or 'adapter'}") as stage:
        try:
            done = subprocess.run(
                examination.command,
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                timeout=TIME_LIMIT,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            stage.result = "FAILED"
            return error
        stage.result = "passed" if done.returncode == 0 else "FAILED"
        return done


def enter(table: Table, examination: Examination, outcome: Outcome, report: Print = report) -> None:
    """Adds a row to the table, with a cell for each group of cases or one for all, and prints the failed cases."""
    row = examination.row
    if isinstance(outcome, Exception):
        table.not_run(row, str(outcome))
        return
    objects = [json.loads(line) for line in outcome.stdout.decode("utf-8").splitlines()]
    cases = [case for case in objects if "verdict" in case and case["verdict"] != "not-applicable"]
    if not cases:
        report(f"{row}: {outcome.stderr.decode('utf-8', 'replace')}")
        table.not_run(row, f"exit status {outcome.returncode}")
        return
    totals: Dict[str, List[int]] = {}
    for case in cases:
        passed = case["verdict"] in ("passed", "not-strict")
        total = totals.setdefault(examination.column or case["group"], [0, 0])
        total[0] += passed
        total[1] += 1
    for group, (count, total_count) in totals.items():
        table.count(row, group, count, total_count)
    print_failed(row, [case for case in cases if case["verdict"] in ("failed", "not-run")], report)
    table.failed |= outcome.returncode != 0


def print_failed(row: str, cases: List[Dict[str, Any]], report: Print) -> None:
    """Prints the failed cases and why they failed."""
    for case in cases[:SHOWN]:
        tags = " ".join(requirement["tag"] for requirement in case["requires"])
        lines = [f"{row}: {case['id']} {tags}: {case['why']}"]
        for name in ("how", "sent", "expected", "seen", "diagnosis", "fix"):
            if case[name] is not None:
                lines.append(f"    {name}: {case[name][:SHOWN_CHARACTERS]}")
        report("\n".join([*lines, ""]))
    if cases[SHOWN:]:
        report(f"{row}: also {' '.join(case['id'] for case in cases[SHOWN:])}\n")
