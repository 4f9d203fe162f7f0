"""Lets every peer talk to every other one through the hub: in all encodings, preferring all encodings, byte by byte.

Each language joins once for each encoding that it may prefer, and a line terminal joins too. Then each language, and
at last the terminal, posts the same text in each encoding. Every peer must receive everything, in the encoding that it
prefers. A peer that fails costs its own row and column, and no other.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
from contextlib import ExitStack
from typing import Any, Callable, Collection, Dict, List, NamedTuple, Optional, Sequence

from building import build_all, build_hub, command_of
from languages import LANGUAGES, ROOT, Language
from notrun import NotRun
from processes import TIME_LIMIT, Lines, PeerFailed, start_hub
from progress import progress, report
from relay import Address, Relay
from table import Table

TEXT = "grüß 😀 漢字 עברית"
POSTS: Dict[int, bytes] = {
    0: bytes(range(256)),
    1: b"plain US-ASCII ~!",
    2: TEXT.encode("utf-8"),
    3: TEXT.encode("utf-16-be"),
    4: TEXT.encode("utf-16-le"),
}
"""The payloads that each peer posts, by encoding on the wire."""

PREFERENCES = {"ascii": 1, "utf-8": 2, "utf-16be": 3, "utf-16le": 4, "as-sent": 0}
TERMINAL = "telnet"
OWN_NAME = r"guest-\d+"
OWN_LINE = rf"{OWN_NAME}: "
"""The terminal's name as the hub chooses it, and how its line begins."""

Print = Callable[[str], None]


class Received(NamedTuple):
    """One delivery as a peer printed it."""

    sender: str
    encoding: int
    content: str


def run(table: Table, only: Collection[str], report: Print = report, build_hub: Callable[[], Sequence[str]] = build_hub) -> None:
    """Adds the live part to the table: a row for each receiver, a column for each sender.

    Of the languages it takes those in `only`, and Rust.
    """
    peers = build_all(table, [one for one in LANGUAGES if not only or one.name in only or one is LANGUAGES[0]])
    with ExitStack() as stack:
        try:
            relay = Relay(start_hub(build_hub(), stack))
        except (NotRun, PeerFailed) as reason:
            table.not_run("hub", reason if isinstance(reason, NotRun) else str(reason))
            return
        stack.callback(relay.close)
        try:
            talk(table, peers, relay.address, stack, report)
        except PeerFailed as reason:
            report(f"live: {reason}\n")
            table.not_run(TERMINAL, str(reason))


def talk(table: Table, peers: Sequence[Language], hub: Address, stack: ExitStack, report: Print) -> None:
    """All peers join, each posts everything, then the deliveries of each are compared."""
    posted = len(peers) * len(POSTS) + 1
    listeners = {
        (language.name, preference): stack.enter_context(Peer(language, hub, f"{language.name}-{preference}", preference, posted, {}))
        for language in peers
        for preference in PREFERENCES
    }
    with progress.stage("live: all join", len(listeners)) as stage:
        terminal = stack.enter_context(Terminal(hub))
        for listener in listeners.values():
            listener.wait_until_welcome()
            progress.step(stage)
        joined = sum(listener.failure is None for listener in listeners.values())
        stage.result = f"{joined}/{len(listeners)} and a line terminal"
    for language in peers:
        with progress.stage(f"live: {language.name} posts in {len(POSTS)} encodings") as stage:
            with Peer(language, hub, f"from-{language.name}", "utf-8", len(POSTS), POSTS) as speaker:
                speaker.deliveries()
            stage.result = str(speaker.failure or "done")
            if speaker.failure is not None:
                report(f"live: {speaker.failure}\n")
    terminal.type_line(TEXT)

    senders = [*(language.name for language in peers), TERMINAL]
    with progress.stage("live: who received what", len(senders) ** 2) as stage:
        pairs = 0
        for receiver in senders:
            for sender in senders:
                if receiver == TERMINAL:
                    passed, total = seen_by_terminal(terminal, sender, report)
                else:
                    passed, total = seen_by_peer({name: listeners[receiver, name] for name in PREFERENCES}, receiver, sender, report)
                table.count(receiver, f"from {sender}", passed, total)
                progress.step(stage, f"live: {sender} to {receiver}: {passed}/{total}")
                pairs += passed == total
        stage.result = f"{pairs}/{len(senders) ** 2} pairs"
    for listener in listeners.values():
        if listener.failure is not None:
            report(f"live: {listener.failure}\n")
            table.failed = True


def seen_by_peer(listeners: "Dict[str, Peer]", receiver: str, sender: str, report: Print) -> "tuple[int, int]":
    """How many posts of a sender a language received as it should, over all that it may prefer, and how many there are."""
    passed = total = 0
    for preference, number in PREFERENCES.items():
        received = [one for one in listeners[preference].deliveries() if one.sender == sender]
        expected = [Received(sender, *expected_content(encoding, number)) for encoding in encodings_of(sender)]
        passed += compare(f"{sender} to {receiver} ({preference})", expected, received, report)
        total += len(expected)
    return passed, total


def seen_by_terminal(terminal: "Terminal", sender: str, report: Print) -> "tuple[int, int]":
    """The same for the terminal."""
    expected = [line_of(encoding) for encoding in encodings_of(sender)]
    return compare(f"{sender} to {TERMINAL}", expected, terminal.lines_of(sender), report), len(expected)


