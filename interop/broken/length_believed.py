"""Broken: room is reserved for what a header claims."""

import dataclasses

import peer
from bookend.frame import Decoder

sound_header = Decoder.header


def header(decoder: Decoder):
    found = sound_header(decoder)
    if found is not None and found.length:
        decoder._room = bytes(found.length)
    return found


Decoder.header = header
peer.HELLO = dataclasses.replace(peer.HELLO, max_body=(1 << 31) - 1)  # so that much can be claimed

if __name__ == "__main__":
    peer.run()
