"""Broken: a leading byte order mark is kept as part of the text."""

import peer
from bookend import text
from bookend.frame import Encoding

sound_decode = text.decode


def decode(octets: bytes, encoding: Encoding) -> text.Text:
    found = sound_decode(octets, encoding)
    if not found.had_bom:
        return found
    return text.Text.received(text.BOM + found.value, encoding, octets, False)


peer.replace(text.decode, decode)

if __name__ == "__main__":
    peer.run()
