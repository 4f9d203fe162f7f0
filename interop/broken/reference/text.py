"""Text in the encodings of SPEC 5."""

from __future__ import annotations

from .fault import Fault

BINARY, ASCII, UTF8, UTF16BE, UTF16LE = range(5)
CODECS = {ASCII: "ascii", UTF8: "utf-8", UTF16BE: "utf-16-be", UTF16LE: "utf-16-le"}
MARKS = {UTF8: b"\xef\xbb\xbf", UTF16BE: b"\xfe\xff", UTF16LE: b"\xff\xfe"}
OTHER_ORDER = {UTF16BE: b"\xff\xfe", UTF16LE: b"\xfe\xff"}

# Control characters, line and paragraph separators and bidirectional controls (R4.11).
NOT_PLAIN = frozenset(
    map(
        chr,
        [*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, 0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)],
    )
)


def decode(encoding: int, data: bytes) -> tuple[str, bool]:
    """The text without a leading byte order mark, and whether it had one; raises Fault `bad-text`."""
    if encoding in OTHER_ORDER and data.startswith(OTHER_ORDER[encoding]):
        raise Fault("bad-text", 0)
    mark = MARKS.get(encoding)
    marked = mark is not None and data.startswith(mark)
    start = len(mark) if marked else 0
    whole = data[start:]
    if encoding in (UTF16BE, UTF16LE):
        whole = whole[: len(whole) // 2 * 2]
    try:
        text = whole.decode(CODECS[encoding], "strict")
    except UnicodeDecodeError as error:
        raise Fault("bad-text", start + error.start) from None
    if start + len(whole) < len(data):
        raise Fault("bad-text", len(data) - 1)
    return text, marked


def encode(encoding: int, text: str) -> bytes:
    """The text as a sender writes it; raises Fault `unmappable-text` with the character's offset in the UTF-8."""
    if encoding == ASCII:
        kept = text
    else:
        kept = text.lstrip("\ufeff")
    removed = len(text) - len(kept)
    if encoding in (UTF16BE, UTF16LE) and kept.startswith("\ufffe"):
        raise Fault("unmappable-text", 3 * removed)
    try:
        return kept.encode(CODECS[encoding])
    except UnicodeEncodeError as error:
        raise Fault("unmappable-text", len(text[: error.start].encode())) from None


def escape(character: str) -> str:
    """How a character that cannot be shown is written: `\\u{hex}`."""
    return f"\\u{{{ord(character):x}}}"


def convert(encoding: int, text: str) -> bytes:
    """The text with `\\u{hex}` for each character that the encoding lacks (R5.13)."""
    if encoding == ASCII:
        text = "".join(one if one < "\x80" else escape(one) for one in text)
    elif encoding in (UTF16BE, UTF16LE) and text.lstrip("\ufeff").startswith("\ufffe"):
        text = escape("\ufffe") + text.lstrip("\ufeff")[1:]
    return encode(encoding, text)


def is_plain_line(text: str) -> bool:
    """Whether a name holds no character that R4.11 excludes."""
    return not NOT_PLAIN.intersection(text)
