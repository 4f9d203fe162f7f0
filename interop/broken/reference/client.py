"""A client: posts the lines of its input, prints the text that arrives, and answers each REQUEST with its own payload."""

from __future__ import annotations

import asyncio
import sys

from . import hello, message, text
from .connection import Connection
from .message import Message
from .server import Echo

HELLO = hello.Hello(software="bookend reference", keepalive=2, features=1, name="reference")


class Chat(Echo):
    """The application of the connection."""

    def __init__(self) -> None:
        self.connection: Connection | None = None
        self.done = asyncio.get_running_loop().create_future()

    def opened(self, connection: Connection) -> None:
        """Posts from now on."""
        self.connection = connection
        asyncio.get_running_loop().create_task(self.post_lines())

    async def post_lines(self) -> None:
        """Sends each line of the input as a MESSAGE in the encoding that the peer prefers."""
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.buffer.readline):
            try:
                encoding = self.connection.peer.preferred or text.UTF8
                said = text.decode(text.UTF8, line.rstrip(b"\r\n"))[0]
                self.connection.send(message.MESSAGE, encoding, text.convert(encoding, said))
            except Exception as error:
                print(f"not sent: {error}", file=sys.stderr)

    def received(self, connection: Connection, got: Message) -> None:
        """Prints a MESSAGE or a DELIVERY, without what a terminal would take for a command."""
        super().received(connection, got)
        if got.kind in (message.MESSAGE, message.DELIVERY):
            said = f"({len(got.payload)} bytes)" if got.text is None else got.text
            shown = "".join(text.escape(one) if one in text.NOT_PLAIN else one for one in said)
            name = got.fields.get("name")
            line = f"{name}: {shown}\n" if name else f"{shown}\n"
            sys.stdout.buffer.write(line.encode())
            sys.stdout.buffer.flush()

    def ended(self, connection: Connection, cause: str) -> None:
        """The client ends with its connection."""
        if not self.done.done():
            self.done.set_result(cause)


class Client(Connection):
    """A connection that says when its stream is closed."""

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self.lost.set_result(None)


async def talk(host: str, port: int) -> None:
    """Runs until the connection ends, however it does."""
    loop = asyncio.get_running_loop()
    chat = Chat()

    def make() -> Client:
        client = Client("client", HELLO, chat)
        client.lost = loop.create_future()
        return client

    _, client = await loop.create_connection(make, host, port)
    await chat.done
    await client.lost


def run(address: str) -> int:
    """Connects to HOST:PORT; returns the exit status, 3 if that is not possible."""
    host, _, port = address.rpartition(":")
    try:
        loop = asyncio.new_event_loop()
        loop.run_until_complete(talk(host.strip("[]"), int(port)))
        return 0
    except OSError as error:
        print(error, file=sys.stderr)
        return 3
