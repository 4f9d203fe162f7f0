"""Messages as lines of output: for people, or as JSON."""

from __future__ import annotations

import json
import re
from typing import Dict, Optional, Union

from .message import AnyMessage, Delivery, Error, Event, Gap, Message, Presence, Welcome
from .text import Payload, Text, printable

_QUOTED_BYTES = 32  # of a binary payload, in a line for people

# Characters that JSON allows in a string, but that must not reach a terminal.
_JSON_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")

# What makes a name look like the start of another line (R9.31): a colon before a blank or at the end, `*` or `!` at the
# start or before a blank, the parenthesis of `(to `; and what looks like these.
_COLONS = ":\u02d0\u02f8\u0589\u05c3\u0703\u0704\u0903\u0a83\u16ec\u1803\u1809\u205a\u2236\u2982\ua4fd\ua789\ufe13\ufe30\ufe55\uff1a"
_STARS = "*!\u01c3\u066d\u204e\u2055\u2217\u2731\u2d51\ufe15\ufe57\ufe61\uff01\uff0a"
_PARENTHESES = "(\u207d\u208d\u2768\u2772\u3014\ufd3e\ufe59\uff08"
_MISLEADING = re.compile(rf"[{_COLONS}](?=\s|\Z)|^[{_STARS}]|[{_STARS}](?=\s)|(?<!\S)[{_PARENTHESES}](?=[Tt][Oo]\s)")


def plain(message: AnyMessage, member: int) -> Optional[str]:
    """A line for people, or None if the message is not shown; `member` is the reader's number."""
    if isinstance(message, Delivery):
        receiver = "" if message.to == 0 else " (to you)" if message.to == member else f" (to {message.to})"
        return f"{displayed(message.name)}{receiver}: {_shown(message.payload)}"
    if isinstance(message, Presence):
        if message.event is Event.CROWD:
            return f"* {message.member} in {displayed(message.name.value)}, too many to announce who joins and leaves"
        return f"* {displayed(message.name.value)} {message.event.name.lower()}"
    if isinstance(message, Gap):
        return f"* {message.missed} messages missed"
    if isinstance(message, Message):
        return _shown(message.payload)
    return None


def displayed(name: str) -> str:
    """A name in a line, which then cannot look like one of the hub or of another member (R9.31)."""
    return printable(_MISLEADING.sub(lambda found: f"\\u{{{ord(found.group()):x}}}", name))


def as_json(message: AnyMessage) -> Optional[str]:
    """A JSON object, or None if the message is not shown."""
    fields = _fields(message)
    if fields is None:
        return None
    line = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    return _JSON_UNPRINTABLE.sub(lambda found: f"\\u{ord(found.group()):04x}", line)


def _fields(message: AnyMessage) -> Optional[Dict[str, Union[int, str]]]:
    if isinstance(message, Delivery):
        return {
            "from": message.sender,
            "name": message.name,
            "to": message.to,
            "seq": message.seq,
            "time": message.time,
            **_payload(message.payload),
        }
    if isinstance(message, Presence):
        return {"event": message.event.name.lower(), "member": message.member, "name": message.name.value}
    if isinstance(message, Welcome):
        greeting = message.greeting.value
        return {"event": "welcome", "member": message.member, "next_seq": message.next_seq, "greeting": greeting}
    if isinstance(message, Gap):
        return {"event": "gap", "missed": message.missed}
    if isinstance(message, Message):
        return {"event": "message", **_payload(message.payload)}
    if isinstance(message, Error):
        return {"event": "error", "frame": message.frame, "code": message.code, "reason": message.reason.value}
    return None


def _payload(payload: Payload) -> Dict[str, Union[int, str]]:
    if isinstance(payload, Text):
        return {"encoding": int(payload.encoding), "text": payload.value}
    return {"encoding": 0, "hex": payload.hex()}


def _shown(payload: Payload) -> str:
    if isinstance(payload, Text):
        return printable(payload.value)
    more = " …" if len(payload) > _QUOTED_BYTES else ""
    octets = payload[:_QUOTED_BYTES].hex(" ")
    return f"[binary {len(payload)} bytes: {octets}{more}]"
