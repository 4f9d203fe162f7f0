"""Text: validity, conversion and byte order marks (SPEC section 5)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Dict, Union

from .fault import MAX_REASON, Fault
from .frame import Encoding

BOM = "\ufeff"

_CODECS: Dict[Encoding, str] = {
    Encoding.ASCII: "ascii",
    Encoding.UTF_8: "utf-8",
    Encoding.UTF_16BE: "utf-16-be",
    Encoding.UTF_16LE: "utf-16-le",
}
_OTHER_ORDER: Dict[Encoding, bytes] = {Encoding.UTF_16BE: b"\xff\xfe", Encoding.UTF_16LE: b"\xfe\xff"}

_NOT_FIRST = "\ufffe"  # in UTF-16 it would be the byte order mark of the other order (R5.7)

# Controls, line and paragraph separators, bidirectional controls (R4.11).
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True)
class Text:
    """Text and its encoding on the wire. A value that exists can be sent.

    Raises Fault unmappable-text if the encoding cannot carry the value.
    """

    value: str
    encoding: Encoding = Encoding.UTF_8
    octets: bytes = field(init=False, repr=False, compare=False)
    had_bom: bool = field(init=False, repr=False, compare=False)  # it was removed; the driver logs a warning

    def __post_init__(self) -> None:
        self._keep(encode(self.value, self.encoding), False)

    @classmethod
    def received(cls, value: str, encoding: Encoding, octets: bytes, had_bom: bool) -> Text:
        """The result of `decode`: its bytes are known and need not be encoded."""
        text = cls.__new__(cls)
        object.__setattr__(text, "value", value)
        object.__setattr__(text, "encoding", encoding)
        text._keep(octets, had_bom)
        return text

    def sendable(self) -> bytes:
        """The bytes that may be sent: a text that still begins with a mark is encoded again, without it (R5.5).

        Raises Fault unmappable-text if it cannot be sent (R5.15).
        """
        return encode(self.value, self.encoding) if self.value[:1] in (BOM, _NOT_FIRST) else self.octets

    def _keep(self, octets: bytes, had_bom: bool) -> None:
        object.__setattr__(self, "octets", octets)
        object.__setattr__(self, "had_bom", had_bom)


Payload = Union[Text, bytes]  # text, or binary


def decode(octets: bytes, encoding: Encoding) -> Text:
    """The text of a payload, without its byte order mark.

    Raises Fault bad-text with the offset of the first illegal byte.
    """
    if octets[:2] == _OTHER_ORDER.get(encoding):
        raise Fault("bad-text", "byte 0, a byte order mark of the other order", offset=0)
    try:
        value = octets.decode(_CODECS[encoding])
    except UnicodeDecodeError as error:
        raise Fault("bad-text", f"byte {error.start}", offset=error.start) from None
    if value.startswith(BOM):
        return Text.received(value[1:], encoding, octets[len(BOM.encode(_CODECS[encoding])) :], True)
    return Text.received(value, encoding, octets, False)


def encode(value: str, encoding: Encoding) -> bytes:
    """The bytes of a text, without leading byte order marks (R5.5).

    Raises Fault unmappable-text with the offset of the character in the text's UTF-8.
    """
    text = value if encoding is Encoding.ASCII else value.lstrip(BOM)
    if encoding in _OTHER_ORDER and text.startswith(_NOT_FIRST):
        offset = len(value[: len(value) - len(text)].encode("utf-8"))
        raise Fault("unmappable-text", f"U+FFFE at the start of {encoding.name}", offset=offset)
    try:
        return text.encode(_CODECS[encoding])
    except UnicodeEncodeError as error:
        offset = len(value[: error.start].encode("utf-8", "surrogatepass"))
        character = f"U+{ord(value[error.start]):04X} in {encoding.name}"
        raise Fault("unmappable-text", character, offset=offset) from None


def payload(octets: bytes, encoding: Encoding) -> Payload:
    """A payload as received: text, unless its encoding is binary. Raises Fault bad-text."""
    return octets if encoding is Encoding.BINARY else decode(octets, encoding)


def reason(words: str, encoding: Encoding) -> Text:
    """A reason of at most 200 bytes in an encoding (R6.5), cut between characters."""
    try:
        text = Text(words[:MAX_REASON], encoding)
    except Fault:
        text = Text(words[:MAX_REASON], Encoding.UTF_8)
    while len(text.octets) > MAX_REASON:
        text = Text(text.value[:-1], text.encoding)
    return text


def is_plain_line(value: str) -> bool:
    """Whether a name can be shown: no controls, line breaks or bidirectional controls (R4.11)."""
    return _UNPRINTABLE.search(value) is None


def printable(value: str) -> str:
    """Text for a terminal: unprintable characters become `\\u{hex}`."""
    return _UNPRINTABLE.sub(lambda found: f"\\u{{{ord(found.group()):x}}}", value)
