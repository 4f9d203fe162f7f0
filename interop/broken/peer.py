"""The Python peer as an adapter, a server or a client: the base of every broken peer."""

from __future__ import annotations

import socket
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python/src"))

import bookend.adapter  # noqa: E402
from bookend import connection  # noqa: E402
from bookend.action import Role  # noqa: E402
from bookend.fault import Fault  # noqa: E402
from bookend.hello import Hello  # noqa: E402
from bookend.message import Request  # noqa: E402

HELLO = Hello(software="bookend broken", keepalive=2)


def replace(sound: object, broken: object) -> None:
    """Replaces a sound function in every module of the peer that imports it."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "bookend":
            for attribute, value in list(vars(module).items()):
                if value is sound:
                    setattr(module, attribute, broken)


def run() -> None:
    """Runs as the command line asks: `server`, `client HOST:PORT`, or else the adapter."""
    if sys.argv[1:] == ["server"]:
        serve()
    elif sys.argv[1:2] == ["client"]:
        host, _, port = sys.argv[2].rpartition(":")
        with socket.create_connection((host.strip("[]"), int(port))) as stream:
            talk(stream, Role.CLIENT)
    else:
        bookend.adapter.main()


def serve() -> None:
    """Serves each connection in a thread until the input ends; prints the port."""
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)

    def accept() -> None:
        while True:
            stream, _ = listener.accept()
            threading.Thread(target=talk, args=(stream, Role.SERVER), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    sys.stdin.read()


def talk(stream: socket.socket, role: Role) -> None:
    """Answers each REQUEST with its own payload until the connection ends."""
    try:
        peer = connection.from_socket(stream, role, HELLO)
        for message in peer.messages():
            if isinstance(message, Request):
                peer.reply(message.id, message.payload)
    except (Fault, OSError):
        pass  # the tester sees it from its side
