"""The hub (SPEC 9): admits peers to rooms, and passes on what they send."""

from __future__ import annotations

import argparse
import asyncio
import signal
from dataclasses import dataclass

from . import hello, history, message, names, text
from .access import Access
from .connection import Connection
from .member import FramedMember, Member, PlainMember
from .message import Message
from .port import Port, session_after_silence
from .room import Room
from .server import serve
from .terminal import Terminal, TerminalMember

LOBBY = "lobby"
ANSWER_TIME = 3.0  # seconds for a member whose name is asked for (R9.40)


@dataclass(frozen=True)
class Settings:
    """What can be configured; lengths in bytes, times in seconds."""

    name: str = "Bookend reference hub"
    greeting: str = "welcome"
    keepalive: int = 2
    max_body: int = 1 << 20
    crowd: int = 256  # a room of more members is a crowd
    keep: int = 1000  # messages that a room keeps
    keep_bytes: int = 4 << 20
    keep_empty: float = 600.0  # how long a room outlives its last member
    tokens: str | None = None


class Hub:
    """The application of every connection."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.access = Access(settings.tokens)
        self.hello = hello.Hello(software=settings.name, keepalive=settings.keepalive, features=1, max_body=settings.max_body)
        self.rooms: dict[str, Room] = {}
        self.places: dict[Member, Room] = {}
        self.members: dict[Connection, FramedMember] = {}
        self.probes: dict[Member, asyncio.TimerHandle] = {}
        self.last_number = 0

    # -- what a connection calls

    def opened(self, connection: Connection) -> None:
        """Admits a peer, or refuses it with `policy`."""
        peer = connection.peer
        room_name = names.shown(peer.room or "") or LOBBY
        rights = self.access.rights(peer.token, room_name)
        if not rights.enter:
            connection.close(1008, rights.reason)
            return
        kind = FramedMember if connection.session.hub else PlainMember
        member = kind(connection, self.new_number(), names.shown(peer.name or ""), rights, peer.token)
        room = self.room(room_name)
        self.members[connection] = member
        self.places[member] = room
        holder = room.holder(member.asked) if member.asked else None
        room.join(member, peer.resume)
        if holder is not None and holder.token is not None and holder.token == member.token:
            self.probe(holder)

    def received(self, connection: Connection, got: Message) -> None:
        """Acts on a message of a member."""
        member = self.members.get(connection)
        if member is None:
            return
        if got.kind in (message.MESSAGE, message.POST):
            self.places[member].post(member, got)
        elif got.kind == message.REQUEST:
            self.answer(member, got)

    def answer(self, member: FramedMember, got: Message) -> None:
        """Answers a query with a page, and any other REQUEST with `policy`."""
        query = history.parse_query(got.payload) if got.encoding == text.BINARY else None
        if query is None or not member.rights.read:
            member.answer("policy", got["id"], got.number)
            return
        page = self.places[member].query(member, query)
        member.connection.send(message.REPLY, text.BINARY, page, id=got["id"])

    def heard(self, connection: Connection) -> None:
        """Something has arrived from a peer."""
        member = self.members.get(connection)
        if member is not None:
            self.end_probe(member)
            self.places[member].confirm(member)

    def drained(self, connection_or_member: Connection | Member | None) -> None:
        """A peer reads again."""
        member = self.members.get(connection_or_member, connection_or_member)
        if member in self.places:
            self.places[member].drained(member)

    def ended(self, connection: Connection, cause: str) -> None:
        """A connection is over."""
        self.leave(self.members.pop(connection, None))

    # -- terminals

    def admit_terminal(self, terminal: Terminal, room_name: str | None) -> TerminalMember | None:
        """Admits a terminal to a room."""
        room_name = names.shown(room_name or "") or LOBBY
        rights = self.access.rights(terminal.token, room_name)
        if not rights.enter:
            terminal.write(f"! policy: {rights.reason}")
            terminal.transport.close()
            return None
        member = TerminalMember(terminal, self.new_number(), None, rights, terminal.token)
        room = self.room(room_name)
        self.places[member] = room
        room.join(member)
        return member

    def session_after_silence(self, terminal: Terminal, data: bytes) -> bool:
        """START arrives from a terminal that had sent nothing."""
        return session_after_silence(self, terminal, data)

    def take_name(self, member: Member, wanted: str) -> None:
        """A member takes another name."""
        name = names.shown(wanted)
        if name is not None:
            room = self.places[member]
            member.asked = name
            room.rename(member, names.free(name, room.taken(member)))

    # -- members and rooms

    def new_number(self) -> int:
        """The number of a new member: no number is given twice."""
        self.last_number += 1
        return self.last_number

    def room(self, name: str) -> Room:
        """The room of a name, which begins if it is new."""
        key = names.room_key(name)
        if key not in self.rooms:
            self.rooms[key] = Room(self, name)
        return self.rooms[key]

    def room_of(self, member: Member) -> Room:
        """The room that a member is in."""
        return self.places[member]

    def leave(self, member: Member | None) -> None:
        """A member leaves its room."""
        if member in self.places:
            self.end_probe(member)
            self.places.pop(member).leave(member)

    def room_is_empty(self, room: Room) -> None:
        """A room that has had a message is kept for a while."""
        if room.next_seq == room.first:
            self.drop(room)
        else:
            asyncio.get_running_loop().call_later(self.settings.keep_empty, self.drop, room)

    def drop(self, room: Room) -> None:
        """Forgets a room, unless somebody has returned."""
        key = names.room_key(room.name)
        if not room.members and self.rooms.get(key) is room:
            del self.rooms[key]

    # -- names and tokens

    def probe(self, holder: Member) -> None:
        """Asks a member whose name is wanted by the holder of the same token whether it is there (R9.40)."""
        if holder.has_session and holder not in self.probes:
            timer = asyncio.get_running_loop().call_later(ANSWER_TIME, holder.connection.fault, "idle")
            self.probes[holder] = timer
            holder.connection.ping()

    def end_probe(self, member: Member) -> None:
        """The member is there, or has left."""
        timer = self.probes.pop(member, None)
        if timer:
            timer.cancel()

    def reload(self) -> None:
        """Reads the tokens again, and closes members that are admitted no longer (R9.28)."""
        self.access.reload()
        for member, room in list(self.places.items()):
            member.rights = self.access.rights(member.token, room.name)
            if not member.rights.enter:
                if member.has_session:
                    member.connection.close(1008, member.rights.reason)
                else:
                    member.terminal.write(f"! policy: {member.rights.reason}")
                    member.terminal.transport.close()


def run(arguments: list[str]) -> None:
    """Runs the hub until its input ends."""
    parser = argparse.ArgumentParser(prog="peer hub", description=__doc__)
    for option, kind in {"keepalive": int, "max-body": int, "crowd": int, "keep": int, "keep-bytes": int}.items():
        parser.add_argument(f"--{option}", type=kind, default=getattr(Settings, option.replace("-", "_")))
    parser.add_argument("--keep-empty", type=float, default=Settings.keep_empty)
    parser.add_argument("--tokens", metavar="FILE", help="require the tokens in this TOML file; SIGHUP reads it again")
    settings = Settings(**vars(parser.parse_args(arguments)))

    async def main() -> None:
        hub = Hub(settings)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hub.reload)
        await serve(lambda: Port(hub))

    asyncio.run(main())
