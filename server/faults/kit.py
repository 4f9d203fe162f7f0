"""Shared by the fault scripts: a running hub, members that check what they receive, and a table of results."""

import os
import resource
import socket
import struct
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Callable, Dict, List, Optional, Tuple

ROOT = Path(__file__).resolve().parent.parent.parent
TIMEOUT = 120.0  # seconds: longer is a hang. A busy machine may need most of it
HELLO, MESSAGE, ERROR, PING, PONG, CLOSE, WELCOME, POST, DELIVERY, GAP = (
    0x01, 0x02, 0x05, 0x06, 0x07, 0x08, 0x10, 0x12, 0x13, 0x14)  # fmt: skip


class Impossible(Exception):
    """A prerequisite is missing, so nothing was tested."""


class Table:
    """Expected and actual results, printed as they arrive."""

    def __init__(self) -> None:
        self.failed = 0

    def row(self, what: str, expected: str, seen: object, holds: bool) -> None:
        self.failed += not holds
        print(f"  {'ok  ' if holds else 'FAIL'}  {what:<46} expected {expected:<28} seen {seen}", flush=True)


class Hub:
    """A bookend-server on a free port. It is killed at the end of the `with` block."""

    def __init__(self, *settings: str, arguments: Tuple[str, ...] = (), files: Optional[int] = None,
                 before: Tuple[str, ...] = (), listen: str = "127.0.0.1:0") -> None:  # fmt: skip
        self.log_file = tempfile.TemporaryFile("w+")
        command = [*before, os.environ["BOOKEND_SERVER"], "--listen", listen, *arguments]
        for setting in settings:
            command += ["--set", setting]

        def limit() -> None:
            if files is not None:
                resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))

        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=self.log_file, text=True, preexec_fn=limit)  # fmt: skip
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line.startswith("listening on "):
            raise RuntimeError(f"the hub does not listen: {line}{self.log()}")
        self.port = int(line.split()[2].rsplit(":", 1)[1])

    def __enter__(self) -> "Hub":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self.log_file.close()

    def log(self) -> str:
        return os.pread(self.log_file.fileno(), 1 << 26, 0).decode("utf-8", "replace")

    def memory(self, name: str = "VmRSS") -> int:
        """In KiB; VmHWM is the peak, VmData what was reserved."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1])
        raise KeyError(name)

    def files(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def threads(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/task"))

    def cpu(self) -> float:
        """CPU time in seconds."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def signal(self, number: int) -> None:
        self.process.send_signal(number)


def until(holds: Callable[[], bool], timeout: float = TIMEOUT) -> Optional[float]:
    """Seconds until something holds; None after the timeout."""
    start = time.monotonic()
    while not holds():
        if time.monotonic() - start > timeout:
            return None
        time.sleep(0.02)
    return time.monotonic() - start


def best(tries: int, seconds: Callable[[], float], enough: float) -> float:
    """The least result, of at most so many tries: what the hub needs, and not what a busy machine adds."""
    least = seconds()
    while least > enough and (tries := tries - 1):
        least = min(least, seconds())
    return least


def frame(kind: int, body: bytes = b"", encoding: int = 0) -> bytes:
    return b"\xf5\xf8" + bytes([kind, encoding]) + struct.pack(">I", len(body)) + body + b"\xf8\xf5"


def hello(name: str, keepalive: int = 0, room: str = "lobby", *, preferred: int = 0, max_body: int = 1 << 20,
          token: bytes = b"", resume: Optional[int] = None) -> bytes:  # fmt: skip
    fixed = b"BKND\r\n\x1a\n\xff\x11\r\0\x01\x00\x1f" + struct.pack(">BIHH", preferred, max_body, keepalive, 1)
    options = [(1, name.encode()), (2, room.encode())]
    if token:
        options.append((3, token))
    if resume is not None:
        options.append((4, struct.pack(">Q", resume)))
    return frame(HELLO, fixed + b"".join(bytes([kind, len(value)]) + value for kind, value in options))


def post(text: str) -> bytes:
    return frame(POST, b"\0\0\0\0" + text.encode(), 2)


