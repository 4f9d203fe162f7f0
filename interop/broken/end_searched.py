"""Broken: a body ends at the first END found, whatever its length field."""

import peer
from bookend.frame import HEADER, END, Decoder, Frame


def next_frame(decoder: Decoder):
    header = decoder.header()
    end = decoder._buffer.find(END, HEADER)
    if header is None or end < 0:
        return None
    body = bytes(decoder._buffer[HEADER:end])
    del decoder._buffer[: end + len(END)]
    decoder._start = decoder._checked = decoder._start + end + len(END)
    return Frame(header.kind, header.encoding, body)


Decoder.next = next_frame

if __name__ == "__main__":
    peer.run()
