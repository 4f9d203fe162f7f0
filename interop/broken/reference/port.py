"""One port for framed clients and line terminals: the first byte decides (R4.22, R9.16, R9.17)."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import TYPE_CHECKING

from . import frame, message, text
from .connection import Connection
from .fault import CODE_OF
from .terminal import Terminal

if TYPE_CHECKING:
    from .hub import Hub

SILENCE = 2.0  # seconds after which a connection that sends nothing is taken for a line terminal
MOST_SKIPPED = 1024
SEND_BUFFER = 65536


class Port(asyncio.Protocol):
    """A connection whose first byte has not arrived."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        transport.write(f"{self.hub.settings.name}, {time.strftime('%a %d %b %Y %H:%M:%S UTC', time.gmtime())}\r\n".encode())
        self.timer = asyncio.get_running_loop().call_later(SILENCE, self.silent)

    def data_received(self, data: bytes) -> None:
        self.timer.cancel()
        if data[:1] == frame.START[:1]:
            begin_session(self.hub, self.transport, data)
        else:
            self.begin_terminal().data_received(data)

    def eof_received(self) -> None:
        self.timer.cancel()

    def connection_lost(self, error: Exception | None) -> None:
        self.timer.cancel()

    def silent(self) -> None:
        """People read before they type."""
        self.begin_terminal().join()

    def begin_terminal(self) -> Terminal:
        """Treats the connection as a line terminal from now on."""
        terminal = Terminal(self.hub)
        self.transport.set_protocol(terminal)
        terminal.connection_made(self.transport)
        return terminal


def begin_session(hub: Hub, transport: asyncio.Transport, data: bytes) -> None:
    """Treats the connection as a session from now on."""
    connection = Connection("server", hub.hello, hub)
    transport.set_protocol(connection)
    connection.connection_made(transport)
    connection.data_received(data)


def session_after_silence(hub: Hub, terminal: Terminal, data: bytes) -> bool:
    """A terminal that had sent nothing sends START: it was a framed client that was slow."""
    hub.leave(terminal.member)
    terminal.member = None
    transport = terminal.transport
    if terminal.sent <= MOST_SKIPPED:
        begin_session(hub, transport, data)
        return True
    body = message.build(message.CLOSE, text.ASCII, b"hello-timeout", code=CODE_OF["hello-timeout"])
    transport.write(frame.encode(message.CLOSE, text.ASCII, body))
    transport.close()
    return True
