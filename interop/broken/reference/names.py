"""Names of members and rooms (R9.31, R9.34 to R9.37).

Simplified: names are compared without confusables (UTS 39), so `ann` and its Cyrillic twin are two names here, and the
invisible characters are those of the general category Cf and the variation selectors.
"""

from __future__ import annotations

import re
import unicodedata

from . import text

LONGEST = 64
HUBS_OWN = ("hub", "the hub", "*", "!")
EMPTY = "\u2800\u3164\uffa0\U0001d159"
COLONS = ":\uff1a\ua789\u2236\ufe55\u05c3\ufe13"
STARS = "*\uff0a\u2217\u204e\ufe61"
BANGS = "!\uff01\u01c3\ufe57"
PARENTHESES = "(\uff08\ufe59"
SPEAKER = re.compile(
    rf"[{COLONS}](?=$|\s)|(?:^|(?<=\s))[{STARS}{BANGS}]|[{STARS}{BANGS}](?=\s)|[{re.escape(PARENTHESES)}](?=to\s)", re.IGNORECASE
)


def shown(name: str) -> str | None:
    """The form in which a name is stored and sent, or None if nothing is left of it (R9.34)."""
    kept = "".join(" " if is_blank(one) else one for one in name if is_blank(one) or not is_invisible(one))
    kept = unicodedata.normalize("NFC", " ".join(kept.split(" ")))
    kept = re.sub(" +", " ", kept).strip(" ")
    result, marks, length = "", 4, 0
    for one in kept:
        marks = marks + 1 if unicodedata.category(one)[0] == "M" else 4 if one == " " else 0
        if marks > 4:
            continue
        length += len(one.encode())
        if length > LONGEST:
            break
        result += one
    return result.strip(" ") or None


def is_blank(one: str) -> bool:
    """Whether a character looks like a space."""
    return one.isspace() or one in EMPTY


def is_invisible(one: str) -> bool:
    """Whether a character cannot be seen."""
    return unicodedata.category(one) in ("Cf", "Cn", "Cc") or 0xFE00 <= ord(one) <= 0xFE0F


def room_key(name: str) -> str:
    """Two names mean the same room if their keys are equal (R9.35)."""
    compatible = unicodedata.normalize("NFKC", name)
    return unicodedata.normalize("NFKC", compatible.lower().upper().lower())


def keys(name: str) -> set[str]:
    """The keys with which a name is taken (R9.36), without accents and case."""
    compatible = unicodedata.normalize("NFKC", name)
    return {bare(compatible), bare(compatible.casefold())}


def bare(name: str) -> str:
    """The name without case and accents."""
    parts = unicodedata.normalize("NFD", name)
    return "".join(one for one in parts if unicodedata.category(one) != "Mn").casefold()


def free(wanted: str, taken: set[str]) -> str:
    """The name, with a suffix if it is taken (R9.15)."""
    taken = taken.union(*(keys(one) for one in HUBS_OWN))
    name, number = wanted, 1
    while keys(name) & taken:
        number += 1
        suffix = f"-{number}"
        base = wanted
        while len((base + suffix).encode()) > LONGEST:
            base = base[:-1]
        name = base.rstrip() + suffix
    return name


def safe(name: str) -> str:
    """The name as it stands in a line before a colon: it cannot be taken for another speaker's (R9.31)."""
    return SPEAKER.sub(lambda found: text.escape(found[0]), name)
