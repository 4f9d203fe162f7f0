"""Builds the programs of the peers and the hub, each once in a run, and knows the commands that start them."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Callable, Collection, Dict, List, Mapping, Optional, Sequence, Tuple

from languages import C_BUILD, CARGO, FILES, LANGUAGES, ROOT, WINDOWS_TARGET, WINE, WINE_PREFIX, Language
from notrun import NotRun, without
from progress import progress, report
from table import Table
from tools import missing
from wine import start_wine

_results: Dict[str, Optional[NotRun]] = {}
"""What has been built, and why it could not be."""

_rust: Optional[Path] = None
"""The folder of the Rust programs, if they are already built."""


def use_rust_from(folder: Path) -> None:
    """Uses the Rust programs in a folder instead of building them."""
    global _rust
    _rust = folder.resolve()


def command_of(words: Sequence[str]) -> List[str]:
    """A command of the table, with its placeholders replaced by the build folders."""
    target = Path(os.environ.get("CARGO_TARGET_DIR") or "target")
    folders = {
        "{rust}": str(_rust or ROOT / target / "release"),
        "{windows}": str(ROOT / target / WINDOWS_TARGET / "debug"),
        "{c}": str(ROOT / C_BUILD),
    }
    return [re.sub(r"^\{\w+\}", lambda place: folders[place[0]], word) for word in words]


def build(language: Language) -> None:
    """Builds the adapter and the chat client of a language.

    Raises NotRun if a tool or the folder is missing, or the build fails.
    """

    def prepare() -> None:
        if not (ROOT / language.folder).is_dir():
            raise NotRun(f"no {language.folder}")
        if WINE in language.tools:
            start_wine()

    once(language.name, language.tools, language.build, language.environment, prepare)


def build_all(table: Table, languages: Collection[Language]) -> List[Language]:
    """Builds each language, and returns those that can run. The rows of the others have the reason."""
    built = []
    for language in languages:
        try:
            build(language)
            built.append(language)
        except NotRun as reason:
            table.not_run(language.name, reason)
    return built


def build_rust(package: str, program: str) -> Sequence[str]:
    """Builds a program in Rust and returns the command that starts it. Raises NotRun as `build` does."""
    once(program, ("cargo",), ((*CARGO, package),))
    return command_of((f"{{rust}}/{program}",))


def build_hub() -> Sequence[str]:
    """Builds the hub and returns the command that starts it. Raises NotRun as `build` does."""
    return build_rust("bookend-server", "bookend-server")


def build_windows_hub() -> Sequence[str]:
    """Builds the hub for Windows and returns the command that starts it. Raises NotRun as `build` does."""
    build(row("rust-windows"))
    return command_of((WINE, "{windows}/bookend-server.exe"))


def build_files(name: str) -> Tuple[Sequence[str], Mapping[str, str]]:
    """Builds the program of a language that sends and receives files, and returns its command and environment.

    Raises NotRun as `build` does.
    """
    language = row(name)
    once(f"{name}, files", language.tools, FILES[name].build, language.environment)
    return command_of(FILES[name].command), language.environment


def row(name: str) -> Language:
    """The language of that name."""
    return next(language for language in LANGUAGES if language.name == name)


def once(
    title: str,
    tools: Sequence[str],
    commands: Sequence[Sequence[str]],
    environment: Mapping[str, str] = {},
    prepare: Callable[[], None] = lambda: None,
) -> None:
    """Runs the commands that build something, unless they have run. Raises NotRun, also each further time."""
    if title not in _results:
        _results[title] = None
        try:
            left = [command for command in commands if not is_done(command)]
            compiles = any(command[0] == "cargo" for command in left)
            lacking = missing(tool for tool in tools if tool != "cargo" or compiles)
            if lacking:
                raise without(lacking)
            prepare()
            if left:
                with progress.stage(f"build: {title}"):
                    for command in left:
                        run_build(command, environment)
        except NotRun as reason:
            _results[title] = reason
    failure = _results[title]
    if failure is not None:
        raise failure


def is_done(command: Sequence[str]) -> bool:
    """Whether a command has nothing to do: the Rust programs are given, or Wine has been set up."""
    given = _rust is not None and command[0] == "cargo" and "--target" not in command
    return given or "wineboot" in command and (WINE_PREFIX / "system.reg").exists()


def run_build(command: Sequence[str], environment: Mapping[str, str]) -> None:
    """Runs a command; prints its output if it fails, and raises NotRun.

    The output goes to a file, because a process that the command leaves running would keep a pipe open.
    """
    words = command_of(command)
    with tempfile.TemporaryFile() as output:
        done = subprocess.run(words, cwd=ROOT, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        if done.returncode != 0:
            output.seek(0)
            report(f"{' '.join(words)}\n{output.read().decode('utf-8', 'replace')}")
            raise NotRun(f"build failed: {' '.join(command)}")
