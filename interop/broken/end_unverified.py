"""Broken: END is skipped without being checked."""

import peer
from bookend.frame import HEADER, END, Decoder, Frame


def next_frame(decoder: Decoder):
    header = decoder.header()
    if header is None or decoder.pending < HEADER + header.length + len(END):
        return None
    body = bytes(decoder._buffer[HEADER : HEADER + header.length])
    del decoder._buffer[: HEADER + header.length + len(END)]
    decoder._start = decoder._checked = decoder._start + HEADER + header.length + len(END)
    return Frame(header.kind, header.encoding, body)


Decoder.next = next_frame

if __name__ == "__main__":
    peer.run()
