"""The actions that a session asks its driver for, and the two roles."""

from __future__ import annotations

import enum
from typing import List, NamedTuple, Optional, Union

from .fault import Fault
from .frame import Frame
from .hello import Hello
from .message import AnyMessage


class Role(enum.Enum):
    """Which side of the connection this is."""

    CLIENT = "client"
    SERVER = "server"


class Write(NamedTuple):
    """Send these bytes: exactly one frame."""

    octets: bytes

    @property
    def kind(self) -> int:
        """The kind of the frame."""
        return self.octets[2]


class Opened(NamedTuple):
    """The peer's HELLO has been accepted."""

    hello: Hello


class Deliver(NamedTuple):
    """A message for the application."""

    message: AnyMessage
    number: int  # of its frame, which an ERROR about it repeats
    frame: Frame  # as received


class Unreadable(NamedTuple):
    """The REPLY to a request arrived, but its payload is not legal text."""

    id: int
    fault: Fault


class HalfClose(NamedTuple):
    """Close the sending direction once everything is written, and keep reading until the session is done."""


class End(NamedTuple):
    """The session is over. `cause` is a name, or peer-CODE; `fault` is None if this side closed it deliberately."""

    cause: str
    fault: Optional[Fault]


Action = Union[Write, Opened, Deliver, Unreadable, HalfClose, End]
Actions = List[Action]
