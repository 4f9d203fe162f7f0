"""Private messages (R9.9, R9.22, R9.41): a member is sent a PING after each, and the sender learns if nothing comes back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from .member import Entry, Member
from .message import Message

if TYPE_CHECKING:
    from .room import Room

ANSWER_TIME = 3.0  # seconds


class Unconfirmed(NamedTuple):
    """A private message after which nothing has arrived from its receiver."""

    sender: Member
    number: int  # of the POST
    timer: asyncio.TimerHandle


class Private:
    """The part of a room that sends private messages."""

    def post_private(self: Room, sender: Member, got: Message, entry: Entry) -> None:
        """Sends a message to one member, or answers with an ERROR."""
        receiver = self.members.get(entry.to)
        if receiver is None:
            sender.refuse("no-such-member", got.number)
        elif not receiver.rights.read:
            sender.refuse("policy", got.number)
        elif not receiver.fits(entry):
            sender.refuse("too-long", got.number)
        elif receiver.is_behind():
            sender.refuse("try-later", got.number)
        else:
            receiver.catch_up()
            receiver.send_entry(entry)
            if receiver is not sender and receiver.has_session:
                self.ask(sender, receiver, got.number)

    def ask(self: Room, sender: Member, receiver: Member, number: int) -> None:
        """Sends the receiver a PING, and holds the sender's until something arrives."""
        timer = asyncio.get_running_loop().call_later(ANSWER_TIME, self.give_up, receiver)
        receiver.unconfirmed.append(Unconfirmed(sender, number, timer))
        if sender.has_session:
            sender.connection.hold_pongs()
        receiver.connection.ping()

    def confirm(self: Room, receiver: Member) -> None:
        """Something has arrived from a member: what it was sent has arrived."""
        self.settle(receiver, refused=False)

    def give_up(self: Room, receiver: Member) -> None:
        """Nothing has arrived in time."""
        self.settle(receiver, refused=True)

    def end_private(self: Room, member: Member) -> None:
        """A member has left."""
        self.settle(member, refused=True)

    def settle(self: Room, receiver: Member, refused: bool) -> None:
        """Answers the POSTs that wait for a member, and releases their senders' PONGs."""
        waiting, receiver.unconfirmed = receiver.unconfirmed, []
        for one in waiting:
            one.timer.cancel()
            if refused:
                one.sender.refuse("try-later", one.number)
            if one.sender.has_session:
                one.sender.connection.release_pongs()
