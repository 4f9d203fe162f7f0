"""Everything that a peer may do wrong. Each function takes the port, a source of random numbers and a name."""

import os
import random
import select
import socket
import struct
import time
from typing import Callable, List

from kit import PING, frame, hello, post

Chance = random.Random


def connected(port: int) -> socket.socket:
    stream = socket.create_connection(("127.0.0.1", port))
    stream.settimeout(0.5)
    return stream


def exchange(port: int, octets: bytes, chance: Chance) -> None:
    """Sends something, reads a little, and disconnects: in good order or with a reset."""
    with connected(port) as stream:
        try:
            stream.sendall(octets)
            if chance.random() < 0.5:
                select.select([stream], [], [], 0.05)
                stream.recv(4096)
        except OSError:
            pass
        if chance.random() < 0.3:
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def garbage(port: int, chance: Chance, name: str) -> None:
    exchange(port, os.urandom(chance.randrange(1, 3000)), chance)


def damaged(port: int, chance: Chance, name: str) -> None:
    octets = bytearray(hello(name) + post("hi") * 3)
    octets[chance.randrange(len(octets))] ^= 1 << chance.randrange(8)
    exchange(port, bytes(octets), chance)


def half_frame(port: int, chance: Chance, name: str) -> None:
    octets = hello(name) + post("x" * 2000)
    exchange(port, octets[: chance.randrange(1, len(octets))], chance)


def claim(port: int, chance: Chance, name: str) -> None:
    length = chance.choice([1 << 20, (1 << 20) + 1, 1 << 31, (1 << 32) - 1])
    exchange(port, hello(name) + b"\xf5\xf8\x12\x02" + struct.pack(">I", length) + b"x", chance)


def pings(port: int, chance: Chance, name: str) -> None:
    exchange(port, hello(name) + frame(PING) * 1000, chance)


def empty_frames(port: int, chance: Chance, name: str) -> None:
    exchange(port, hello(name) + frame(0x90) * 3000, chance)


def errors_unread(port: int, chance: Chance, name: str) -> None:
    with connected(port) as stream:
        try:
            stream.sendall(hello(name) + frame(0x12, b"\0\0\0\0\xff", 1) * 20_000)
        except OSError:
            pass


def browser(port: int, chance: Chance, name: str) -> None:
    exchange(port, b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\n" + hello(name) + post("forged"), chance)


def long_line(port: int, chance: Chance, name: str) -> None:
    exchange(port, b"/join attic\r\n" + b"x" * 100_000, chance)


def telnet_commands(port: int, chance: Chance, name: str) -> None:
    exchange(port, b"\xff\xfb\x18\xff\xfd\x03" * 2000 + b"\xff\xfa" + b"x" * 3000, chance)


def renames(port: int, chance: Chance, name: str) -> None:
    exchange(port, b"".join(b"/name %s-%d\r\n/join attic-%d\r\n" % (name.encode(), n, n) for n in range(100)), chance)


def comes_and_goes(port: int, chance: Chance, name: str) -> None:
    for _ in range(20):
        exchange(port, hello(name), chance)


def says_nothing(port: int, chance: Chance, name: str) -> None:
    exchange(port, b"", chance)


def floods(port: int, chance: Chance, name: str) -> None:
    """Sends as fast as it can, for longer than the burst that it is allowed, and reads all it is sent."""
    with connected(port) as stream:
        octets, end = hello(name) + post("x") * 20_000, time.monotonic() + 1
        while time.monotonic() < end:
            readable, writable, _ = select.select([stream], [stream], [], 0.1)
            if readable and not stream.recv(1 << 18):
                raise AssertionError("the hub has closed a member that sends fast")
            if writable:
                octets = octets[stream.send(octets) :] or post("x") * 20_000


def silent_crowd(port: int, chance: Chance, name: str) -> None:
    """Many connections from one address that send nothing, or one byte, and stay for a while."""
    source = f"127.0.0.{chance.randrange(2, 30)}"
    first = chance.choice([b"", b"\xf5", b"/", b"\xff\xfb\x18"])
    crowd = []
    try:
        for _ in range(8):
            stream = socket.socket()
            crowd.append(stream)
            stream.bind((source, 0))
            stream.settimeout(0.5)
            stream.connect(("127.0.0.1", port))
            stream.sendall(first)
        time.sleep(chance.random() / 4)
    except OSError:
        pass
    for stream in crowd:
        stream.close()


def proxy_header(port: int, chance: Chance, name: str) -> None:
    octets = b"PROXY TCP4 192.0.2.7 192.0.2.1 51234 3990\r\n"
    if chance.random() < 0.5:
        octets = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + os.urandom(12)
    exchange(port, octets + hello(name), chance)


def dropped(stream: socket.socket, timeout: float) -> None:
    """Reads until the hub ends the connection; AssertionError if it does not."""
    end = time.monotonic() + timeout
    stream.settimeout(0.5)
    while time.monotonic() < end:
        try:
            if not stream.recv(1 << 16):
                return
        except socket.timeout:
            pass
        except OSError:
            return
    raise AssertionError("the hub did not end it")


def half_open(port: int, chance: Chance, name: str) -> None:
    """A member whose cable is pulled: it promises a keepalive of 1 s, and then sends nothing."""
    with socket.create_connection(("127.0.0.1", port)) as stream:
        stream.sendall(hello(name, keepalive=1) + post("the last words"))
        dropped(stream, 10)


def drips(port: int, chance: Chance, name: str) -> None:
    """A HELLO, a header or a body that arrives byte by byte, for longer than its timeout."""
    whole = hello(name) + post("x" * 3000)
    quick = chance.choice([0, 4, len(hello(name)) + 4, len(hello(name)) + 60])
    with socket.create_connection(("127.0.0.1", port)) as stream:
        stream.sendall(whole[:quick])
        for byte in whole[quick : quick + 40]:
            if select.select([stream], [], [], 0.1)[0] and not stream.recv(1 << 16):
                return
            try:
                stream.sendall(bytes([byte]))
            except OSError:
                return
        dropped(stream, 10)


def takes_a_byte(port: int, chance: Chance, name: str) -> None:
    """Takes a byte now and then of what the others say."""
    with socket.socket() as stream:
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stream.connect(("127.0.0.1", port))
        stream.sendall(hello(name))
        for _ in range(20):
            if not stream.recv(1):
                return
            time.sleep(0.5)
        dropped(stream, 10)


# Each takes seconds, and ends when the hub ends the connection.
SLOW_MISDEEDS: List[Callable[[int, Chance, str], None]] = [half_open, drips, takes_a_byte]

MISDEEDS: List[Callable[[int, Chance, str], None]] = [
    garbage, damaged, half_frame, claim, pings, empty_frames, errors_unread, browser, long_line, telnet_commands,
    renames, comes_and_goes, says_nothing, floods, silent_crowd, proxy_header,
]  # fmt: skip
