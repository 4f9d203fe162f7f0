"""A server without rooms: it answers each REQUEST with its own payload, and prints nothing."""

from __future__ import annotations

import asyncio
import sys
from functools import partial

from . import hello, message
from .connection import Connection
from .message import Message

HELLO = hello.Hello(software="bookend reference", keepalive=2)
WORK = 0.1  # seconds that the answer to a REQUEST takes, so that it can be cancelled


class Echo:
    """The application of each connection."""

    def opened(self, connection: Connection) -> None:
        """Nothing: the peer speaks first."""

    def received(self, connection: Connection, got: Message) -> None:
        """Answers a REQUEST, unless it is cancelled in the meantime."""
        if got.kind == message.REQUEST:
            answer = partial(connection.send, message.REPLY, got.encoding, got.payload, id=got["id"])
            connection.loop.call_later(WORK, answer)

    def heard(self, connection: Connection) -> None:
        """Nothing."""

    def drained(self, connection: Connection) -> None:
        """Nothing."""

    def ended(self, connection: Connection, cause: str) -> None:
        """Nothing."""


async def serve(make_protocol: object) -> None:
    """Listens on a free port of this machine, prints it, and serves until the input ends."""
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(make_protocol, "127.0.0.1", 0, backlog=1024)
    print(listener.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    listener.close()


def run() -> None:
    """Runs the server."""
    asyncio.run(serve(lambda: Connection("server", HELLO, Echo())))
