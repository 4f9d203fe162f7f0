"""The requests of a session that are unanswered (SPEC section 3)."""

from __future__ import annotations

from typing import Dict, Optional, Set

from .fault import Fault, Refused
from .message import AnyMessage, Cancel, Error, Reply, Request


class Requests:
    """The unanswered requests of both sides, by their ids."""

    def __init__(self) -> None:
        self._asked: Set[int] = set()  # by this side
        self._owed: Dict[int, int] = {}  # asked by the peer: id to number of the frame

    # Asked by this side

    def is_asked(self, id: int) -> bool:
        """Whether the peer has not yet answered this request."""
        return id in self._asked

    def answered(self, id: int) -> bool:
        """The answer has arrived. Returns whether the request was unanswered."""
        was_asked = id in self._asked
        self._asked.discard(id)
        return was_asked

    # Asked by the peer

    def check_new(self, id: int) -> None:
        """Raises Fault duplicate-request if the peer's request with this id is unanswered (R3.15)."""
        if id in self._owed:
            raise Fault("duplicate-request", f"id {id}")

    def admit(self, id: int, number: int, most: int) -> Optional[Fault]:
        """A request has arrived in the frame with this number. Returns the fault if too many are unanswered (R3.16)."""
        self.check_new(id)
        if len(self._owed) >= most:
            return Fault("try-later", f"{len(self._owed)} requests are unanswered")
        self._owed[id] = number
        return None

    def cancelled(self, id: int) -> Optional[int]:
        """A CANCEL has arrived. Returns the number of the request's frame, or None if it is not unanswered (R3.24)."""
        return self._owed.pop(id, None)

    def number_of(self, id: int) -> int:
        """The number of the frame of this unanswered request of the peer."""
        return self._owed[id]

    # Messages that this side sends

    def permit(self, message: AnyMessage, most: int) -> None:
        """Raises Refused if the message must not be sent; `most` requests of this side may be unanswered."""
        if isinstance(message, Request):
            if message.id in self._asked:
                raise Refused("duplicate-request", f"id {message.id}")
            if len(self._asked) >= most:
                raise Refused("try-later", f"{len(self._asked)} requests are unanswered")
        if isinstance(message, Reply) or (isinstance(message, Error) and message.id):
            if message.id not in self._owed:
                raise Refused("no-such-request", f"no REQUEST {message.id} is unanswered")
        if isinstance(message, Cancel) and message.id not in self._asked:
            raise Refused("no-such-request", f"no own REQUEST {message.id} is unanswered")

    def sent(self, message: AnyMessage) -> None:
        """The message has been sent."""
        if isinstance(message, Request):
            self._asked.add(message.id)
        elif isinstance(message, (Reply, Error)):
            self._owed.pop(message.id, None)
