"""What the tests share. Importing it makes the package importable without installation."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Iterator, List, Sequence

SOURCE = Path(__file__).resolve().parents[1] / "src"
sys.path.insert(0, str(SOURCE))

from bookend.frame import Encoding, Frame, encode  # noqa: E402
from bookend.hello import KIND, Hello  # noqa: E402

# The boundaries of encodings and of their checks.
AIMED = "\x00\x7f\x80\u07ff\u0800\ud7ff\ue000\ufdd0\ufeff\ufffe\uffff\U00010000\U0010ffffaä€"


def text_of(length: int, chance: random.Random) -> str:
    """Characters from the boundaries."""
    return "".join(chance.choice(AIMED) for _ in range(length))


def cuts(octets: bytes, chance: random.Random) -> Iterator[List[bytes]]:
    """The same bytes, cut in several ways."""
    yield [octets]
    yield [octets[at : at + 1] for at in range(len(octets))]
    for at in range(0, len(octets), max(1, len(octets) // 20)):
        yield [octets[:at], octets[at:]]
    for _ in range(3):
        places = sorted(chance.randrange(len(octets) + 1) for _ in range(5))
        yield [octets[a:b] for a, b in zip([0] + places, places + [len(octets)])]


def damaged(octets: bytes, chance: random.Random) -> bytes:
    """One byte changed, lost or doubled."""
    at = chance.randrange(len(octets))
    return octets[:at] + chance.choice((bytes((chance.randrange(256),)), b"", octets[at : at + 1] * 2)) + octets[at + 1 :]


def frame(kind: int, encoding: int, body: bytes = b"") -> bytes:
    """The bytes of a frame."""
    return encode(Frame(kind, Encoding(encoding), body))


def hello_frame(hello: Hello = Hello()) -> bytes:
    """The bytes of a HELLO."""
    return frame(KIND, 0, hello.body())


def joined(pieces: Sequence[bytes]) -> bytes:
    """All pieces, concatenated."""
    return b"".join(pieces)
