"""Peers are killed in the middle of a frame: partial frames are not delivered, and nothing leaks."""

import os
import random
import signal
import socket
import struct

from kit import DELIVERY, Hub, Member, Table, hello, post, until


class Witness(Member):
    def judge(self, kind: int, body: bytes) -> None:
        super().judge(kind, body)
        if kind == DELIVERY and b"half" in body:
            self.wrong.append("half a message")


def run(table: Table, quick: bool) -> None:
    count = 60 if quick else 1000
    chance = random.Random(1)
    with Hub("door.waiting_per_address=1000") as hub:
        witness = Witness(hub.port, "witness")
        files, memory = hub.files(), 0
        for number in range(count):
            bytes_sent = hello(f"victim-{number}") + post("whole") + post("half " + "x" * 5000)
            cut = chance.randrange(1, len(bytes_sent) - 1)
            kill_one_that_sent(hub.port, bytes_sent[:cut], abort=number % 2 == 0)
            if number == count // 4:
                memory = hub.memory()
        gone = until(lambda: hub.files() == files)
        table.row(f"descriptors after {count} kills", str(files), hub.files(), gone is not None)
        table.row("memory since the first quarter", "at most 4096 KiB more", hub.memory() - memory,
                  hub.memory() - memory <= 4096)  # fmt: skip
        witness.say()
        witness.read_until(lambda: "witness" in witness.last)
        table.row("the witness received whole messages only", "nothing wrong", witness.wrong or f"{witness.received} messages",
                  "witness" in witness.last and not witness.wrong)  # fmt: skip


def kill_one_that_sent(port: int, octets: bytes, abort: bool) -> None:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            stream = socket.create_connection(("127.0.0.1", port))
            if abort:
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            stream.sendall(octets)
            os.write(writing, b".")
            signal.pause()
        finally:
            os._exit(1)
    os.close(writing)
    os.read(reading, 1)
    os.close(reading)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
