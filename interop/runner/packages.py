"""Builds the package of each peer, installs it into an empty folder as a user would, and runs its README's first example there
against the hub.

A package is built from the files that git tracks, so that nothing generated or stray can enter it, and each of its files
must be one of them, unchanged, or one that the build tool is known to write.
"""

from __future__ import annotations

import fnmatch
import os
import re
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Collection, Dict, List, Mapping, Sequence, Tuple

from building import build_hub
from languages import ROOT
from notrun import NotRun, without
from processes import Lines, PeerFailed, start_hub
from progress import progress, report
from relay import Address
from table import Table
from tools import missing

OUTPUT = ROOT / "interop/build/packages"
"""Where the packages are put."""

TIME_LIMIT = 600.0
"""Seconds that one command may take; some of them install what they need."""

EXPECTED = "grüß Gott"
"""What every example posts to the hub, receives and prints, unless its package says otherwise."""

LICENCES = ("LICENSE-MIT", "LICENSE-APACHE")

Print = Callable[[str], None]


class PackageFailed(Exception):
    """A package could not be built or installed, or its example did not work."""


@dataclass
class Work:
    """One package at work: folders that are removed afterwards, and the hub."""

    stage: Path
    """A copy of the tracked files of the peer's folder, without symbolic links."""
    clean: Path
    """An empty folder outside the repository."""
    hub: Address
    environment: Dict[str, str] = field(default_factory=lambda: {**os.environ, "LC_ALL": "C.UTF-8", "PYTHONPATH": ""})

    def run(self, *command: object, cwd: Path) -> str:
        """Runs a command and returns its output. Raises PackageFailed with the output if it fails."""
        words = [str(word) for word in command]
        try:
            done = subprocess.run(
                words, cwd=cwd, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIME_LIMIT
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise PackageFailed(f"{' '.join(words)}: {error}") from None
        output = done.stdout.decode("utf-8", "replace")
        if done.returncode != 0:
            raise PackageFailed(f"{' '.join(words)}: exit status {done.returncode}\n{output}")
        return output

    def write(self, name: str, *parts: str) -> Path:
        """Writes a file into the clean folder."""
        path = self.clean / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(parts) + "\n", encoding="utf-8")
        return path

    def example(self, language: str, part: str = "") -> str:
        """The first program of the README in that language that contains the part."""
        page = (self.stage / "README.md").read_text(encoding="utf-8")
        for block in re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL):
            if part in block:
                return str(block)
        raise PackageFailed(f"README.md has no program in {language} with {part!r}")


@dataclass(frozen=True)
class Package:
    """One row of the table."""

    name: str
    folder: str
    tools: Tuple[str, ...]
    pack: Callable[[Work], Path]
    """Builds the package from the stage and returns its path."""
    members: Callable[[Path], Mapping[str, bytes]]
    """The files of the package, by their names in the peer's folder."""
    made: Tuple[str, ...]
    """Patterns of the files that the build tool writes."""
    without: Tuple[str, ...]
    """Patterns of files that must not be in the package."""
    install: Callable[[Work, Path], Sequence[str]]
    """Installs the package into the clean folder and returns the command that runs the example, built there."""
    prints: str = EXPECTED
    """What the example prints in one line."""

    @property
    def language(self) -> str:
        """The row of languages.py that the package belongs to."""
        return Path(self.folder).name


def run(table: Table, only: Collection[str], packages: Sequence[Package], report: Print = report) -> None:
    """A row for each package: its files, and whether its example worked."""
    try:
        hub = build_hub()
    except NotRun as reason:
        table.not_run("hub", reason)
        return
    shutil.rmtree(OUTPUT, ignore_errors=True)
    OUTPUT.mkdir(parents=True)
    with ExitStack() as stack:
        try:
            address = start_hub(hub, stack)
        except PeerFailed as failure:
            table.not_run("hub", str(failure))
            return
        pool, tried = stack.enter_context(ThreadPoolExecutor(os.cpu_count())), []
        for package in packages:
            if only and package.name not in only and package.language not in only:
                continue
            lacking = missing(package.tools)
            if lacking:
                table.not_run(package.name, without(lacking))
                continue
            table.row(package.name)
            tried.append(pool.submit(examine, table, package, address, report))
        for one in tried:
            one.result()


def examine(table: Table, package: Package, hub: Address, report: Print) -> None:
    """Tries one package out and puts what happened into its row."""
    with progress.stage(f"packages: {package.name}"):
        try:
            try_out(table, package, hub, report)
        except (PackageFailed, PeerFailed) as failure:
            report(f"{package.name}: {failure}\n")
            table.count(package.name, "example", 0, 1)


def try_out(table: Table, package: Package, hub: Address, report: Print) -> None:
    """Builds, checks and installs one package, and runs its example."""
    with tempfile.TemporaryDirectory() as folder:
        work = Work(Path(folder, "stage"), Path(folder, "clean"), hub)
        work.clean.mkdir()
        stage(package.folder, work.stage)
        original = contents(work.stage)
        built = package.pack(work)
        if not built.is_relative_to(OUTPUT):
            shutil.copy2(built, OUTPUT)
        files = package.members(built)
        faults = faults_of(package, files, original)
        for fault in faults:
            report(f"{package.name}: {fault}")
        table.count(package.name, "files", len(files) - len(faults), len(files))
        command = package.install(work, built)
        shutil.rmtree(work.stage)  # what was installed needs nothing of it
        wait_for(package.prints, command, work)
        table.count(package.name, "example", 1, 1)


def stage(folder: str, to: Path) -> None:
    """Copies the tracked files of a folder; a symbolic link becomes the file that it names."""
    listed = subprocess.run(("git", "ls-files", "-z", "--", folder), cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    for name in filter(None, listed.decode("utf-8").split("\0")):
        source, target = ROOT / name, to / Path(name).relative_to(folder)
        if source.exists():  # or it has been removed, and not yet from the index
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)


def contents(folder: Path) -> Dict[str, bytes]:
    """The files below a folder, by name."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def faults_of(package: Package, files: Mapping[str, bytes], original: Mapping[str, bytes]) -> List[str]:
    """What is wrong with the files of a package: strays, changed ones, missing licences, links that lead out of it."""
    matches = lambda name, patterns: any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)  # noqa: E731
    faults = []
    for name, octets in files.items():
        if matches(name, package.without):
            faults.append(f"{name} does not belong into the package")
        elif not matches(name, package.made) and original.get(name) != octets:
            faults.append(f"{name} is not a tracked file, or was changed")
    faults += [f"no {name}" for name in LICENCES if name not in files]
    page = original["README.md"].decode("utf-8")
    for target in re.findall(r"\]\(([^)]*)\)", page):
        if not target.startswith("#") and target.partition("#")[0] not in files:
            faults.append(f"README.md links to {target}, which is not in the package")
    return faults


def wait_for(text: str, command: Sequence[str], work: Work) -> None:
    """Runs the example until it prints the text. Raises PackageFailed if it ends before."""
    with subprocess.Popen(
        command, cwd=work.clean, env=work.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None
        try:
            lines, seen = Lines(process.stdout, command[0]), []
            while True:
                line = lines.next()
                if line is None:
                    raise PackageFailed(f"the example did not print {text!r}, but:\n" + "\n".join(seen))
                if text in line:
                    return
                seen.append(line)
        finally:
            process.kill()
