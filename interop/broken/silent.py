"""Broken: no PING is sent to keep the connection alive."""

import peer
from bookend.clock import Clock

sound_open = Clock.open


def open_clock(clock: Clock, keepalive: int, peer_keepalive: int, now: int) -> None:
    sound_open(clock, keepalive, peer_keepalive, now)
    clock._ping_interval = None


Clock.open = open_clock

if __name__ == "__main__":
    peer.run()
