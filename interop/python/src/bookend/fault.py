"""Faults: their names, codes and advice (SPEC section 6)."""

from __future__ import annotations

from typing import Dict, NamedTuple, Optional

NO_CLOSE = "no-close"  # local only, never on the wire
MAX_REASON = 200  # bytes (R6.5)


class Fault(Exception):
    """A broken rule. `name` is the same on the wire, in logs and in every language."""

    def __init__(self, name: str, detail: str = "", *, offset: Optional[int] = None) -> None:
        super().__init__(name, detail, offset)
        self.name = name
        self.detail = detail
        self.offset = offset  # bytes: of the stream for framing, of the payload for text

    @property
    def code(self) -> Optional[int]:
        """The code in CLOSE and ERROR, a u16; None for faults that are never on the wire."""
        return code_of(self.name)

    @property
    def reason(self) -> str:
        """The reason in CLOSE and ERROR: the name, and a detail for people."""
        return f"{self.name}: {self.detail}"[:MAX_REASON] if self.detail else self.name

    @property
    def advice(self) -> str:
        """What to do about it, in one sentence."""
        entry = _FAULTS.get(self.name)
        return entry.advice if entry else "see the code's meaning in your application"

    def __str__(self) -> str:
        code = "" if self.code is None else f" ({self.code})"
        place = "" if self.offset is None or self.detail.startswith("byte ") else f" at byte {self.offset}"
        detail = f": {self.detail}" if self.detail else ""
        return f"{self.name}{code}{place}{detail}; {self.advice}"


class Refused(Fault):
    """The application asked to send something that this session must not send; nothing was sent."""


class _FromPeer(Fault):
    """A fault reported by the peer: the code is decisive, the reason is for people (R6.3)."""

    def __init__(self, code: int, reason: str) -> None:
        name, _, detail = reason.partition(": ")
        if code_of(name) != code:
            name, detail = first_name(code) or f"code-{code}", reason
        super().__init__(name, detail)
        self._code = code

    @property
    def code(self) -> int:
        return self._code


class PeerClosed(_FromPeer):
    """The peer closed the connection."""


class PeerError(_FromPeer):
    """The peer answered with an ERROR; the connection stays open."""

    def __init__(self, code: int, reason: str, *, id: int = 0, frame: int = 0) -> None:
        super().__init__(code, reason)
        self.id = id
        self.frame = frame  # the number of this side's frame that it is about


def code_of(name: str) -> Optional[int]:
    """The code of a name, or None if it has none."""
    entry = _FAULTS.get(name)
    return entry.code if entry else None


def first_name(code: int) -> Optional[str]:
    """The first name of a code in the table."""
    return next((name for name, entry in _FAULTS.items() if entry.code == code), None)


class _Entry(NamedTuple):
    code: Optional[int]
    advice: str


_READ_SPEC = "the peer breaks this rule of SPEC.md: fix the peer"

# In the order of SPEC section 6: the first name of a code is the one to use for it.
_FAULTS: Dict[str, _Entry] = {
    "normal": _Entry(1000, "nothing is wrong"),
    "going-away": _Entry(1001, "the peer is shutting down: connect again later"),
    "protocol-error": _Entry(1002, _READ_SPEC),
    "unknown-encoding": _Entry(1002, "encodings are 0 to 4 (SPEC section 2)"),
    "malformed": _Entry(1002, "a body must have the layout of its kind (SPEC section 3)"),
    "hello-expected": _Entry(1002, "HELLO must be the first frame in both directions (SPEC section 4)"),
    "second-hello": _Entry(1002, "send HELLO only once (SPEC section 4)"),
    "bad-hello": _Entry(1002, "compare the HELLO with the table of SPEC section 4"),
    "bad-canary": _Entry(1002, "the channel changes bytes: make it binary"),
    "two-clients": _Entry(1002, "connect to a server; this is another client, or a service that sends bytes back"),
    "unexpected-kind": _Entry(1002, "this kind goes in the other direction (SPEC section 9)"),
    "duplicate-request": _Entry(1002, "give each unanswered REQUEST a different id"),
    "truncated": _Entry(1002, "the stream ended inside a frame: the peer crashed or omitted END"),
    "unknown-kind": _Entry(1003, "private kinds are C0 to EF; hub kinds need the hub profile"),
    "bad-text": _Entry(1007, "send text in the encoding that the frame names, or as binary"),
    "encoding-refused": _Entry(1007, "send an encoding that the other side's HELLO accepts"),
    "policy": _Entry(1008, "a rule of the server: ask its operator"),
    "too-long": _Entry(1009, "send less, or raise max body on the receiving side"),
    "internal": _Entry(1011, "a bug on the side that reports it: report it there"),
    "try-later": _Entry(1013, "full or busy: wait and try again"),
    "bad-start": _Entry(4000, "is this a Bookend port, and does nothing in between change bytes?"),
    "bad-end": _Entry(4001, "length must count the bytes of the body, nothing else"),
    "version": _Entry(4003, "use the same major version on both sides"),
    "hello-timeout": _Entry(4004, "does the other side speak Bookend?"),
    "idle": _Entry(4005, "the network failed, or the peer does not send within its keepalive"),
    "slow-consumer": _Entry(4006, "read faster, or send less"),
    "rate": _Entry(4007, "send less often"),
    "ping-flood": _Entry(4007, "send fewer PINGs: at most 10 in 10 seconds"),
    "empty-flood": _Entry(4007, "send fewer frames without a body"),
    "frame-timeout": _Entry(4008, "write each frame without pauses"),
    "resume-refused": _Entry(4009, "join without resume"),
    "no-such-member": _Entry(4010, "the member has left: look at PRESENCE"),
    "unmappable-text": _Entry(4011, "use an encoding of Unicode for this text"),
    "cancelled": _Entry(4012, "the side that sent the request no longer needs the answer"),
    NO_CLOSE: _Entry(None, "the stream ended without a CLOSE: the peer crashed or the network failed"),
}
