"""Broken: UTF-16 is in the machine's byte order, with a byte order mark."""

import peer
from bookend import text
from bookend.frame import Encoding

text._CODECS[Encoding.UTF_16BE] = text._CODECS[Encoding.UTF_16LE] = "utf-16"

if __name__ == "__main__":
    peer.run()
