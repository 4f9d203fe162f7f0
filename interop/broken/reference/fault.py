"""The names and codes of SPEC 6."""

from __future__ import annotations

CODES = {
    1000: ("normal",),
    1001: ("going-away",),
    1002: (
        "protocol-error", "unknown-encoding", "malformed", "hello-expected", "second-hello", "bad-hello", "bad-canary",
        "two-clients", "unexpected-kind", "duplicate-request", "truncated",
    ),
    1003: ("unknown-kind",),
    1007: ("bad-text", "encoding-refused"),
    1008: ("policy",),
    1009: ("too-long",),
    1011: ("internal",),
    1013: ("try-later",),
    4000: ("bad-start",),
    4001: ("bad-end",),
    4003: ("version",),
    4004: ("hello-timeout",),
    4005: ("idle",),
    4006: ("slow-consumer",),
    4007: ("rate", "ping-flood", "empty-flood"),
    4008: ("frame-timeout",),
    4009: ("resume-refused",),
    4010: ("no-such-member",),
    4011: ("unmappable-text",),
    4012: ("cancelled",),
}

CODE_OF = {name: code for code, names in CODES.items() for name in names}


class Fault(Exception):
    """A broken rule: its name in SPEC 6, its offset in bytes if it has one, and a detail for people."""

    def __init__(self, name: str, offset: int | None = None, detail: str = "") -> None:
        super().__init__(name)
        self.name = name
        self.offset = offset
        self.detail = detail

    @property
    def code(self) -> int:
        """The code that SPEC 6 gives for the name."""
        return CODE_OF[self.name]
