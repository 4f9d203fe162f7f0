"""Guesses for people: what a wrong first byte says about the channel (SPEC section 4, appendix C)."""

from __future__ import annotations

from typing import Dict, Tuple

_MANGLED_START = (
    (b"\x75\x78", "the eighth bit was stripped"),
    (b"\xc3\xb5", "Latin-1 was taken to UTF-8"),
    (b"\xef\xbf", "the bytes were decoded as UTF-8 with replacement"),
    (b"\x3f\x3f", "an ASCII encoder replaced the bytes"),
    (b"\xf5\x00", "each byte was widened to 16 bits, little-endian"),
    (b"\x00\xf5", "each byte was widened to 16 bits, big-endian"),
    (b"\xf8\xf5", "each 16 bits were swapped, or a frame ended before its length did"),
    (b"f5", "this is hex"),
    (b"F5", "this is hex"),
    (b"9f", "this looks like base64"),
    (b"\x16\x03", "this is TLS"),
    (b"HT", "this looks like HTTP"),
    (b"GE", "this looks like HTTP"),
    (b"PO", "this looks like HTTP"),
    (b"SS", "this looks like SSH"),
)

_CANARY: Dict[Tuple[int, int], str] = {
    (0, 0x0A): "CRLF became LF",
    (1, 0x0D): "LF became CRLF",
    (1, 0x00): "CR became CR NUL",
    (1, 0x1A): "LF was dropped",
    (2, 0x0A): "^Z was dropped",
    (3, 0x0D): "bare LF became CRLF",
    (4, 0x7F): "the eighth bit was stripped",
    (4, 0x11): "FF was taken for telnet IAC",
    (5, 0xFF): "FF was doubled (telnet IAC)",
    (5, 0x0D): "XON was swallowed",
    (7, 0x0A): "CR became CRLF",
    (7, 0x01): "NUL was dropped",
}


def wrong_start(found: bytes) -> str:
    """What two bytes in the place of F5 F8 look like; `found` may hold only the first."""
    guesses = [guess for start, guess in _MANGLED_START if start[: len(found)] == found[:2]]
    # One byte alone tells only what no other entry of the table begins with.
    guess = f", {guesses[0]}" if len(guesses) == 1 else ""
    return f"found {found[:2].hex(' ')}{guess}"


def wrong_length(length: int, limit: int) -> str:
    """What a length over the limit says: the same bytes in the other order may be a sensible one."""
    swapped = int.from_bytes(length.to_bytes(4, "big"), "little")
    guess = f", little-endian it would be {swapped}" if swapped <= limit else ""
    return f"{length} bytes, the limit is {limit}{guess}"


def wrong_canary(position: int, found: int) -> str:
    """What the first wrong byte of the canary says about the channel."""
    guess = _CANARY.get((position, found))
    return f"byte {position} is {found:02x}" + (f", {guess}" if guess else "")


def quoted(octets: bytes) -> str:
    """At most 32 bytes of a peer's data, escaped, for a line of log (SPEC section 8)."""
    shown = "".join(chr(b) if 0x20 <= b < 0x7F and b not in b'"\\' else f"\\x{b:02x}" for b in octets[:32])
    return f'"{shown}"' + ("..." if len(octets) > 32 else "")
