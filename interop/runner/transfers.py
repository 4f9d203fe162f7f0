"""Transfers: the vectors through the peers that have them as a library in another language, and files between programs.

Each file is interrupted on either side and resumed, and must arrive with the digest that it was sent with.
"""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Collection, Dict, List, Mapping, Sequence, Tuple

from building import build_files
from languages import ROOT
from notrun import NotRun
from progress import progress, report
from table import Table
from vectors import TRANSFERS, hexed, load

NAMES = ("rust", "python", "c")
"""The languages that have such a program."""

LENGTH = 3_000_000
"""The bytes of the file: many chunks of each program."""

STOP = 1_000_000
"""After this many bytes a program is ended."""

WAYS = (("whole", ""), ("sender ends, resumed", "sender"), ("receiver ends, resumed", "receiver"))
"""How a file is moved: the column, and which program is ended at first."""

TIMEOUT = 120.0


@dataclass(frozen=True)
class Program:
    """A program that sends and receives files."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]


def run(table: Table, only: Collection[str] = ()) -> None:
    """Fills a row for the C library's vectors and one for each direction between two programs: those in `only`, and Rust's."""
    programs: List[Program] = []
    for name in NAMES:
        if only and name not in only and name != "rust":
            continue
        try:
            command, environment = build_files(name)
        except NotRun as reason:
            table.not_run(name, reason)
            continue
        programs.append(Program(name, command, environment))
        if name == "c":
            table.count("c vectors", "passed", *vectors([str(Path(command[0]).with_name("bookend-transfer-adapter"))]))
    for sender in programs:
        for receiver in programs:
            row = f"{sender.name} to {receiver.name}"
            with progress.stage(f"transfers: {row}", len(WAYS)) as stage:
                passed = 0
                for column, stopped in WAYS:
                    good = exchange(row, sender, receiver, stopped)
                    table.count(row, column, int(good), 1)
                    passed += good
                    progress.step(stage)
                stage.result = f"{passed}/{len(WAYS)}"


def vectors(command: Sequence[str]) -> Tuple[int, int]:
    """How many vectors a program answers as it must, and how many there are."""
    wanted = load(TRANSFERS)
    lines = "".join(line(vector) + "\n" for vector in wanted)
    answers = subprocess.run(command, input=lines, stdout=subprocess.PIPE, text=True, timeout=TIMEOUT).stdout.splitlines()
    passed = 0
    for vector, answer in zip(wanted, answers + [""] * len(wanted)):
        expected = " ".join(([vector["start"]] if "start" in vector else []) + [step["then"] for step in vector["steps"]])
        passed += answer == expected
        if answer != expected:
            report(f"{vector['id']} {vector['why']}\n  expected {expected}\n  answered {answer}")
    return passed, len(wanted)


def line(vector: Any) -> str:
    """A vector as a line for a program (interop/vectors/README.md)."""
    if "receiver" in vector:
        limits: Dict[str, int] = vector["receiver"]
        start = f"receiver {limits.get('max-length', 1 << 30)} {limits.get('max-open', 8)}"
    else:
        sender = vector["sender"]
        start = f"sender {sender['transfer']} {sender.get('length', '-')} {hexed(sender['name'])}"
    return " ".join([start, *map(word, vector["steps"])])


def word(step: Any) -> str:
    """A step as a word."""
    if "accept" in step:
        return f"accept:{step['accept']['transfer']}:{hexed(step['accept']['held'])}"
    if "refuse" in step:
        return f"refuse:{step['refuse']['transfer']}:{step['refuse']['code']}"
    if "end" in step:
        return "end"
    name = next(name for name in ("recv", "give", "abort") if name in step)
    return f"{name}:{step[name] if name == 'abort' else hexed(step[name])}"


def exchange(row: str, sender: Program, receiver: Program, stopped: str) -> bool:
    """Moves a file from one program to another, at first up to STOP bytes if the sender or the receiver is `stopped`."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "source", Path(folder) / "target"
        source.mkdir()
        target.mkdir()
        octets = random.Random(row).randbytes(LENGTH)
        (source / "file").write_bytes(octets)
        try:
            if stopped:
                ends_early = {stopped: ["--stop-after", str(STOP)]}
                printed = move(sender, receiver, source, target, ends_early.get("sender", []), ends_early.get("receiver", []))
                expect("stopped at" in printed[stopped == "receiver"], f"the {stopped} was not stopped")
                kept = (target / "file.part").stat().st_size
                expect(0 < kept < LENGTH, f"{kept} bytes were kept")
                expect(octets.startswith((target / "file.part").read_bytes()), "what was kept is not the beginning")
            _, received = move(sender, receiver, source, target, [], [])
            expect(not stopped or f"{kept} bytes are here already" in received, f"it was not resumed: {received}")
            digest = hashlib.sha256(octets).hexdigest()
            expect(f"received file, {LENGTH} bytes, SHA-256 {digest}" in received, f"the receiver printed {received}")
            expect((target / "file").read_bytes() == octets, "the file is not the same")
            expect(not (target / "file.part").exists(), "file.part was left behind")
        except (Failed, OSError, subprocess.TimeoutExpired) as error:
            report(f"{row}: {error}")
            return False
    return True


class Failed(Exception):
    """A file did not arrive as it should."""


def expect(condition: bool, failure: str) -> None:
    if not condition:
        raise Failed(failure)


def move(
    sender: Program, receiver: Program, source: Path, target: Path, sender_options: List[str], receiver_options: List[str]
) -> Tuple[str, str]:
    """Runs both programs to their end and returns what each printed."""
    serving = start(receiver, "receive", "127.0.0.1:0", str(target), "--once", *receiver_options)
    try:
        assert serving.stdout is not None
        first = serving.stdout.readline()
        expect(first.startswith("listening on "), f"the receiver printed {first!r}")
        address = first.split()[-1]
        sending = start(sender, "send", address, str(source / "file"), *sender_options)
        try:
            sent, _ = sending.communicate(timeout=TIMEOUT)
            received, _ = serving.communicate(timeout=TIMEOUT)
        finally:
            end(sending)
    finally:
        end(serving)
    return sent, received


def start(program: Program, *words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [*program.command, *words],
        cwd=ROOT,
        env={**os.environ, **program.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def end(process: "subprocess.Popen[str]") -> None:
    """Ends a process that is still running."""
    if process.poll() is None:
        process.kill()
    process.communicate()
