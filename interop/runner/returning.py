"""Lets peers lose a hub that keeps its rooms on disk, and return to it: each must receive what it has missed, once.

A peer listens until the hub is ended by a signal. The hub starts again with the same file, others talk, and the peer resumes
after the last message that it has printed, while they talk on.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Callable, Collection, Dict, List, NamedTuple, Sequence

from building import build, build_hub, command_of, row
from languages import ROOT, Language
from live import compare
from notrun import NotRun
from processes import TIME_LIMIT, Lines, PeerFailed, run_hub
from progress import progress, report
from relay import Address
from table import Table

NAMES = ("python", "csharp", "elixir")
"""The languages whose chat resumes."""

SIGNALS = (signal.SIGKILL, signal.SIGTERM)
BEFORE = ("before 1", "grüß 😀")
AWAY = ("away 1", "away 2", "漢字")
AFTER = ("after 1",)

Print = Callable[[str], None]


class Message(NamedTuple):
    """A delivery as a peer printed it."""

    seq: int
    text: str


def run(table: Table, only: Collection[str], report: Print = report) -> None:
    """Adds a row for each peer, and a column for each signal."""
    for name in NAMES:
        if only and name not in only:
            continue
        language = row(name)
        try:
            hub = build_hub()
            build(language)
        except NotRun as reason:
            table.not_run(name, reason)
            continue
        for number in SIGNALS:
            title = f"returning: {name}, {number.name}"
            texts = [*BEFORE, *AWAY, *AFTER]
            passed = 0
            with progress.stage(title) as stage:
                try:
                    received = away(language, hub, number)
                    passed = compare(title, [Message(received[0].seq + at, text) for at, text in enumerate(texts)], received, report)
                except PeerFailed as failure:
                    report(f"{title}: {failure}\n")
                stage.result = f"{passed}/{len(texts)}"
            table.count(name, f"after {number.name}", passed, len(texts))


def away(language: Language, hub: Sequence[str], number: signal.Signals) -> List[Message]:
    """Everything that a peer printed before and after it was away while a signal ended the hub and it was started again."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        command = [*hub, "--set", f"history.path={folder / 'history.db'}"]
        first, address = run_hub(command, stack)
        peer = stack.enter_context(Listener(language, address))
        peer.wait_until_welcome()
        say(language, address, BEFORE)
        before = peer.messages(len(BEFORE))
        first.send_signal(number)
        first.wait(TIME_LIMIT)
        peer.wait_until_over()

        _, address = run_hub(command, stack)
        say(language, address, AWAY)
        peer = stack.enter_context(Listener(language, address, before[-1].seq))
        peer.wait_until_welcome()
        say(language, address, AFTER)
        return before + peer.messages(len(AWAY) + len(AFTER))


def say(language: Language, hub: Address, lines: Sequence[str]) -> None:
    """Posts the lines, until the hub has acted on them."""
    text = "".join(f"{line}\n" for line in lines)
    command = [*command_of(language.chat), f"{hub[0]}:{hub[1]}", "--name", "bob"]
    ended = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **language.environment},
        input=text.encode("utf-8"),
        stdout=subprocess.DEVNULL,
        timeout=TIME_LIMIT,
    )
    if ended.returncode != 0:
        raise PeerFailed(f"the one that talks exited with status {ended.returncode}")


class Listener:
    """A chat client as a process that says nothing."""

    def __init__(self, language: Language, hub: Address, *after: int) -> None:
        command = [*command_of(language.chat), f"{hub[0]}:{hub[1]}", "--name", "ann", "--json"]
        for seq in after:
            command += ["--resume", str(seq)]
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **language.environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self._process.stdout is not None and self._process.stderr is not None
        self._lines = Lines(self._process.stdout, language.name)
        self._errors = Lines(self._process.stderr, language.name)

    def __enter__(self) -> "Listener":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        with self._process:
            pass

    def wait_until_welcome(self) -> None:
        """Returns once the peer has joined the room."""
        while self._next().get("event") != "welcome":
            pass

    def messages(self, count: int) -> List[Message]:
        """The next messages. A gap is a failure."""
        messages: List[Message] = []
        while len(messages) < count:
            fields = self._next()
            if fields.get("event") == "gap":
                raise PeerFailed(f"{fields['missed']} messages are missing")
            if "event" not in fields:
                messages.append(Message(fields["seq"], fields["text"]))
        return messages

    def wait_until_over(self) -> None:
        """Returns when the peer has noticed that the hub has ended, and said so."""
        while self._lines.next() is not None:
            pass
        if self._errors.next() is None:
            raise PeerFailed("it says nothing about the end of the hub")

    def _next(self) -> Dict[str, Any]:
        line = self._lines.next()
        if line is None:
            raise PeerFailed(f"it ends: {self._errors.next()}")
        fields: Dict[str, Any] = json.loads(line)
        if fields.get("event") == "error":
            raise PeerFailed(str(fields["reason"]))
        return fields
