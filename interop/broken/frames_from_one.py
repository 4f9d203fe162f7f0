"""Broken: ERROR numbers the frames from 1; HELLO must be 0."""

import peer
from bookend.session import Session

sound_send_error = Session._send_error


def send_error(session: Session, id: int, number: int, fault, now: int):
    return sound_send_error(session, id, number + 1, fault, now)


Session._send_error = send_error

if __name__ == "__main__":
    peer.run()
