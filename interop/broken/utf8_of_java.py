"""Broken: a character above U+FFFF is sent as two surrogates of three bytes each (CESU-8)."""

import peer
from bookend import text
from bookend.frame import Encoding

sound_decode, sound_encode = text.decode, text.encode


def decode(octets: bytes, encoding: Encoding) -> text.Text:
    if encoding is Encoding.UTF_8 and b"\xed" in octets:
        units = octets.decode("utf-8", "surrogatepass").encode("utf-16-be", "surrogatepass")
        octets = units.decode("utf-16-be", "replace").encode("utf-8")
    return sound_decode(octets, encoding)


def encode(value: str, encoding: Encoding) -> bytes:
    octets = sound_encode(value, encoding)
    if encoding is not Encoding.UTF_8:
        return octets
    units = octets.decode("utf-8").encode("utf-16-be")
    pairs = (units[at : at + 2].decode("utf-16-be", "surrogatepass") for at in range(0, len(units), 2))
    return "".join(pairs).encode("utf-8", "surrogatepass")


peer.replace(text.decode, decode)
peer.replace(text.encode, encode)

if __name__ == "__main__":
    peer.run()
