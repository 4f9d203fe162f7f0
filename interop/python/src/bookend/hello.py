"""HELLO, the first frame of each side (SPEC section 4)."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Dict, NamedTuple, Optional

from .diagnosis import wrong_canary
from .fault import Fault
from .frame import Encoding
from .text import is_plain_line

MAGIC = b"BKND"
CANARY = b"\x0d\x0a\x1a\x0a\xff\x11\x0d\x00"
PREFIX = MAGIC + CANARY
MAJOR = 1
KIND = 0x01

ALL_ENCODINGS = 0x1F
_REQUIRED_ENCODINGS = 0x07  # binary, US-ASCII, UTF-8
_HUB_PROFILE = 1 << 0

_FIXED = struct.Struct(">BBBBIHH")
_LENGTH = len(PREFIX) + _FIXED.size  # 24 bytes

_NAME, _ROOM, _TOKEN, _RESUME, _SOFTWARE, _CLIENT, _REQUESTS = 1, 2, 3, 4, 5, 7, 8
_OPTIONS = frozenset((_NAME, _ROOM, _TOKEN, _RESUME, _SOFTWARE, _CLIENT, _REQUESTS))

_DEFAULT_REQUESTS = 64


@dataclass(frozen=True)
class Hello:
    """What one side accepts and who it is. A value that exists is legal.

    Raises Fault bad-hello.
    """

    accepted: int = ALL_ENCODINGS  # bit n set: encoding n is accepted
    preferred: int = 0  # 1..4: send text in this encoding; 0: as it was sent
    max_body: int = 1 << 20  # bytes, 1,024..2^31-1
    keepalive: int = 30  # promised longest silence in seconds; 0 = no promise
    hub: bool = False  # this side speaks the hub profile
    name: Optional[str] = None
    room: Optional[str] = None
    token: Optional[bytes] = field(default=None, repr=False)  # a password: never logged
    resume: Optional[int] = None  # the last seq received
    software: Optional[str] = None
    client: bool = False  # the sender is the client; a session sets it according to its role
    requests: Optional[int] = None  # how many of the other side's requests may be unanswered; None: 64
    major: int = MAJOR
    minor: int = 0

    def __post_init__(self) -> None:
        _check(self.major == MAJOR, f"major {self.major}")
        _check(0 <= self.minor <= 0xFF, f"minor {self.minor}")
        _check(self.accepted & ~ALL_ENCODINGS == 0, f"accepted {self.accepted:02x}")
        _check(self.accepted & _REQUIRED_ENCODINGS == _REQUIRED_ENCODINGS, f"accepted {self.accepted:02x}")
        _check(0 <= self.preferred <= 4 and self.accepts(self.preferred), f"preferred {self.preferred}")
        _check(1024 <= self.max_body < 1 << 31, f"max body {self.max_body}")
        _check(0 <= self.keepalive <= 0xFFFF, f"keepalive {self.keepalive}")
        for option, line in (("name", self.name), ("room", self.room), ("software", self.software)):
            _check(line is None or _is_short_line(line), f"{option} is not a plain line of 1 to 64 bytes")
        _check(self.token is None or 1 <= len(self.token) <= 255, "token is not 1 to 255 bytes")
        _check(self.resume is None or 0 <= self.resume < 1 << 64, "resume is not a u64")
        _check(self.requests is None or 0 <= self.requests < 1 << 32, "requests is not a u32")

    def accepts(self, encoding: int) -> bool:
        """Whether frames in this encoding may be sent to this side."""
        return bool(self.accepted >> encoding & 1)

    @property
    def max_requests(self) -> int:
        """How many requests this side accepts before it has answered them (R3.16)."""
        return _DEFAULT_REQUESTS if self.requests is None else self.requests

    @property
    def text_encoding(self) -> Optional[Encoding]:
        """The encoding in which this side wants text, or None: as it was sent."""
        return Encoding(self.preferred) if self.preferred else None

    def body(self) -> bytes:
        """The body of the frame, options in the order of their type."""
        features = _HUB_PROFILE if self.hub else 0
        parts = [PREFIX, _FIXED.pack(self.major, self.minor, self.accepted, self.preferred,
                                     self.max_body, self.keepalive, features)]
        for kind, value in (
            (_NAME, _octets(self.name)),
            (_ROOM, _octets(self.room)),
            (_TOKEN, self.token),
            (_RESUME, None if self.resume is None else self.resume.to_bytes(8, "big")),
            (_SOFTWARE, _octets(self.software)),
            (_CLIENT, b"" if self.client else None),
            (_REQUESTS, None if self.requests is None else self.requests.to_bytes(4, "big")),
        ):
            if value is not None:
                parts.append(bytes((kind, len(value))) + value)
        return b"".join(parts)

    @classmethod
    def parse(cls, body: bytes) -> Hello:
        """The HELLO in a body, checked in the order of R4.19.

        Raises Fault: bad-hello, bad-canary, version.
        """
        wrong = check_prefix(body)
        if wrong is not None:
            raise wrong.fault
        _check(len(body) >= _LENGTH, f"{len(body)} bytes, the minimum is {_LENGTH}")
        major, minor, accepted, preferred, max_body, keepalive, features = _FIXED.unpack_from(body, len(PREFIX))
        if major != MAJOR:
            raise Fault("version", f"found {major}, this side has {MAJOR}")
        options = _parse_options(body[_LENGTH:])
        resume, requests = options.get(_RESUME), options.get(_REQUESTS)
        _check(resume is None or len(resume) == 8, "resume is not eight bytes")
        _check(requests is None or len(requests) == 4, "requests is not four bytes")
        _check(not options.get(_CLIENT), "client has a value")
        return cls(
            accepted=accepted & ALL_ENCODINGS,
            preferred=preferred,
            max_body=max_body,
            keepalive=keepalive,
            hub=bool(features & _HUB_PROFILE),
            name=_line(options.get(_NAME)),
            room=_line(options.get(_ROOM)),
            token=options.get(_TOKEN),
            resume=None if resume is None else int.from_bytes(resume, "big"),
            software=_line(options.get(_SOFTWARE)),
            client=_CLIENT in options,
            requests=None if requests is None else int.from_bytes(requests, "big"),
            minor=minor,
        )


class WrongPrefix(NamedTuple):
    """The first byte of magic or canary that is wrong."""

    position: int  # in the body
    fault: Fault


def check_prefix(body: bytes) -> Optional[WrongPrefix]:
    """Compares as much of magic and canary as has arrived (R4.7)."""
    for position, (found, wanted) in enumerate(zip(body, PREFIX)):
        if found != wanted:
            in_canary = position - len(MAGIC)
            if in_canary < 0:
                return WrongPrefix(position, Fault("bad-hello", f"byte {position} of the magic is {found:02x}"))
            return WrongPrefix(position, Fault("bad-canary", wrong_canary(in_canary, found)))
    return None


def _parse_options(octets: bytes) -> Dict[int, bytes]:
    options: Dict[int, bytes] = {}
    at = 0
    while at < len(octets):
        _check(at + 2 <= len(octets), "an option without a length")
        kind, end = octets[at], at + 2 + octets[at + 1]
        _check(end <= len(octets), f"option {kind} runs past the end")
        if kind in _OPTIONS:
            _check(kind not in options, f"option {kind} occurs twice")
            options[kind] = octets[at + 2 : end]
        at = end
    return options


def _line(octets: Optional[bytes]) -> Optional[str]:
    try:
        return None if octets is None else octets.decode("utf-8")
    except UnicodeDecodeError:
        raise Fault("bad-hello", "an option is not UTF-8") from None


def _octets(line: Optional[str]) -> Optional[bytes]:
    return None if line is None else line.encode("utf-8")


def _is_short_line(line: str) -> bool:
    try:
        return is_plain_line(line) and 1 <= len(line.encode("utf-8")) <= 64
    except UnicodeEncodeError:
        return False


def _check(holds: bool, detail: str) -> None:
    if not holds:
        raise Fault("bad-hello", detail)
