"""Broken: the socket is closed right after CLOSE, so bytes in flight cause a reset."""

import peer
from bookend import connection

sound_write = connection.Connection._write


def write(self: connection.Connection) -> None:
    sound_write(self)
    if self._endpoint.half_closes and not self._endpoint.outgoing:
        self._endpoint.end_of_stream(connection._now())


connection.Connection._write = write

if __name__ == "__main__":
    peer.run()
