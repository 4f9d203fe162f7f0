"""Chunks: the binary payloads that carry a transfer (SPEC section 12)."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import Dict, Optional, Union

MARK = b"BKTR"
MAX_NAME = 255  # bytes
_MAX_REASON = 200  # bytes
_HEADER = struct.Struct(">4sBIQ")
_UNKNOWN_LENGTH = (1 << 64) - 1
_SHA_256 = 1
_DIGEST_LENGTH = 32

# Controls, line and paragraph separators, bidirectional controls (R4.11).
_EXCLUDED = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")

_CODES: Dict[str, int] = {
    "cancelled": 1,
    "refused": 2,
    "failed": 3,
    "bad-chunk": 4,
    "no-such-transfer": 5,
    "duplicate-transfer": 6,
    "too-many-transfers": 7,
    "too-large": 8,
    "bad-offset": 9,
    "wrong-length": 10,
    "unknown-digest": 11,
    "wrong-digest": 12,
}
_NAMES = {code: name for name, code in _CODES.items()}


def code_of(cause: str) -> int:
    """The code of a cause, such as 12 for "wrong-digest"; "code-N" is N."""
    return _CODES[cause] if cause in _CODES else int(cause[len("code-") :])


def cause_of(code: int) -> str:
    """The name of a code, or "code-N" if SPEC.md does not list it."""
    return _NAMES.get(code, f"code-{code}")


class Broken(Exception):
    """A chunk breaks a rule. `cause` is "bad-chunk" or "unknown-digest"."""

    def __init__(self, cause: str, transfer: int, from_receiver: bool) -> None:
        super().__init__(cause, transfer, from_receiver)
        self.cause = cause
        self.transfer = transfer  # 0 if it cannot be read
        self.from_receiver = from_receiver  # the type says so


@dataclass(frozen=True)
class Offer:
    """Begins a transfer. The name may be anything, even a path: check it before you use it as the name of a file."""

    transfer: int
    length: Optional[int]  # bytes; None: not known yet
    name: str

    def __post_init__(self) -> None:
        if len(self.name.encode("utf-8")) > MAX_NAME or _EXCLUDED.search(self.name):
            raise ValueError(f"a name has at most {MAX_NAME} bytes and no control characters")

    def encode(self) -> bytes:
        length = _UNKNOWN_LENGTH if self.length is None else self.length
        return _header(0x01, self.transfer, length) + bytes((_SHA_256,)) + self.name.encode("utf-8")


@dataclass(frozen=True)
class Data:
    """Bytes of the whole, at least one."""

    transfer: int
    offset: int
    octets: bytes

    def encode(self) -> bytes:
        return _header(0x02, self.transfer, self.offset) + self.octets


@dataclass(frozen=True)
class End:
    """The sender has sent everything."""

    transfer: int
    length: int
    digest: bytes

    def encode(self) -> bytes:
        return _header(0x03, self.transfer, self.length) + self.digest


@dataclass(frozen=True)
class Abort:
    """The sender ends the transfer early."""

    transfer: int
    cause: str
    reason: str = ""

    def encode(self) -> bytes:
        return _header(0x04, self.transfer, 0) + _cause_and_reason(self.cause, self.reason)


@dataclass(frozen=True)
class Want:
    """The receiver has everything before `offset`."""

    transfer: int
    offset: int

    def encode(self) -> bytes:
        return _header(0x81, self.transfer, self.offset)


@dataclass(frozen=True)
class Done:
    """The receiver has the whole, and its digest is right."""

    transfer: int
    length: int

    def encode(self) -> bytes:
        return _header(0x82, self.transfer, self.length)


@dataclass(frozen=True)
class Refuse:
    """The receiver ends the transfer early. `transfer` is 0 if its number could not be read."""

    transfer: int
    cause: str
    reason: str = ""

    def encode(self) -> bytes:
        return _header(0x83, self.transfer, 0) + _cause_and_reason(self.cause, self.reason)


Chunk = Union[Offer, Data, End, Abort, Want, Done, Refuse]


def decode(payload: bytes) -> Optional[Chunk]:
    """The chunk in a binary payload; None if it is the application's own payload. Raises Broken."""
    if not payload.startswith(MARK):
        return None
    kind = payload[4] if len(payload) > 4 else 0
    transfer = int.from_bytes(payload[5:9], "big") if len(payload) >= 9 else 0
    if len(payload) >= _HEADER.size and (transfer != 0 or kind == 0x83):
        try:
            chunk = _chunk(kind, transfer, int.from_bytes(payload[9:17], "big"), payload[_HEADER.size :])
        except ValueError:
            chunk = None
        if chunk is not None:
            return chunk
        if kind == 0x01 and len(payload) > _HEADER.size and _is_name(payload[_HEADER.size + 1 :]):
            raise Broken("unknown-digest", transfer, False)
    raise Broken("bad-chunk", transfer, kind >= 0x80)


def _chunk(kind: int, transfer: int, position: int, rest: bytes) -> Optional[Chunk]:
    if kind == 0x01 and rest[:1] == bytes((_SHA_256,)):
        return Offer(transfer, None if position == _UNKNOWN_LENGTH else position, rest[1:].decode("utf-8"))
    if kind == 0x02 and rest:
        return Data(transfer, position, rest)
    if kind == 0x03 and len(rest) == _DIGEST_LENGTH:
        return End(transfer, position, rest)
    if kind == 0x81 and not rest:
        return Want(transfer, position)
    if kind == 0x82 and not rest:
        return Done(transfer, position)
    if kind in (0x04, 0x83) and len(rest) >= 2:
        cause = cause_of(int.from_bytes(rest[:2], "big"))
        try:
            reason = rest[2:].decode("utf-8")
        except UnicodeDecodeError:
            reason = ""  # R12.22
        return Abort(transfer, cause, reason) if kind == 0x04 else Refuse(transfer, cause, reason)
    return None


def _is_name(octets: bytes) -> bool:
    try:
        return len(octets) <= MAX_NAME and not _EXCLUDED.search(octets.decode("utf-8"))
    except UnicodeDecodeError:
        return False


def _header(kind: int, transfer: int, position: int) -> bytes:
    return _HEADER.pack(MARK, kind, transfer, position)


def _cause_and_reason(cause: str, detail: str) -> bytes:
    name = cause if cause in _CODES else "unknown"
    reason = f"{name}: {detail}" if detail else name
    while len(reason.encode("utf-8")) > _MAX_REASON:
        reason = reason[:-1]
    return code_of(cause).to_bytes(2, "big") + reason.encode("utf-8")
