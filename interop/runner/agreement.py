"""Whether two adapters' answers to a request agree, and the shortest session for which they do not."""

from __future__ import annotations

import re
from typing import Callable, List

from frames import CLOSE, CODECS, ERROR, frame

FIRST_STEP = 4
"""The word of a session that is its first step."""

FIXED = {ERROR: 10, CLOSE: 2}
"""Bytes before the reason."""

OWN_REASON = re.compile(r"((?:error|close):[0-9:]+:[^=, ]*)=([0-9a-f]+)")
"""An item for a frame whose reason each peer words as it likes, and the frame."""


def agree(one: str, other: str) -> bool:
    """Whether two answers say the same. The detail and the encoding of a reason may differ, and how an adapter words the refusal
    of a malformed request."""
    if one == other or one.startswith("cannot:") and other.startswith("cannot:"):
        return True
    return comparable(one) == comparable(other)


def comparable(answer: str) -> str:
    """The answer without each ERROR and CLOSE that is what its item says."""
    return OWN_REASON.sub(lambda found: f"{found[1]}=" if says_the_same(found[1], found[2]) else found[0], answer)


def says_the_same(item: str, digits: str) -> bool:
    """Whether a frame, in hex, is the ERROR or CLOSE of an item: the same numbers and the same name."""
    word, *numbers, name = item.split(":")
    kind = ERROR if word == "error" else CLOSE
    widths = (4, 4, 2) if kind == ERROR else (2,)
    try:
        octets = bytes.fromhex(digits)
        if len(octets) < 10 or octets[2] != kind or octets[3] not in (1, 2, 3, 4):
            return False
        body, fixed = octets[8:-2], FIXED[kind]
        reason = body[fixed:].decode(CODECS[octets[3]])
        stated = b"".join(int(number).to_bytes(width, "big") for number, width in zip(numbers, widths))
    except (ValueError, OverflowError):
        return False
    return octets == frame(kind, octets[3], body) and body[:fixed] == stated and (reason.partition(":")[0] or "-") == name


def shortest(request: str, differs: Callable[[str], bool]) -> str:
    """The session with as few of its first steps as still differ; any other request as it is.

    What an adapter says of a step does not depend on later ones, so a longer session differs too.
    """
    words = request.split(" ")
    if words[0] != "session":
        return request
    least, most = FIRST_STEP, len(words)
    while least < most:
        middle = (least + most) // 2
        if differs(" ".join(words[:middle])):
            most = middle
        else:
            least = middle + 1
    return " ".join(words[:most])


def steps(request: str, one: str, other: str) -> List[str]:
    """Where two answers differ: for a session the last step and what each says of it, with its number."""
    if not request.startswith("session "):
        return [one, other]
    last = len(request.split(" ")) - FIRST_STEP
    return [f"step {last}: {answer.split(' ')[-1]}" if len(answer.split(" ")) == last + 1 else answer for answer in (one, other)]
