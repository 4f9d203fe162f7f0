"""The parts of generated sessions: frames, payloads, HELLOs, and their mistakes."""

from __future__ import annotations

import random
from typing import Tuple

HELLO, MESSAGE, REQUEST, REPLY, ERROR, PING, PONG, CLOSE = range(1, 9)
WELCOME, PRESENCE, POST, DELIVERY, GAP = range(0x10, 0x15)
CANCEL, PRIVATE, UNLISTED = 0x81, 0xC0, 0xF0
TEXT_ONLY = (ERROR, CLOSE, WELCOME, PRESENCE)
BINARY_ONLY = (HELLO, PING, PONG, GAP, CANCEL)

SPAN = 1 << 64
PREFIX = bytes.fromhex("424b4e440d0a1a0aff110d00")
"""Magic and canary."""

REASONS = (b"x" * 199, b"x" * 200, b"x" * 201, b"\0x" * 100, b"x\0" * 101, b"\xef\xbb\xbf" + b"x" * 200, b"bad-text: byte 2")

CODECS = ("", "ascii", "utf-8", "utf-16-be", "utf-16-le")
TEXTS = ("", "a", "hi", "grüß", "\0", "\ufeffx", "\ufeff\ufeffx", "\ufeff\ufffex", "\ufffe", "x\ufeff", "\U00010000", "\U0010ffff")
BAD_TEXTS = {
    1: (b"\x80", b"a\xff", b"\xef\xbb\xbfa"),
    2: (b"\xff", b"a\xc0\x80", b"\xed\xa0\x80", b"\xe2\x82", b"\xf4\x90\x80\x80", b"\xef\xbb\xbf\xff"),
    3: (b"\0", b"\xd8\0", b"\0a\xdc\0", b"\xff\xfe\0a", b"\xfe\xff\0"),
    4: (b"a", b"\0\xd8", b"a\0\0\xdc", b"\xfe\xffa\0", b"\xff\xfea"),
}
NAMES = ("ann", "a", "x" * 64)
ODD_NAMES = ("x" * 65, "\ufeffann", "a\nb", "", "\ufeff", "\ufeff\ufeff")

BINARY = (b"", b"a", b"\0\0\0\0", b"\xf5\xf8\xf8\xf5", bytes(range(16)), b"\xf8\xf5", b"\xf5\xf8\x02\x02\0\0\0\1a\xf8\xf5")

OPTIONS = (
    "0103616e6e", "020161", "0302ff00", "0408000000000000000a", "050162", "080400000000", "080400000001", "080400000002",
    "080400000064", "c000", "ef0161", "0600", "ff0100",
)  # fmt: skip
BAD_OPTIONS = ("0100", "01010a", "070100", "08020000", "0407000000000000", "0103616e", "0103616e6e0103616e6e")


class Peer:
    """The values of a HELLO that matter to a session."""

    def __init__(self, chance: random.Random) -> None:
        self.accepted = chance.choice((0x1F, 0x1F, 0x1F, 0x07, 0x0F, 0x17))
        self.preferred = chance.choice([0, *(encoding for encoding in range(1, 5) if self.accepted >> encoding & 1)])
        self.max_body = chance.choice((1024, 1025, 4096, 1 << 20, 1 << 20, (1 << 31) - 1))
        self.keepalive = chance.choice((0, 0, 1, 2, 10, 30, 65535))
        self.hub = chance.random() < 0.6
        self.body = b""

    def some_encoding(self, chance: random.Random, text_only: bool) -> int:
        """An encoding that this side mostly accepts."""
        encodings = [encoding for encoding in range(text_only, 5) if self.accepted >> encoding & 1]
        return chance.choice(encodings) if chance.random() < 0.9 else chance.randint(text_only, 4)


def some_hello(chance: random.Random, peer: Peer) -> Peer:
    """The same side with the body of a legal HELLO."""
    options = sorted({option[:2]: option for option in chance.sample(OPTIONS, chance.choice((0, 0, 1, 2)))}.values())
    versions = bytes((1, chance.choice((0, 0, 9))))
    encodings = bytes((peer.accepted | chance.choice((0, 0, 0xE0)), peer.preferred))
    numbers = peer.max_body.to_bytes(4, "big") + peer.keepalive.to_bytes(2, "big")
    features = bytes((chance.choice((0, 0xFF)), chance.choice((0, 0xFE)) | peer.hub))
    peer.body = PREFIX + versions + encodings + numbers + features + bytes.fromhex("".join(options))
    return peer


