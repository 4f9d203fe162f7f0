"""Broken: PONG does not repeat the payload of its PING."""

import peer
from bookend.message import Pong
from bookend.session import Session

sound_write = Session._write


def write(session: Session, message, now: int):
    return sound_write(session, Pong(b"") if isinstance(message, Pong) else message, now)


Session._write = write

if __name__ == "__main__":
    peer.run()
