"""Rooms: members, numbers, what is kept, and what each member receives."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING

from . import names, text
from .history import Query
from .member import Entry, FramedMember, Member
from .message import CROWD, HERE, JOINED, LEFT, Message
from .pages import page
from .private import Private

if TYPE_CHECKING:
    from .hub import Hub


class Room(Private):
    """A room: `first` is its first number, `next_seq` that of the next message to everyone."""

    def __init__(self, hub: Hub, name: str) -> None:
        self.hub = hub
        self.name = name
        self.members: dict[int, Member] = {}
        self.first = self.next_seq = time.time_ns() // 1_000_000 * 1024
        self.kept: deque[Entry] = deque()
        self.kept_bytes = 0
        self.crowd = False
        self.announced = 0  # members, in the last PRESENCE crowd
        self.announced_at = 0.0
        self.announcement: asyncio.TimerHandle | None = None

    # -- joining and leaving

    def join(self, member: Member, resume: int | None = None) -> None:
        """Adds a member and tells everybody (R9.5)."""
        self.take_name(member)
        joined_crowd = self.crowd
        self.members[member.number] = member
        member.welcome(self.next_seq, self.hub.settings.greeting)
        if not self.crowd and len(self.members) <= self.hub.settings.crowd:
            for one in self.members.values():
                member.send_presence(HERE, one.number, one.name)
            self.tell_others(member, JOINED, member.number, member.name)
        else:
            if joined_crowd:
                member.send_presence(CROWD, len(self.members), self.name)
            self.update_crowd(newcomer=member)
            member.send_presence(HERE, member.number, member.name)
        if resume is not None:
            self.resume(member, resume)

    def take_name(self, member: Member) -> None:
        """Gives a member the name that it asks for, with a suffix if that is taken."""
        wanted = member.asked or f"guest-{member.number}"
        member.name = names.free(wanted, self.taken(member))

    def taken(self, member: Member) -> set[str]:
        """The keys of the names of the other members."""
        return set().union(*(names.keys(one.name) for one in self.members.values() if one is not member))

    def holder(self, name: str) -> Member | None:
        """The member whose name a name would collide with."""
        wanted = names.keys(name)
        return next((one for one in self.members.values() if names.keys(one.name) & wanted), None)

    def named(self, name: str) -> Member | None:
        """The member that a person means: the one of exactly this name, or the only one that differs in case (R9.38)."""
        exact = [one for one in self.members.values() if one.name == name]
        alike = exact or [one for one in self.members.values() if names.room_key(one.name) == names.room_key(name)]
        return alike[0] if len(alike) == 1 else None

    def leave(self, member: Member) -> None:
        """Removes a member, announces that, and gives its name to the member that waits for it (R9.39)."""
        if self.members.pop(member.number, None) is None:
            return
        self.end_private(member)
        if self.crowd:
            self.update_crowd()
        else:
            self.tell_others(member, LEFT, member.number, member.name)
        self.give_back(member)
        if not self.members:
            self.hub.room_is_empty(self)

    def give_back(self, gone: Member) -> None:
        """Renames a member that asked for the name that has become free."""
        waiting = [one for one in self.members.values() if one.asked and one.name != one.asked]
        waiting = [one for one in waiting if not names.keys(one.asked) & self.taken(one) and names.free(one.asked, set()) == one.asked]
        same = [one for one in waiting if one.token is not None and one.token == gone.token]
        for one in (same or waiting)[:1]:
            self.rename(one, one.asked)

    def rename(self, member: Member, name: str) -> None:
        """Gives a member another name; it keeps its number (R9.33)."""
        old, member.name = member.name, name
        if not self.crowd:
            for one in self.members.values():
                one.presence(LEFT, member.number, old)
                one.presence(JOINED, member.number, name)

    def tell_others(self, member: Member, event: int, number: int, name: str) -> None:
        """Sends an event to every member but one."""
        for one in list(self.members.values()):
            if one is not member:
                one.presence(event, number, name)

    # -- crowds

    def update_crowd(self, newcomer: Member | None = None) -> None:
        """Tells everybody that the room is a crowd, how many it has, or that it is one no longer (R9.25 to R9.27)."""
        count = len(self.members)
        if self.crowd and count <= self.hub.settings.crowd:
            self.crowd = False
            self.cancel_announcement()
            for one in self.members.values():
                self.list_members(one)
        elif not self.crowd:
            self.crowd = True
            self.announce()
        elif abs(count - self.announced) * 8 >= self.announced:
            wait = self.announced_at + 1 - time.monotonic()
            if wait <= 0:
                self.announce(newcomer)
            elif self.announcement is None:
                self.announcement = asyncio.get_running_loop().call_later(wait, self.announce)

    def announce(self, knows: Member | None = None) -> None:
        """Sends the number of members to each."""
        self.cancel_announcement()
        self.announced = len(self.members)
        self.announced_at = time.monotonic()
        for one in self.members.values():
            if one is not knows:
                one.presence(CROWD, self.announced, self.name)

    def cancel_announcement(self) -> None:
        """Forgets an announcement that waits."""
        if self.announcement:
            self.announcement.cancel()
            self.announcement = None

    def list_members(self, member: Member) -> None:
        """Sends who is here, or how many are."""
        if self.crowd:
            member.presence(CROWD, len(self.members), self.name)
            return
        for one in self.members.values():
            member.presence(HERE, one.number, one.name)

    # -- messages

    def post(self, sender: Member, got: Message) -> None:
        """Delivers a MESSAGE or a POST, or answers with an ERROR."""
        to = got.fields.get("to", 0)
        if not sender.rights.write:
            sender.refuse("policy", got.number)
        elif to:
            self.post_private(sender, got, self.entry(sender, got, to))
        else:
            entry = self.entry(sender, got, 0)
            if length(entry) > self.hub.settings.max_body:
                sender.refuse("too-long", got.number)
            else:
                self.say(entry)

    def entry(self, sender: Member, got: Message, to: int) -> Entry:
        """The message that a member has posted."""
        now = time.time_ns() // 1_000_000
        seq = 0 if to else self.next_seq
        said = None if got.text is None else got.text.lstrip("\ufeff")  # R9.56
        return Entry(seq, sender.number, to, now, sender.name, got.encoding, got.payload, said)

    def say(self, entry: Entry) -> None:
        """Numbers, keeps and delivers a message to everyone."""
        self.next_seq += 1
        self.keep(entry)
        for member in list(self.members.values()):
            member.deliver(entry)

    def keep(self, entry: Entry) -> None:
        """Adds a message to the log, which is bounded."""
        self.kept.append(entry)
        self.kept_bytes += len(entry.payload)
        while len(self.kept) > self.hub.settings.keep or self.kept_bytes > self.hub.settings.keep_bytes:
            self.kept_bytes -= len(self.kept.popleft().payload)

    def resume(self, member: Member, last: int) -> None:
        """Sends what a member has missed since the message of this number (R9.13)."""
        if not member.rights.read or last >= self.next_seq or 0 < last < self.first - 1:
            member.refuse("resume-refused", 0)
            return
        wanted = max(last + 1, self.first)
        kept = [entry for entry in self.kept if entry.seq >= wanted]
        oldest = kept[0].seq if kept else self.next_seq
        member.missed += oldest - wanted
        for entry in kept:
            member.catch_up()
            member.send_entry(entry)
        member.catch_up()

    def drained(self, member: Member) -> None:
        """A member that lagged reads again: tells it what it missed (R9.10, R9.23)."""
        if member.missed_presence:
            member.catch_up()
            member.missed_presence = False
            self.list_members(member)
        member.catch_up()

    def query(self, member: FramedMember, query: Query) -> bytes:
        """The page that answers a query."""
        return page(query, self.kept, self.first, self.next_seq, member)


def length(entry: Entry) -> int:
    """The length of the DELIVERY of a message, in the encoding in which it arrived."""
    payload = entry.payload if entry.text is None else text.convert(entry.encoding, entry.text)
    return 25 + len(entry.name.encode()) + len(payload)