def encodings_of(sender: str) -> List[int]:
    """The encodings in which a sender posts; a terminal has only UTF-8."""
    return [2] if sender == TERMINAL else list(POSTS)


def compare(title: str, expected: Sequence[object], received: Sequence[object], report: Print) -> int:
    """How many are as expected; prints both lists if they differ."""
    passed = sum(1 for one, other in zip(expected, received) if one == other)
    if list(expected) != list(received):
        report(f"live: {title}\n    expected: {list(expected)}\n    received: {list(received)}\n")
        return min(passed, len(expected) - 1)
    return passed


def text_of(encoding: int) -> str:
    """The post in that encoding, as text."""
    return POSTS[1].decode("ascii") if encoding == 1 else TEXT


def expected_content(encoding: int, preferred: int) -> "tuple[int, str]":
    """The encoding and the content in which a peer with this preference receives a post."""
    if encoding == 0:
        return 0, POSTS[0].hex()
    if preferred == 0:
        return encoding, text_of(encoding)
    if preferred == 1:
        return 1, "".join(c if c.isascii() else f"\\u{{{ord(c):x}}}" for c in text_of(encoding))
    return preferred, text_of(encoding)


def line_of(encoding: int) -> str:
    """The line that a terminal shows for a post."""
    return f"sent {len(POSTS[0])} bytes" if encoding == 0 else text_of(encoding)


class Peer:
    """A chat client as a process, which exits after `count` deliveries. `failure` has what went wrong with it."""

    def __init__(self, language: Language, hub: Address, name: str, preference: str, count: int, posts: Dict[int, bytes]) -> None:
        self.failure: Optional[PeerFailed] = None
        self._name = name
        self._count = count
        command = [*command_of(language.chat), f"{hub[0]}:{hub[1]}", "--name", name, "--encoding", preference, "--json", "--count", str(count)]
        for encoding, octets in posts.items():
            command += ["--send-hex", str(encoding), octets.hex()]
        self._process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **language.environment}, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        self._lines = Lines(self._process.stdout, name)
        self._received: Optional[List[Received]] = None

    def __enter__(self) -> "Peer":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        with self._process:
            pass

    def wait_until_welcome(self) -> None:
        """Returns once the peer has joined the room, or has failed."""
        try:
            while True:
                fields = self._next()
                if fields is None:
                    raise PeerFailed(f"{self._name} exited before it received WELCOME")
                if fields.get("event") == "welcome":
                    return
        except PeerFailed as failure:
            self._received, self.failure = [], failure

    def deliveries(self) -> List[Received]:
        """Everything delivered to the peer up to the line from the terminal, the last post of all; waits until it exits."""
        if self._received is None:
            self._received = []
            try:
                self._receive(self._received)
            except PeerFailed as failure:
                self.failure = failure
        return self._received

    def _receive(self, received: List[Received]) -> None:
        while not (received and received[-1].sender == TERMINAL):
            fields = self._next()
            if fields is None:
                break
            if "event" not in fields:
                received.append(self._delivery(fields))
        if received and received[-1].sender == TERMINAL and len(received) < self._count:
            return  # another peer has not posted everything, so this one waits for more
        try:
            status = self._process.wait(TIME_LIMIT)
        except subprocess.TimeoutExpired:
            raise PeerFailed(f"{self._name} did not exit after {self._count} deliveries") from None
        if status != 0:
            raise PeerFailed(f"{self._name} exited with status {status}")

    def _delivery(self, fields: Dict[str, Any]) -> Received:
        try:
            name = fields["name"]
            sender = name[len("from-") :] if name.startswith("from-") else TERMINAL
            return Received(sender, fields["encoding"], fields["text"] if "text" in fields else fields["hex"])
        except (KeyError, AttributeError):
            raise PeerFailed(f"{self._name} printed {fields}, which is no delivery") from None

    def _next(self) -> Optional[Dict[str, Any]]:
        """The next line as an object, or None at the end."""
        line = self._lines.next()
        if line is None:
            return None
        try:
            fields = json.loads(line)
        except ValueError:
            fields = None
        if not isinstance(fields, dict):
            raise PeerFailed(f"{self._name} printed {line!r}, which is not an object in JSON")
        return fields


class Terminal:
    """A telnet user."""

    def __init__(self, hub: Address) -> None:
        self._socket = socket.create_connection(hub)
        self._socket.sendall(b"/help\r\n")
        self._lines = Lines(self._socket.makefile("rb"), TERMINAL)
        self._seen: Optional[List[str]] = None

    def __enter__(self) -> "Terminal":
        line = self._lines.next()
        if line is None or "Bookend" not in line:
            raise PeerFailed(f"the hub greeted a terminal with {line!r}")
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def type_line(self, words: str) -> None:
        """Types a line."""
        self._socket.sendall(words.encode("utf-8") + b"\r\n")

    def lines_of(self, sender: str) -> List[str]:
        """The lines of that sender up to the terminal's own one: `NAME: TEXT`, and `* NAME sent N bytes`."""
        if self._seen is None:
            self._seen = []
            while not (self._seen and re.match(OWN_LINE, self._seen[-1])):
                line = self._lines.next()
                if line is None:
                    break
                self._seen.append(line)
        name = OWN_NAME if sender == TERMINAL else f"from-{re.escape(sender)}"
        found = (re.match(rf"(?:{name}: |\* {name} (?=sent ))(.*)", line) for line in self._seen)
        return [one[1] for one in found if one]
