"""Lets every peer talk to every other one through the hub: in all encodings, preferring all encodings, byte by byte.

Each language joins once for each encoding that it may prefer, and a line terminal joins too. Then each language, and
the terminal, posts the same text in each encoding. Every peer must receive everything, in the encoding that it prefers.
"""

from __future__ import annotations

import json
import os
import queue
import re
import socket
import subprocess
import threading
from contextlib import ExitStack
from typing import IO, Callable, Collection, Dict, List, NamedTuple, Optional, Sequence

from languages import LANGUAGES, ROOT, WINE_ENVIRONMENT, Language, NotRun, build, build_hub, command_of
from relay import Address, Relay
from table import Table

TIME_LIMIT = 120.0
"""Seconds that each step of a peer may take."""

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

Print = Callable[[str], None]


class PeerFailed(Exception):
    """A peer timed out, or ended before its work was done."""


class Received(NamedTuple):
    """One delivery as a peer printed it."""

    sender: str
    encoding: int
    content: str


def run(table: Table, only: Collection[str], report: Print = print, build_hub: Callable[[], Sequence[str]] = build_hub) -> None:
    """Adds the live part to the table: a row for each receiver, a column for each sender."""
    try:
        hub = build_hub()
        peers = [language for language in LANGUAGES if not only or language.name in only]
        for language in peers:
            build(language)
    except NotRun as reason:
        table.not_run("live", str(reason), failure=reason.is_failure)
        return
    with ExitStack() as stack:
        relay = Relay(start_hub(hub, stack))
        stack.callback(relay.close)
        try:
            talk(table, peers, relay.address, stack, report)
        except PeerFailed as reason:
            report(f"live: {reason}\n")
            table.not_run("live", str(reason), failure=True)


def talk(table: Table, peers: Sequence[Language], hub: Address, stack: ExitStack, report: Print) -> None:
    """All peers join, each posts everything, then the deliveries of each are compared."""
    posted = len(peers) * len(POSTS) + 1
    listeners = {
        (language.name, preference): stack.enter_context(
            Peer(language, hub, f"{language.name}-{preference}", preference, posted, {})
        )
        for language in peers
        for preference in PREFERENCES
    }
    terminal = stack.enter_context(Terminal(hub))
    for listener in listeners.values():
        listener.wait_until_welcome()
    for language in peers:
        with Peer(language, hub, f"from-{language.name}", "utf-8", len(POSTS), POSTS) as speaker:
            speaker.deliveries()
    terminal.type_line(TEXT)

    senders = [*(language.name for language in peers), TERMINAL]
    for language in peers:
        for sender in senders:
            passed = total = 0
            for preference, number in PREFERENCES.items():
                received = [one for one in listeners[language.name, preference].deliveries() if one.sender == sender]
                expected = [Received(sender, *expected_content(encoding, number)) for encoding in encodings_of(sender)]
                passed += compare(f"{sender} to {language.name} ({preference})", expected, received, report)
                total += len(expected)
            table.count(language.name, f"from {sender}", passed, total)
    for sender in senders:
        expected_lines = [line_of(encoding) for encoding in encodings_of(sender)]
        lines = terminal.lines_of(sender, len(expected_lines))
        table.count(TERMINAL, f"from {sender}", compare(f"{sender} to {TERMINAL}", expected_lines, lines, report), len(expected_lines))


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


def start_hub(command: Sequence[str], stack: ExitStack) -> Address:
    """Starts the hub on a free port."""
    hub = stack.enter_context(
        subprocess.Popen(
            [*command, "--listen", "127.0.0.1:0"],
            cwd=ROOT,
            env={**os.environ, **WINE_ENVIRONMENT},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
    )
    stack.callback(hub.kill)
    assert hub.stdout is not None
    found = re.search(r"(127\.0\.0\.1):(\d+)", hub.stdout.readline())
    if found is None:
        raise NotRun("the hub did not print its address")
    return found[1], int(found[2])


class Lines:
    """Lines of a stream with a time limit, read by a separate thread."""

    def __init__(self, source: IO[bytes], name: str) -> None:
        self._name = name
        self._lines: "queue.Queue[Optional[str]]" = queue.Queue()
        threading.Thread(target=self._read, args=(source,), daemon=True).start()

    def _read(self, source: IO[bytes]) -> None:
        for line in source:
            self._lines.put(line.decode("utf-8", "backslashreplace").rstrip("\r\n"))
        self._lines.put(None)

    def next(self) -> Optional[str]:
        """The next line, or None at the end. Raises PeerFailed if none arrives in time."""
        try:
            return self._lines.get(timeout=TIME_LIMIT)
        except queue.Empty:
            raise PeerFailed(f"{self._name} printed nothing for {TIME_LIMIT:g} s") from None


class Peer:
    """A chat client as a process, which exits after `count` deliveries."""

    def __init__(self, language: Language, hub: Address, name: str, preference: str, count: int, posts: Dict[int, bytes]) -> None:
        self._name = name
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
        """Returns once the peer has joined the room."""
        while True:
            line = self._lines.next()
            if line is None:
                raise PeerFailed(f"{self._name} exited before it received WELCOME")
            if json.loads(line).get("event") == "welcome":
                return

    def deliveries(self) -> List[Received]:
        """Everything delivered to the peer; waits until it exits."""
        if self._received is None:
            self._received = []
            while True:
                line = self._lines.next()
                if line is None:
                    break
                fields = json.loads(line)
                if "event" not in fields:
                    content = fields["text"] if "text" in fields else fields["hex"]
                    sender = fields["name"].replace("from-", "") if fields["name"].startswith("from-") else TERMINAL
                    self._received.append(Received(sender, fields["encoding"], content))
            if self._process.wait(TIME_LIMIT) != 0:
                raise PeerFailed(f"{self._name} exited with status {self._process.returncode}")
        return self._received


class Terminal:
    """A telnet user."""

    def __init__(self, hub: Address) -> None:
        self._socket = socket.create_connection(hub)
        self._socket.sendall(b"/help\r\n")
        self._lines = Lines(self._socket.makefile("rb"), TERMINAL)
        self._seen: List[str] = []

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

    def lines_of(self, sender: str, count: int) -> List[str]:
        """The next lines of that sender: `NAME: TEXT`, and `* NAME sent N bytes`."""
        name = r"guest-\d+" if sender == TERMINAL else f"from-{sender}"
        pattern = re.compile(rf"(?:{name}: |\* {name} (?=sent ))(.*)")
        lines: List[str] = []
        while len(lines) < count:
            line = self._lines.next()
            if line is None:
                break
            found = pattern.match(line)
            if found:
                lines.append(found[1])
        return lines
