"""Broken: a CANCEL is ignored, and the request stays unanswered."""

import peer
from bookend.session import Session

Session._cancelled_by_peer = lambda session, cancel, number, frame, now, actions: None

if __name__ == "__main__":
    peer.run()
