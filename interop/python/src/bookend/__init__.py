"""Bookend 1.0: a message protocol for byte streams.

Layers, each importing only from those before it: frame and text, message and hello, session,
connection (blocking) and aio (asyncio). The blocking `connect` is here; its twin is `bookend.aio.connect`.
"""

from .action import Role
from .connection import Connection, connect, over
from .fault import Fault, PeerClosed, PeerError, Refused
from .frame import Encoding
from .hello import Hello
from .limits import Limits
from .message import Delivery, Error, Event, Gap, Message, Post, Presence, Reply, Request, Welcome
from .text import Text

__all__ = [
    "Connection",
    "Delivery",
    "Encoding",
    "Error",
    "Event",
    "Fault",
    "Gap",
    "Hello",
    "Limits",
    "Message",
    "PeerClosed",
    "PeerError",
    "Post",
    "Presence",
    "Refused",
    "Reply",
    "Request",
    "Role",
    "Text",
    "Welcome",
    "connect",
    "over",
]
