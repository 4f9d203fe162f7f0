"""HELLO (SPEC 4): the body of the first frame."""

from __future__ import annotations

from dataclasses import dataclass, replace

from . import text
from .fault import Fault

MAGIC = b"BKND"
CANARY = b"\x0d\x0a\x1a\x0a\xff\x11\x0d\x00"
KIND = 1
NAME, ROOM, TOKEN, RESUME, SOFTWARE, CLIENT, REQUESTS = 1, 2, 3, 4, 5, 7, 8
DEFAULT_REQUESTS = 64


@dataclass(frozen=True)
class Hello:
    """What a side accepts and asks for; `keepalive` is in seconds, `max_body` in bytes."""

    major: int = 1
    minor: int = 0
    accepted: int = 0x1F
    preferred: int = 0
    max_body: int = 1 << 20
    keepalive: int = 30
    features: int = 0
    name: str | None = None
    room: str | None = None
    token: bytes | None = None
    resume: int | None = None
    software: str | None = None
    client: bool = False
    requests: int | None = None

    @property
    def hub(self) -> bool:
        """Whether this side speaks the hub profile."""
        return bool(self.features & 1)

    @property
    def requests_permitted(self) -> int:
        """How many REQUESTs of the other side may be unanswered."""
        return DEFAULT_REQUESTS if self.requests is None else self.requests

    def accepts(self, encoding: int) -> bool:
        """Whether this side accepts an encoding."""
        return bool(self.accepted >> encoding & 1)

    def with_client(self, client: bool) -> Hello:
        """The same with or without the option `client`."""
        return replace(self, client=client)

    def write(self) -> bytes:
        """The body, with the options in the order of their types."""
        body = MAGIC + CANARY + bytes([self.major, self.minor, self.accepted, self.preferred])
        body += self.max_body.to_bytes(4, "big") + self.keepalive.to_bytes(2, "big") + self.features.to_bytes(2, "big")
        for kind, value in self._options():
            if value is not None:
                body += bytes([kind, len(value)]) + value
        return body

    def _options(self) -> list[tuple[int, bytes | None]]:
        lines = [(NAME, self.name), (ROOM, self.room), (SOFTWARE, self.software)]
        options: list[tuple[int, bytes | None]] = [(kind, None if line is None else line.encode()) for kind, line in lines]
        options.append((TOKEN, self.token))
        options.append((RESUME, None if self.resume is None else self.resume.to_bytes(8, "big")))
        options.append((CLIENT, b"" if self.client else None))
        options.append((REQUESTS, None if self.requests is None else self.requests.to_bytes(4, "big")))
        return sorted(options, key=lambda option: option[0])


def check_start(body: bytes) -> None:
    """Compares what has arrived of magic and canary; raises Fault at the first wrong byte."""
    for at, (found, wanted) in enumerate(zip(body, MAGIC + CANARY)):
        if found != wanted:
            if at < len(MAGIC):
                raise Fault("bad-hello", at)
            raise Fault("bad-canary", at, f"byte {at - len(MAGIC)} is {found:02x}")


def parse(body: bytes) -> Hello:
    """A HELLO from its body; raises Fault."""
    check_start(body)
    if len(body) < 24:
        raise Fault("bad-hello", detail="shorter than 24 bytes")
    major, minor, accepted, preferred = body[12:16]
    if major != 1:
        raise Fault("version", detail=f"major version {major}")
    hello = Hello(
        major=major,
        minor=minor,
        accepted=accepted & 0x1F,
        preferred=preferred,
        max_body=int.from_bytes(body[16:20], "big"),
        keepalive=int.from_bytes(body[20:22], "big"),
        features=int.from_bytes(body[22:24], "big") & 1,
    )
    if accepted & 7 != 7:
        raise Fault("bad-hello", detail="binary, ASCII and UTF-8 must be accepted")
    if preferred > 4 or (preferred and not hello.accepts(preferred)):
        raise Fault("bad-hello", detail="the preferred encoding is not accepted")
    if not 1024 <= hello.max_body <= 2**31 - 1:
        raise Fault("bad-hello", detail="max body")
    return replace(hello, **_parse_options(body[24:]))


def _parse_options(data: bytes) -> dict[str, object]:
    options: dict[str, object] = {}
    at = 0
    while at < len(data):
        if at + 2 > len(data) or at + 2 + data[at + 1] > len(data):
            raise Fault("bad-hello", detail="an option runs past the end")
        kind, value = data[at], data[at + 2 : at + 2 + data[at + 1]]
        at += 2 + len(value)
        parsed = _parse_option(kind, value)
        if parsed is None:
            continue
        name, meaning = parsed
        if name in options:
            raise Fault("bad-hello", detail=f"the option {name} occurs twice")
        options[name] = meaning
    return options


def _parse_option(kind: int, value: bytes) -> tuple[str, object] | None:
    lines = {NAME: "name", ROOM: "room", SOFTWARE: "software"}
    if kind in lines:
        return lines[kind], _parse_line(value)
    if kind == TOKEN and len(value) >= 1:
        return "token", value
    if kind == RESUME and len(value) == 8:
        return "resume", int.from_bytes(value, "big")
    if kind == CLIENT and not value:
        return "client", True
    if kind == REQUESTS and len(value) == 4:
        return "requests", int.from_bytes(value, "big")
    if kind in (TOKEN, RESUME, CLIENT, REQUESTS):
        raise Fault("bad-hello", detail=f"the value of option {kind}")
    return None


def _parse_line(value: bytes) -> str:
    try:
        line = value.decode()
    except UnicodeDecodeError:
        raise Fault("bad-hello", detail="a name is not UTF-8") from None
    if not 1 <= len(value) <= 64 or not text.is_plain_line(line):
        raise Fault("bad-hello", detail="a name is not a plain line of 1 to 64 bytes")
    return line
