"""Broken: a second HELLO is accepted and replaces the first."""

import peer
from bookend import hello
from bookend.session import Session

sound_take = Session._take


def take(session: Session, frame, now, actions) -> None:
    if session.is_open and frame.kind == hello.KIND:
        session.peer = hello.Hello.parse(frame.body)
        session._number += 1
    else:
        sound_take(session, frame, now, actions)


Session._take = take

if __name__ == "__main__":
    peer.run()
