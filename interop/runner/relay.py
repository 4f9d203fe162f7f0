"""A relay on loopback that cuts the stream everywhere: it forwards one byte at a time."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Tuple

Address = Tuple[str, int]

READ = 65536


class Relay:
    """Listens on a free port and connects each client to `target`."""

    def __init__(self, target: Address) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.address: Address = self._listener.getsockname()[:2]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Accepts no more connections; existing ones end with their peers."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._target)
                for source, sink in ((near, far), (far, near)):
                    source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    threading.Thread(target=forward, args=(source, sink), daemon=True).start()


def forward(source: socket.socket, sink: socket.socket) -> None:
    """Forwards one direction byte by byte, and then its end."""
    with contextlib.suppress(OSError):
        while True:
            octets = source.recv(READ)
            if not octets:
                break
            for octet in octets:
                sink.sendall(bytes((octet,)))
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
