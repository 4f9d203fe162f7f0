"""The numbers of SPEC sections 7 and 8 that a configuration may change."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """The defaults of the specification; times in milliseconds."""

    hello: int = 5_000  # until the peer's HELLO is complete (R7.10)
    header: int = 5_000  # from the first byte of a header to its last (R7.11)
    body: int = 5_000  # from a header to its END (R7.12)
    body_per_kib: int = 1_000  # in addition, for each 1,024 bytes of length
    drain: int = 2_000  # from this side's CLOSE to the end of the stream (R7.6)
    drain_bytes: int = 1 << 16  # discarded after it
    before_hello: int = 1 << 12  # bytes of body before the peer's HELLO (R4.18)
    pings: int = 10  # in ping_period without another frame (R8.3)
    ping_period: int = 10_000
    empties: int = 1_000  # frames of length 0 in empty_period (R8.4)
    empty_period: int = 1_000
    stall: int = 10_000  # without progress in writing: the peer is a slow consumer
