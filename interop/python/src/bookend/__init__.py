"""Bookend 1.0: a message protocol for byte streams.

Layers, each importing only from those before it: frame and text, message and hello, session,
connection (blocking) and aio (asyncio). `bookend.connect` is blocking; `bookend.aio.connect` is its asyncio version.
"""

from .action import Role
from .connection import Connection, connect, from_socket
from .fault import Fault, PeerClosed, PeerError, Refused
from .frame import Encoding
from .hello import Hello
from .history import Page, Query
from .limits import Limits
from .message import Cancel, Delivery, Error, Event, Gap, Message, Post, Presence, Private, Reply, Request, Welcome
from .text import Text

__all__ = [
    "Cancel",
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
    "Page",
    "PeerClosed",
    "PeerError",
    "Post",
    "Presence",
    "Private",
    "Query",
    "Refused",
    "Reply",
    "Request",
    "Role",
    "Text",
    "Welcome",
    "connect",
    "from_socket",
]
