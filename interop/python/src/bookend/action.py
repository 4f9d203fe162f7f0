"""What a session wants done, and who it is."""

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
    """Send these bytes, one whole frame."""

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
    number: int  # of its frame, for an ERROR about it
    frame: Frame  # as it came


class Unreadable(NamedTuple):
    """The answer to a request came and cannot be read."""

    id: int
    fault: Fault


class HalfClose(NamedTuple):
    """Close the sending direction once everything is written, and go on reading until the session is done."""


class End(NamedTuple):
    """The session is over. `cause` is a name, or peer-CODE; `fault` is None if this side closed of its own will."""

    cause: str
    fault: Optional[Fault]


Action = Union[Write, Opened, Deliver, Unreadable, HalfClose, End]
Actions = List[Action]
