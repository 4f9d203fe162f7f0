"""Broken: the length field counts the characters of a text, not its bytes."""

import peer
from bookend import frame, text

sound_encode = frame.encode


def encode(octets: frame.Frame) -> bytes:
    wire, length = sound_encode(octets), len(octets.body)
    if octets.encoding is not frame.Encoding.BINARY:
        length = len(octets.body.decode(text._CODECS[octets.encoding], "replace"))
    return wire[:4] + length.to_bytes(4, "big") + wire[8:]


peer.replace(frame.encode, encode)

if __name__ == "__main__":
    peer.run()
