"""Line terminals (R9.16 to R9.20, R9.31, R9.42, R9.43): people who type into a socket.

Commands: /token SECRET, /name NAME, /join ROOM, /to NAME TEXT (the name without blanks), /quit.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from . import frame, message, names, text
from .fault import CODE_OF, Fault
from .lines import LONGEST, Lines
from .member import Entry, Member
from .message import JOINED, LEFT, Message

if TYPE_CHECKING:
    from .hub import Hub

PAUSE = 0.25  # seconds without a byte after which what a terminal has sent is acted on
MOST_BEFORE_HELLO = 1024
HELLO_START = re.compile(rb"\xf5\xf8\x01\x00.{4}BKND", re.DOTALL)
HTTP = re.compile(r"[A-Z]+ \S+ HTTP/\d")
MOST_WAITING = 65536


class TerminalMember(Member):
    """A member that is sent lines."""

    has_session = False

    def __init__(self, terminal: Terminal, *rest: object) -> None:
        super().__init__(*rest)
        self.terminal = terminal

    def is_behind(self) -> bool:
        return self.terminal.transport.get_write_buffer_size() > MOST_WAITING

    def welcome(self, next_seq: int, greeting: str) -> None:
        self.terminal.write(f"* you are {names.safe(self.name)}")

    def send_entry(self, entry: Entry) -> None:
        said = f"({len(entry.payload)} bytes)" if entry.text is None else printable(entry.text)
        private = " (to you)" if entry.to else ""
        self.terminal.write(f"{names.safe(entry.name)}{private}: {said}")

    def send_presence(self, event: int, number: int, name: str) -> None:
        if event in (JOINED, LEFT):
            self.terminal.write(f"* {names.safe(name)} {'joined' if event == JOINED else 'left'}")

    def send_gap(self, missed: int) -> None:
        self.terminal.write(f"* you missed {missed} messages")

    def refuse(self, name: str, number: int) -> None:
        self.terminal.write(f"! {name}")


class Terminal(asyncio.Protocol):
    """The stream of a line terminal."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.member: TerminalMember | None = None
        self.lines = Lines()
        self.seen = b""
        self.held = b""
        self.pause: asyncio.TimerHandle | None = None
        self.token: bytes | None = None
        self.first_line = True
        self.sent = 0

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if len(self.seen) > MOST_BEFORE_HELLO + 12:
            self.act(data)
            return
        if not self.seen and data[:1] == frame.START[:1] and self.hub.session_after_silence(self, data):
            return
        self.seen += data
        self.held += data
        begun = HELLO_START.search(self.seen)
        if begun and begun.start() <= MOST_BEFORE_HELLO:
            self.refuse_hello()
            return
        if self.pause:
            self.pause.cancel()
        if len(self.held) >= MOST_BEFORE_HELLO + 12:
            self.release()
        else:
            self.pause = asyncio.get_running_loop().call_later(PAUSE, self.release)

    def eof_received(self) -> None:
        self.release()
        self.act(b"\n" if self.lines.line else b"")

    def connection_lost(self, error: Exception | None) -> None:
        if self.pause:
            self.pause.cancel()
        self.hub.leave(self.member)
        self.member = None

    def resume_writing(self) -> None:
        self.hub.drained(self.member)

    def release(self) -> None:
        """Acts on what was held."""
        held, self.held = self.held, b""
        self.act(held)

    def refuse_hello(self) -> None:
        """A program has put something before its HELLO (R9.43)."""
        self.held = b""
        self.write("! bad-start: the first byte of a framed client is F5")
        body = message.build(message.CLOSE, text.ASCII, b"bad-start", code=CODE_OF["bad-start"])
        self.transport.write(frame.encode(message.CLOSE, text.ASCII, body))
        self.transport.close()

    def act(self, data: bytes) -> None:
        """Acts on the lines that are complete."""
        lines = self.lines.feed(data)
        if reply := self.lines.take_reply():
            self.transport.write(reply)
        for line in lines:
            if not self.transport.is_closing():
                self.take_line(line)

    def take_line(self, line: bytes) -> None:
        """A command, or a text for everyone."""
        try:
            typed = text.decode(text.UTF8, line)[0]
        except Fault as fault:
            self.write(f"! bad-text: byte {fault.offset}")
            return
        if len(line) > LONGEST:
            self.write("! too-long: a line has at most 1,024 bytes")
            return
        first, self.first_line = self.first_line, False
        if first and HTTP.match(typed):
            self.write("! this is not a web server")
            self.transport.close()
            return
        word, _, rest = typed.strip().partition(" ")
        if word.lower() == "/token":
            self.token = rest.strip().encode()
        elif self.join() and typed.strip():
            self.command(word, rest, typed)

    def join(self, room: str | None = None) -> bool:
        """Joins a room if it is in none."""
        if self.member is None:
            self.member = self.hub.admit_terminal(self, room)
        return self.member is not None

    def command(self, word: str, rest: str, typed: str) -> None:
        """Does what a line says."""
        room = self.hub.room_of(self.member)
        if word == "/name":
            self.hub.take_name(self.member, rest)
        elif word == "/join":
            self.hub.leave(self.member)
            self.member = None
            self.join(rest)
        elif word == "/quit":
            self.transport.close()
        elif word == "/to":
            name, _, said = rest.partition(" ")
            to = room.named(name)
            if to is None:
                self.write("! no-such-member")
            else:
                room.post(self.member, posted(said, to.number))
        else:
            room.post(self.member, posted(typed, 0))

    def write(self, line: str) -> None:
        """Sends a line."""
        data = line.encode() + b"\r\n"
        self.sent += len(data)
        self.transport.write(data)


def posted(said: str, to: int) -> Message:
    """What a terminal has typed, as a POST in UTF-8."""
    return Message(message.POST, text.UTF8, {"to": to}, said.encode(), said)


def printable(said: str) -> str:
    """A payload without what a terminal would take for a command or another line (R9.19)."""
    return "".join(text.escape(one) if one in text.NOT_PLAIN else one for one in said)
