"""Lets every peer talk to every other one through the hub: in all encodings, asking for all encodings, byte by byte.

Each language joins once for each encoding that it may prefer, and a line terminal joins too. Then each language, and
the terminal, says the same in each encoding. Everybody has to have got everything, in the encoding that it asked for.
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

TIME_LIMIT = 60.0
"""Seconds that anybody may take for anything."""

WORDS = "grüß 😀 漢字 עברית"
SAYINGS: Dict[int, bytes] = {
    0: bytes(range(256)),
    1: b"plain US-ASCII ~!",
    2: WORDS.encode("utf-8"),
    3: WORDS.encode("utf-16-be"),
    4: WORDS.encode("utf-16-le"),
}
"""What each peer says, by the encoding on the wire."""

PREFERENCES = {"ascii": 1, "utf-8": 2, "utf-16be": 3, "utf-16le": 4, "as-sent": 0}
TERMINAL = "telnet"

Print = Callable[[str], None]


class Silent(Exception):
    """A peer did not do in time what it was to do."""


class Got(NamedTuple):
    """What one delivery brought."""

    sender: str
    encoding: int
    content: str


def run(table: Table, only: Collection[str], say: Print = print, build_hub: Callable[[], Sequence[str]] = build_hub) -> None:
    """The live columns of the table: a row for each receiver, a column for each sender."""
    try:
        hub = build_hub()
        peers = [language for language in LANGUAGES if not only or language.name in only]
        for language in peers:
            build(language)
    except NotRun as reason:
        table.not_run("live", str(reason), failure=not reason.lacking or os.environ.get("CI") == "true")
        return
    with ExitStack() as stack:
        relay = Relay(start_hub(hub, stack))
        stack.callback(relay.close)
        try:
            talk(table, peers, relay.address, stack, say)
        except Silent as reason:
            say(f"live: {reason}\n")
            table.not_run("live", str(reason), failure=True)


def talk(table: Table, peers: Sequence[Language], hub: Address, stack: ExitStack, say: Print) -> None:
    """Everybody joins, everybody says everything, everybody is asked what it has got."""
    said = len(peers) * len(SAYINGS) + 1
    listeners = {
        (language.name, preference): stack.enter_context(
            Peer(language, hub, f"{language.name}-{preference}", preference, said, {})
        )
        for language in peers
        for preference in PREFERENCES
    }
    terminal = stack.enter_context(Terminal(hub))
    for listener in listeners.values():
        listener.wait_until_welcome()
    for language in peers:
        with Peer(language, hub, f"from-{language.name}", "utf-8", len(SAYINGS), SAYINGS) as speaker:
            speaker.deliveries()
    terminal.say(WORDS)

    senders = [*(language.name for language in peers), TERMINAL]
    for language in peers:
        for sender in senders:
            passed = total = 0
            for preference, number in PREFERENCES.items():
                got = [got for got in listeners[language.name, preference].deliveries() if got.sender == sender]
                expected = [Got(sender, *received(encoding, number)) for encoding in sayings_of(sender)]
                passed += compare(f"{sender} to {language.name} ({preference})", expected, got, say)
                total += len(expected)
            table.count(language.name, f"from {sender}", passed, total)
    for sender in senders:
        expected_lines = [line_of(encoding) for encoding in sayings_of(sender)]
        lines = terminal.lines_of(sender, len(expected_lines))
        table.count(TERMINAL, f"from {sender}", compare(f"{sender} to {TERMINAL}", expected_lines, lines, say), len(expected_lines))


def sayings_of(sender: str) -> List[int]:
    """The encodings in which a sender says something; a terminal has but one."""
    return [2] if sender == TERMINAL else list(SAYINGS)


def compare(title: str, expected: Sequence[object], got: Sequence[object], say: Print) -> int:
    """How many are as expected; tells of the first that is not."""
    passed = sum(1 for one, other in zip(expected, got) if one == other)
    if list(expected) != list(got):
        say(f"live: {title}\n    expected: {list(expected)}\n    got:      {list(got)}\n")
        return min(passed, len(expected) - 1)
    return passed


def text_of(encoding: int) -> str:
    """What is said in that encoding, as text."""
    return SAYINGS[1].decode("ascii") if encoding == 1 else WORDS


def received(encoding: int, preferred: int) -> "tuple[int, str]":
    """The encoding and the content in which a saying reaches one who prefers that."""
    if encoding == 0:
        return 0, SAYINGS[0].hex()
    if preferred == 0:
        return encoding, text_of(encoding)
    if preferred == 1:
        return 1, "".join(c if c.isascii() else f"\\u{{{ord(c):x}}}" for c in text_of(encoding))
    return preferred, text_of(encoding)


def line_of(encoding: int) -> str:
    """The line in which a saying reaches a terminal."""
    return f"sent {len(SAYINGS[0])} bytes" if encoding == 0 else text_of(encoding)


def start_hub(command: Sequence[str], stack: ExitStack) -> Address:
    """Starts the hub on a port of its choice."""
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
        raise NotRun("the hub did not say where it listens")
    return found[1], int(found[2])


class Lines:
    """Lines as they come, with a time limit, read by a thread of their own."""

    def __init__(self, source: IO[bytes], who: str) -> None:
        self._who = who
        self._lines: "queue.Queue[Optional[str]]" = queue.Queue()
        threading.Thread(target=self._read, args=(source,), daemon=True).start()

    def _read(self, source: IO[bytes]) -> None:
        for line in source:
            self._lines.put(line.decode("utf-8", "backslashreplace").rstrip("\r\n"))
        self._lines.put(None)

    def next(self) -> Optional[str]:
        """The next line, None at the end. Raises Silent where none comes in time."""
        try:
            return self._lines.get(timeout=TIME_LIMIT)
        except queue.Empty:
            raise Silent(f"{self._who} said nothing for {TIME_LIMIT:g} s") from None


class Peer:
    """A chat peer as a process, which ends after so many deliveries."""

    def __init__(self, language: Language, hub: Address, name: str, preference: str, count: int, sayings: Dict[int, bytes]) -> None:
        self._name = name
        command = [*command_of(language.chat), f"{hub[0]}:{hub[1]}", "--name", name, "--encoding", preference, "--json", "--count", str(count)]
        for encoding, octets in sayings.items():
            command += ["--send-hex", str(encoding), octets.hex()]
        self._process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **language.environment}, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        self._lines = Lines(self._process.stdout, name)
        self._got: Optional[List[Got]] = None

    def __enter__(self) -> "Peer":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        with self._process:
            pass

    def wait_until_welcome(self) -> None:
        """Returns once it is in the room."""
        while True:
            line = self._lines.next()
            if line is None:
                raise Silent(f"{self._name} ended before it was welcome")
            if json.loads(line).get("event") == "welcome":
                return

    def deliveries(self) -> List[Got]:
        """Everything that was delivered to it, once it has ended."""
        if self._got is None:
            self._got = []
            while True:
                line = self._lines.next()
                if line is None:
                    break
                it = json.loads(line)
                if "event" not in it:
                    content = it["text"] if "text" in it else it["hex"]
                    sender = it["name"].replace("from-", "") if it["name"].startswith("from-") else TERMINAL
                    self._got.append(Got(sender, it["encoding"], content))
            if self._process.wait(TIME_LIMIT) != 0:
                raise Silent(f"{self._name} ended with status {self._process.returncode}")
        return self._got


class Terminal:
    """Somebody with telnet."""

    def __init__(self, hub: Address) -> None:
        self._socket = socket.create_connection(hub)
        self._socket.sendall(b"/help\r\n")
        self._lines = Lines(self._socket.makefile("rb"), TERMINAL)
        self._seen: List[str] = []

    def __enter__(self) -> "Terminal":
        line = self._lines.next()
        if line is None or "Bookend" not in line:
            raise Silent(f"the hub welcomed a terminal with {line!r}")
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def say(self, words: str) -> None:
        """Types a line."""
        self._socket.sendall(words.encode("utf-8") + b"\r\n")

    def lines_of(self, sender: str, count: int) -> List[str]:
        """The next lines of that sender: `NAME: WORDS`, and `* NAME sent N bytes`."""
        name = r"guest-\d+" if sender == TERMINAL else f"from-{sender}"
        says = re.compile(rf"(?:{name}: |\* {name} (?=sent ))(.*)")
        lines: List[str] = []
        while len(lines) < count:
            line = self._lines.next()
            if line is None:
                break
            found = says.match(line)
            if found:
                lines.append(found[1])
        return lines
