"""Broken: memory is reserved for the length that a header claims."""

import dataclasses

import peer
from bookend.frame import Decoder

sound_header = Decoder.header


def header(decoder: Decoder):
    found = sound_header(decoder)
    if found is not None and found.length:
        decoder._reserved = bytes(found.length)
    return found


Decoder.header = header
peer.HELLO = dataclasses.replace(peer.HELLO, max_body=(1 << 31) - 1)  # so that a header can claim a lot

if __name__ == "__main__":
    peer.run()
