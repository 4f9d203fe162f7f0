"""Guesses for people: what a wrong first byte suggests about the channel (SPEC section 4, appendix C)."""

from __future__ import annotations

from typing import Dict, Tuple

# By the first wrong byte alone, so that the guess does not depend on how the stream is cut.
_IN_PLACE_OF_F5: Dict[int, str] = {
    0x75: "the eighth bit was stripped",
    0xC3: "Latin-1 was converted to UTF-8",
    0xEF: "the bytes were decoded as UTF-8 with replacement",
    0x3F: "an ASCII encoder replaced the bytes",
    0x00: "each byte was widened to 16 bits, big-endian",
    0xF8: "each 16 bits were swapped, or a length is too short",
    ord("f"): "this is hex",
    ord("F"): "this is hex",
    ord("9"): "this is base64",
    0x16: "this is TLS",
    ord("G"): "this is HTTP",
    ord("H"): "this is HTTP",
    ord("P"): "this is HTTP",
    ord("S"): "this is SSH",
}
_IN_PLACE_OF_F8: Dict[int, str] = {0x00: "each byte was widened to 16 bits, little-endian"}

_CANARY: Dict[Tuple[int, int], str] = {
    (0, 0x0A): "CRLF became LF",
    (1, 0x0D): "LF became CRLF",
    (1, 0x00): "CR became CR NUL",
    (1, 0x1A): "LF was dropped",
    (2, 0x0A): "^Z was dropped, or CR became CRLF",
    (3, 0x0D): "bare LF became CRLF",
    (4, 0x7F): "the eighth bit was stripped",
    (4, 0x11): "FF was taken for telnet IAC",
    (5, 0xFF): "FF was doubled (telnet IAC)",
    (5, 0x0D): "XON was swallowed",
    (7, 0x0A): "CR became CRLF",
    (7, 0x01): "NUL was dropped",
}


def wrong_start(position: int, found: int) -> str:
    """What a byte in the place of F5 (position 0) or F8 (position 1) suggests."""
    guess = (_IN_PLACE_OF_F8 if position else _IN_PLACE_OF_F5).get(found)
    return f"found {found:02x}" + (f", perhaps {guess}" if guess else "")


def wrong_length(length: int, limit: int) -> str:
    """A length over the limit, and whether its bytes reversed are within it."""
    swapped = int.from_bytes(length.to_bytes(4, "big"), "little")
    guess = f", little-endian it would be {swapped}" if swapped <= limit else ""
    return f"{length} bytes, the limit is {limit}{guess}"


def wrong_canary(position: int, found: int) -> str:
    """What the first wrong byte of the canary suggests about the channel."""
    guess = _CANARY.get((position, found))
    return f"byte {position} is {found:02x}" + (f", {guess}" if guess else "")


def quoted(octets: bytes) -> str:
    """At most 32 bytes of a peer's data, escaped, for a log line (SPEC section 8)."""
    shown = "".join(chr(b) if 0x20 <= b < 0x7F and b not in b'"\\' else f"\\x{b:02x}" for b in octets[:32])
    return f'"{shown}"' + ("..." if len(octets) > 32 else "")