class Member:
    """A framed member that checks every DELIVERY: none is lost without an exact GAP, none doubled, none reordered.

    `say` sends `NAME NUMBER …`, so that the order of each sender is checked as well;
    other senders may send anything.
    """

    def __init__(self, port: int, name: str, *, host: str = "127.0.0.1", keepalive: int = 0, source: str = "",
                 buffer: Optional[int] = None, room: str = "lobby") -> None:  # fmt: skip
        self.name = name
        self.socket = socket.socket()
        if source:
            self.socket.bind((source, 0))
        if buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.settimeout(TIMEOUT)
        self.socket.connect((host, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.input = bytearray()
        self.greeted = False
        self.next_seq: Optional[int] = None
        self.received = self.missed = self.sent = 0
        self.last: Dict[str, int] = {}  # the last number of each sender
        self.wrong: List[str] = []
        self.pongs = self.errors = 0
        self.close_code: Optional[int] = None
        self.ended = False
        self.socket.sendall(hello(name, keepalive, room))
        while self.next_seq is None and self.read():
            pass
        if self.next_seq is None:
            raise RuntimeError(f"{name} was not admitted")

    def say(self, filling: str = "") -> None:
        self.sent += 1
        self.socket.sendall(post(f"{self.name} {self.sent} {filling}"))

    def ping(self) -> None:
        self.socket.sendall(frame(PING, b"?"))

    def read(self, timeout: float = TIMEOUT) -> bool:
        """Reads once. False at the end of the stream, or after the timeout."""
        self.socket.settimeout(timeout)
        try:
            more = self.socket.recv(1 << 18)
        except TimeoutError:
            return False
        except OSError:
            more = b""
        if not more:
            self.ended = True
            return False
        self.input += more
        self.take()
        return True

    def read_until(self, holds: Callable[[], bool], timeout: float = TIMEOUT) -> bool:
        end = time.monotonic() + timeout
        while not holds() and not self.ended and time.monotonic() < end:
            self.read(min(1.0, timeout))
        return holds()

    def read_in_background(self) -> threading.Thread:
        def read() -> None:
            while not self.ended:
                self.read(1.0)

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        return thread

    def take(self) -> None:
        at = 0
        if not self.greeted:
            at = self.input.find(b"\n") + 1
            self.greeted = at > 0
        while self.greeted and len(self.input) >= at + 8:
            end = at + 10 + int.from_bytes(self.input[at + 4 : at + 8], "big")
            if self.input[at : at + 2] != b"\xf5\xf8":
                self.wrong.append(f"no START, but {bytes(self.input[at:at + 16])!r}")
                self.ended = True
                return
            if len(self.input) < end:
                break
            self.judge(self.input[at + 2], bytes(self.input[at + 8 : end - 2]))
            at = end
        del self.input[:at]

    def judge(self, kind: int, body: bytes) -> None:
        if kind == WELCOME:
            self.next_seq = struct.unpack(">Q", body[4:12])[0]
        elif kind == GAP:
            missed = struct.unpack(">Q", body)[0]
            self.missed += missed
            self.next_seq = (self.next_seq or 0) + missed
        elif kind == DELIVERY:
            seq = struct.unpack(">Q", body[8:16])[0]
            if seq:
                if seq != self.next_seq:
                    self.wrong.append(f"seq {seq}, not {self.next_seq}")
                self.next_seq = seq + 1
                self.received += 1
                name, words = body[25 : 25 + body[24]], body[25 + body[24] :].split(b" ", 2)
                if len(words) == 3 and words[0] == name:
                    sender, number = name.decode(), int(words[1])
                    if number <= self.last.get(sender, 0):
                        self.wrong.append(f"{sender} {number} after {self.last[sender]}")
                    self.last[sender] = number
        elif kind == PONG:
            self.pongs += 1
        elif kind == ERROR:
            self.errors += 1
        elif kind == CLOSE:
            self.close_code = int.from_bytes(body[:2], "big")


def build(release: bool) -> None:
    """Builds the hub, unless BOOKEND_SERVER names a program."""
    if "BOOKEND_SERVER" not in os.environ:
        options = ["--release"] if release else []
        subprocess.run(["cargo", "build", "--quiet", "-p", "bookend-server", *options], cwd=ROOT, check=True)
        target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
        os.environ["BOOKEND_SERVER"] = str(target / ("release" if release else "debug") / "bookend-server")
