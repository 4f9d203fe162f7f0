"""Members: what each kind of peer is sent, in which encoding, and what it misses while it lags."""

from __future__ import annotations

from typing import NamedTuple

from . import message, names, text
from .access import Rights
from .connection import Connection
from .fault import CODE_OF

MOST_WAITING = 1 << 18  # bytes; a member for which more wait misses messages


class Entry(NamedTuple):
    """A message of a room: `sender` and `to` are numbers of members, `time` is in ms since 1970."""

    seq: int
    sender: int
    to: int
    time: int
    name: str
    encoding: int
    payload: bytes
    text: str | None  # None if the payload is binary


class Member:
    """A member of a room; the kinds of members differ in what they are sent."""

    has_session = True

    def __init__(self, number: int, asked: str | None, rights: Rights, token: bytes | None) -> None:
        self.number = number
        self.asked = asked
        self.name = ""
        self.rights = rights
        self.token = token
        self.unconfirmed: list = []  # private messages to it after which nothing has arrived
        self.missed = 0  # messages to everyone
        self.missed_presence = False

    def deliver(self, entry: Entry) -> None:
        """Sends a message to everyone, or counts it as missed."""
        if not self.rights.read:
            return
        if self.is_behind():
            self.missed += 1
        else:
            self.catch_up()
            self.send_entry(entry)

    def presence(self, event: int, number: int, name: str) -> None:
        """Sends who joins or leaves, or notes that it was missed."""
        if not self.rights.read:
            return
        if self.is_behind():
            self.missed_presence = True
        else:
            self.send_presence(event, number, name)

    def catch_up(self) -> None:
        """Sends the GAP for what was missed."""
        if self.missed:
            missed, self.missed = self.missed, 0
            self.send_gap(missed)

    # What the kinds of members do differently:

    def is_behind(self) -> bool:
        """Whether too much waits to be sent."""
        return False

    def welcome(self, next_seq: int, greeting: str) -> None:
        """Sends the first message."""

    def send_entry(self, entry: Entry) -> None:
        """Sends a message."""

    def send_presence(self, event: int, number: int, name: str) -> None:
        """Sends an event."""

    def send_gap(self, missed: int) -> None:
        """Sends how many messages were missed."""

    def refuse(self, name: str, number: int) -> None:
        """Answers the member's frame of this number with an ERROR of this name."""

    def fits(self, entry: Entry) -> bool:
        """Whether the member accepts a message of this length."""
        return True


class FramedMember(Member):
    """A member with a session in which the hub profile is in force."""

    def __init__(self, connection: Connection, *rest: object) -> None:
        super().__init__(*rest)
        self.connection = connection

    def is_behind(self) -> bool:
        return self.connection.waiting > MOST_WAITING or (self.connection.paused and bool(self.missed or self.missed_presence))

    def welcome(self, next_seq: int, greeting: str) -> None:
        encoding, payload = self.words(greeting)
        self.connection.send(message.WELCOME, encoding, payload, member=self.number, seq=next_seq)

    def words(self, said: str) -> tuple[int, bytes]:
        """A text of the hub in the encoding that the member prefers."""
        encoding = self.connection.peer.preferred or text.UTF8
        return encoding, text.convert(encoding, said)

    def name_words(self, name: str) -> tuple[int, bytes]:
        """A name in the encoding that the member prefers, or in UTF-8 if that cannot carry it within 64 bytes."""
        encoding, payload = self.words(name)
        if text.decode(encoding, payload)[0] != name:
            return text.UTF8, name.encode()
        return encoding, payload

    def rendition(self, entry: Entry) -> tuple[int, bytes]:
        """A message in the encoding that the member is sent (R9.12)."""
        if entry.text is None:
            return text.BINARY, entry.payload
        wanted = self.connection.peer.preferred
        if not wanted:
            wanted = entry.encoding if self.connection.peer.accepts(entry.encoding) else text.UTF8
        return wanted, text.convert(wanted, entry.text)

    def delivery(self, entry: Entry) -> tuple[int, bytes]:
        """The encoding and the body of a DELIVERY."""
        encoding, payload = self.rendition(entry)
        return encoding, message.build(message.DELIVERY, encoding, payload, **delivery_fields(entry))

    def fits(self, entry: Entry) -> bool:
        return len(self.delivery(entry)[1]) <= self.connection.peer.max_body

    def send_entry(self, entry: Entry) -> None:
        if not self.fits(entry):
            self.missed += 1
            self.catch_up()
            return
        encoding, payload = self.rendition(entry)
        self.connection.send(message.DELIVERY, encoding, payload, **delivery_fields(entry))

    def send_presence(self, event: int, number: int, name: str) -> None:
        encoding, payload = self.name_words(name)
        self.connection.send(message.PRESENCE, encoding, payload, member=number, event=event)

    def send_gap(self, missed: int) -> None:
        self.connection.send(message.GAP, text.BINARY, missed=missed)

    def refuse(self, name: str, number: int) -> None:
        self.answer(name, 0, number)

    def answer(self, name: str, id: int, number: int) -> None:
        """Sends an ERROR about a REQUEST, or with id 0 about the frame of this number."""
        encoding, payload = self.words(name)
        self.connection.send(message.ERROR, encoding, payload, id=id, frame=number, code=CODE_OF[name])


class PlainMember(FramedMember):
    """A member with a session without the hub profile: it is sent MESSAGEs only (R9.11)."""

    def welcome(self, next_seq: int, greeting: str) -> None:
        pass

    def line(self, entry: Entry) -> tuple[int, bytes]:
        """A message as the MESSAGE `name: text`."""
        if entry.text is None:
            return text.BINARY, entry.payload
        encoding, _ = self.rendition(entry)
        private = " (to you)" if entry.to else ""
        return encoding, text.convert(encoding, f"{names.safe(entry.name)}{private}: {entry.text}")

    def fits(self, entry: Entry) -> bool:
        return len(self.line(entry)[1]) <= self.connection.peer.max_body

    def send_entry(self, entry: Entry) -> None:
        if not self.fits(entry):
            self.missed += 1
            self.catch_up()
            return
        encoding, payload = self.line(entry)
        self.connection.send(message.MESSAGE, encoding, payload)

    def send_presence(self, event: int, number: int, name: str) -> None:
        pass

    def send_gap(self, missed: int) -> None:
        encoding, payload = self.words(f"* you missed {missed} messages")
        self.connection.send(message.MESSAGE, encoding, payload)


def delivery_fields(entry: Entry) -> dict[str, int | str]:
    """The fields of a DELIVERY."""
    return {"from": entry.sender, "to": entry.to, "seq": entry.seq, "time": entry.time, "name": entry.name}
