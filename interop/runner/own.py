"""Runs every peer's own tests."""

from __future__ import annotations

import os
import subprocess
from typing import Callable, Collection, List, Mapping, Optional, Sequence

from building import build, command_of
from languages import LANGUAGES, ROOT, Language
from notrun import NotRun, without
from progress import progress, report
from table import Table
from tools import missing

TIME_LIMIT = 900.0
"""Seconds that one command may take; some of them compile."""

Print = Callable[[str], None]


def run(table: Table, only: Collection[str], report: Print = report) -> None:
    """Runs the tests of each language, or of those in `only`. Counts the commands that passed and prints the output of one
    that failed."""
    for language in LANGUAGES:
        if only and language.name not in only:
            continue
        try:
            if not language.tests:
                raise NotRun("no tests")
            lacking = missing(programs(language))
            if lacking:
                raise without(lacking)
            build(language)
        except NotRun as reason:
            table.not_run(language.name, reason)
            continue
        with progress.stage(f"tests: {language.name}") as stage:
            count = passed(language, report)
            stage.result = f"{count}/{len(language.tests)} commands"
        table.count(language.name, "own tests", count, len(language.tests))


def programs(language: Language) -> List[str]:
    """The tools of a language, and the programs that its tests start, apart from what was built."""
    return [*language.tools, *(command[0] for command in language.tests if "/" not in command[0])]


def passed(language: Language, report: Print) -> int:
    """The number of commands that passed before the first failure."""
    for number, command in enumerate(language.tests):
        failure = failure_of(command_of(command), {**os.environ, **language.environment})
        if failure is not None:
            report(f"{language.name}: {' '.join(command)}\n{failure}\n")
            return number
    return len(language.tests)


def failure_of(command: Sequence[str], environment: Mapping[str, str]) -> Optional[str]:
    """The output of a command that failed, or None if it passed."""
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIME_LIMIT
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return None if done.returncode == 0 else f"{done.stdout.decode('utf-8', 'replace')}exit status {done.returncode}"
