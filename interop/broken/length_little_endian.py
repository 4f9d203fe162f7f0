"""Broken: the length is written and read least significant byte first."""

import peer
from bookend import frame

sound_encode = frame.encode


def encode(octets: frame.Frame) -> bytes:
    wire = sound_encode(octets)
    return wire[:4] + wire[4:8][::-1] + wire[8:]


class Number(int):
    @classmethod
    def from_bytes(cls, octets, byteorder):
        return int.from_bytes(octets, "little")


peer.replace(frame.encode, encode)
frame.int = Number  # used by the decoder

if __name__ == "__main__":
    peer.run()
