"""Sends a file, or receives files into a folder, with progress; a transfer that broke off resumes (SPEC section 12).

python3 -m bookend.files receive HOST:PORT FOLDER [--once] [--stop-after BYTES]
python3 -m bookend.files send HOST:PORT FILE [--stop-after BYTES]

A file that is incomplete is called NAME.part. --stop-after ends the program in the middle, with status 3.
"""

from __future__ import annotations

import argparse
import os
import re
import socket
import sys
from pathlib import Path
from typing import BinaryIO, Optional, Tuple

from .action import Role
from .chunk import Offer
from .connection import Connection, connect, from_socket
from .fault import Fault
from .transfer import Held, Incoming, Progress, TransferFailed, receive_into, send_from

_MAX_LENGTH = 1 << 40  # bytes


def main() -> int:
    """Runs the command line."""
    parser = argparse.ArgumentParser(prog="bookend.files", description="Sends a file, or receives files into a folder.")
    parser.add_argument("command", choices=("send", "receive"))
    parser.add_argument("address", metavar="HOST:PORT")
    parser.add_argument("path", type=Path, metavar="PATH", help="the file to send, or the folder to receive into")
    parser.add_argument("--once", action="store_true", help="receive: serve one connection only")
    parser.add_argument("--stop-after", type=int, metavar="BYTES", help="end in the middle, to try the resuming")
    arguments = parser.parse_args()
    host, _, port = arguments.address.rpartition(":")
    try:
        if arguments.command == "send":
            send(host, int(port), arguments.path, arguments.stop_after)
        else:
            receive(host, int(port), arguments.path, arguments.once, arguments.stop_after)
    except (Fault, OSError, TransferFailed) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def send(host: str, port: int, path: Path, stop_after: Optional[int]) -> None:
    """Sends one file."""
    with path.open("rb") as source, connect(host, port) as connection:
        offer = Offer(1, os.fstat(source.fileno()).st_size, path.name)
        length = send_from(connection, source, offer, _Meter(stop_after).show)
        print(f"sent {path.name}, {length} bytes")


def receive(host: str, port: int, folder: Path, once: bool, stop_after: Optional[int]) -> None:
    """Serves one connection after another."""
    with socket.create_server((host, port)) as listener:
        print(f"listening on {host}:{listener.getsockname()[1]}", flush=True)
        while True:
            stream, _ = listener.accept()
            try:
                with from_socket(stream, Role.SERVER) as connection:
                    _serve(connection, folder, stop_after)
            except Fault as fault:
                print(fault, file=sys.stderr)
                if once:
                    raise
            if once:
                return


def _serve(connection: Connection, folder: Path, stop_after: Optional[int]) -> None:
    """Receives the files of one connection."""
    incoming = Incoming(_MAX_LENGTH)
    while True:
        name, file = "", None

        def open_part(offer: Offer) -> Tuple[BinaryIO, Held]:
            nonlocal name, file
            if offer.name in ("", ".", "..") or re.search(r"[/\\:]", offer.name):
                raise TransferFailed("refused", "", by_peer=False)
            name = offer.name
            file = (folder / f"{name}.part").open("a+b")
            file.seek(0)
            held = Held.read(file)
            if offer.length is not None and held.length > offer.length:
                file.truncate(0)
                held = Held()
            if held.length > 0:
                print(f"{held.length} bytes are here already", flush=True)
            return file, held

        try:
            complete = receive_into(connection, incoming, open_part, _Meter(stop_after).show)
        except TransferFailed as failed:
            print(f"{name}: {failed}", file=sys.stderr)
            if failed.cause == "wrong-digest" and not failed.by_peer:
                (folder / f"{name}.part").unlink()  # it would be wrong again
            continue
        finally:
            if file is not None:
                file.close()
        if complete is None:
            return
        (folder / f"{name}.part").replace(folder / name)
        print(f"received {name}, {complete.length} bytes, SHA-256 {complete.digest.hex()}", flush=True)


class _Meter:
    """Shows each tenth of a transfer."""

    def __init__(self, stop_after: Optional[int]) -> None:
        self._shown = -1
        self._stop_after = stop_after

    def show(self, progress: Progress) -> None:
        percent = 100 * progress.done // progress.length // 10 * 10 if progress.length else 0
        if percent != self._shown:
            print(f"{percent} % ({progress.done} bytes)", file=sys.stderr)
            self._shown = percent
        if self._stop_after is not None and progress.done >= self._stop_after:
            print(f"stopped at {progress.done} bytes", flush=True)
            os._exit(3)


if __name__ == "__main__":
    sys.exit(main())
