"""Broken: bad UTF-8 is silently replaced by U+FFFD."""

import peer
from bookend import text
from bookend.frame import Encoding

sound_decode = text.decode


def decode(octets: bytes, encoding: Encoding) -> text.Text:
    if encoding is Encoding.UTF_8:
        octets = octets.decode("utf-8", "replace").encode("utf-8")
    return sound_decode(octets, encoding)


peer.replace(text.decode, decode)

if __name__ == "__main__":
    peer.run()