def some_peer_hello(chance: random.Random, peer: Peer, role: str) -> Tuple[bytes, bool]:
    """The peer's HELLO, and whether it is sound for a side of this role."""
    line = b""
    if role == "client" and chance.random() < 0.2:
        line = chance.choice((b"hi\r\n", b"Bookend hub\r\n", b"x" * 1024))
    body = peer.body + (b"\7\0" if role == "server" and chance.random() < 0.5 else b"")
    if chance.random() < 0.95:
        return line + frame(HELLO, 0, body), True
    wrong = chance.randrange(8)
    if wrong == 0:
        return line + frame(HELLO, chance.randrange(5), body[: chance.randrange(len(body))]), False
    if wrong == 1:
        return line + frame(HELLO, 2, body), False
    if wrong == 2:
        return line + frame(chance.choice((0, MESSAGE, PING, PRIVATE, UNLISTED, CLOSE)), 1, b"\3\xe8"), False
    if wrong == 3:
        return b"x" * chance.choice((1, 1025)) + frame(HELLO, 0, body), False
    if wrong == 4:
        return line + frame(HELLO, 0, body + bytes.fromhex(chance.choice(BAD_OPTIONS))), False
    if wrong == 5:
        return line + frame(HELLO, 0, body + b"\7\0"), False
    if wrong == 6:
        return damaged(frame(HELLO, 0, body), 4096, chance), False
    at = chance.randrange(24)
    return line + frame(HELLO, 0, body[:at] + bytes((chance.randrange(256),)) + body[at + 1 :]), False


def frame(kind: int, encoding: int, body: bytes) -> bytes:
    """The bytes of a frame."""
    return b"\xf5\xf8" + bytes((kind, encoding)) + len(body).to_bytes(4, "big") + body + b"\xf8\xf5"


def payload(encoding: int, chance: random.Random) -> bytes:
    """A payload, which now and then is not legal text."""
    if encoding == 0:
        return chance.choice(BINARY)
    if chance.random() < 0.12:
        return chance.choice(BAD_TEXTS[encoding])
    return chance.choice(TEXTS).encode(CODECS[encoding], "ignore")


def damaged(octets: bytes, max_body: int, chance: random.Random) -> bytes:
    """The frame with one mistake, which may be that of another kind."""
    kind, encoding, body = octets[2], octets[3], octets[8:-2]
    wrong = chance.randrange(12)
    if wrong == 0:
        return chance.choice((b"\xf5\xf5", b"\xf8\xf5", b"\0\xf8", b"GE")) + octets[2:]
    if wrong == 1:
        return octets[:-2] + chance.choice((b"\xf8\xf8", b"\xf5\xf8", b"\0\0"))
    if wrong == 2:
        return octets[:3] + bytes((chance.choice((5, 8, 255)),)) + octets[4:]
    if wrong == 3:
        length = max(0, len(body) + chance.choice((-1, 1, 2, 256)))
        return octets[:4] + length.to_bytes(4, "big") + octets[8:]
    if wrong == 4:
        length = chance.choice((max_body - 1, max_body, max_body + 1, 1 << 31, (1 << 32) - 1))
        return octets[:4] + length.to_bytes(4, "big")
    if wrong == 5:
        return frame(kind, 2 if kind in BINARY_ONLY else 0, body)
    if wrong == 6:
        return frame(kind, encoding, body[: chance.randrange(len(body) + 1)])
    if wrong == 7:
        return frame(kind, encoding, body + bytes(chance.choice((1, 65))))
    if wrong == 8:
        return frame(kind, encoding, b"\0\0\0\0" + body[4:])
    if wrong == 9:
        return frame(chance.choice((0, HELLO, 9, 0x0F, 0x15, 0x7F, WELCOME, PRESENCE, POST, DELIVERY, GAP)), encoding, body)
    if wrong == 10:
        name = bytes(8) + bytes(16) + chance.choice((b"\1\n", b"\3a", b"\1\xff", b"\x41" + b"x" * 65))
        return chance.choice((frame(DELIVERY, 2, name), frame(PRESENCE, 2, b"\0\0\0\5\4ann"), frame(PRESENCE, 3, b"\0\0\0\5\1\0\n")))
    return frame(REQUEST, 0, b"\0\0\0\1") * 2
