"""Broken: UTF-16 is sent to a peer that does not accept it."""

import dataclasses

import peer
from bookend.hello import ALL_ENCODINGS
from bookend.session import Session

sound_open = Session._open


def open_session(session: Session, *arguments) -> None:
    sound_open(session, *arguments)
    session.peer = dataclasses.replace(session.peer, accepted=ALL_ENCODINGS)


Session._open = open_session

if __name__ == "__main__":
    peer.run()
