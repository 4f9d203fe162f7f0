"""Generates whole sessions for the adapters: both HELLOs, then up to forty steps.

Most of what a session gets is sound, so that it lives long: ids match requests that wait, PONGs match PINGs, times stay
within the keepalive. The rest has one mistake. The generator only guesses what a session does; the peers decide.
"""

from __future__ import annotations

import random
from typing import Dict, Iterator, List, Set

from frames import (
    CANCEL, CLOSE, CODECS, DELIVERY, ERROR, GAP, HELLO, MESSAGE, NAMES, ODD_NAMES, PING, PONG, POST, PRESENCE, PRIVATE, REASONS,
    REPLY, REQUEST, SPAN, TEXT_ONLY, UNLISTED, WELCOME, Peer, damaged, frame, payload, some_hello, some_peer_hello,
)  # fmt: skip

STEPS = 40
"""The most steps after this side's HELLO."""

IDS = 6
"""Ids of requests; few, so that they meet."""

DRAINS = (65_535, 65_536)
"""Bytes on either side of what is discarded after a CLOSE (R7.20)."""

AFTERWARDS = 3
"""The most steps after the session has probably ended."""

CODES = (1000, 1001, 1002, 1008, 1013, 3000, 4000, 4007, 65535)


def generate(count: int, seed: int) -> Iterator[str]:
    """Requests to an adapter. The same seed gives the same sessions."""
    chance = random.Random(f"sessions {seed}")
    for _ in range(count):
        yield Session(chance).request()


class Session:
    """What the generator believes of one session, and its steps so far."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.role = chance.choice(("client", "server"))
        self.own = some_hello(chance, Peer(chance))
        self.peer = some_hello(chance, Peer(chance))
        self.steps: List[str] = ["agree"] if chance.random() < 0.4 else []
        self.now = self.received = self.sent = 0  # milliseconds
        self.asked: Set[int] = set()  # by this side
        self.owed: Set[int] = set()
        self.pings: List[bytes] = []
        self.last_id = 1000
        self.run_of_pings = 0
        self.pending = b""  # of a frame that has been cut
        self.is_greeted = self.is_over = False

    def request(self) -> str:
        length = max(self.chance.randint(1, STEPS), self.chance.randint(1, STEPS))
        self._greet()
        left = AFTERWARDS
        while len(self.steps) < length and left:
            self._step()
            left -= self.is_over
        cut = self.chance.choice(("whole", "whole", "bytes"))
        return " ".join(["session", self.role, cut, self.own.body.hex(), *self.steps])

    @property
    def is_waiting(self) -> bool:
        """Whether the session waits for the peer's HELLO or for the rest of a frame."""
        return not self.is_greeted or bool(self.pending)

    @property
    def has_hub(self) -> bool:
        return self.own.hub and self.peer.hub

    def _greet(self) -> None:
        """The peer's HELLO, perhaps after other steps, with a mistake, or in one piece with what follows it."""
        chance = self.chance
        if chance.random() < 0.1:
            self._send()
        if chance.random() < 0.1:
            self._pass_time()
        stream, is_sound = some_peer_hello(chance, self.peer, self.role)
        self.is_over |= not is_sound
        if chance.random() < 0.3:
            stream += self._frames()
        self._receive(stream)
        self.is_greeted = True

    def _step(self) -> None:
        chance = self.chance
        if self.is_over and chance.random() < 0.015:
            self.steps.append(f"recv:{'00' * chance.choice(DRAINS)}")
            return
        steps = ((46, self._receive_frames), (30, self._send), (16, self._pass_time), (1, self._close), (0.7, self._end))
        (step,) = chance.choices([step for _, step in steps], [weight for weight, _ in steps])
        step()

    def _end(self) -> None:
        self.steps.append("eof")
        self.is_over = True

    def _close(self) -> None:
        self.steps.append(f"close:{self.chance.choice(CODES)}")
        self.is_over = True

    def _pass_time(self) -> None:
        """The clock moves to either side of a bound, or a little."""
        chance = self.chance
        bounds = (
            self.sent + 1000 * self.own.keepalive,
            self.received + 2000 * self.peer.keepalive,
            self.received + 2_000,
            self.received + 5_000,
            self.received + 5_000 + 1000 * self._claimed() // 1024,
            self.now + chance.choice((0, 1, 10, 500, 999, 1_000, 2_000, 10_000)),
        )
        target = chance.choice(bounds) + chance.choice((-1, 0, 1))
        idle = self.received + 2000 * self.peer.keepalive
        if self.peer.keepalive and target >= idle and chance.random() < 0.93:
            target = chance.randint(self.now, max(self.now, idle - 1))
        if self.is_waiting and target >= self.received + 5_000 and chance.random() < 0.9:
            target = self.now + 10
        self.now = max(self.now, target)
        self.steps.append(f"time:{self.now}")
        if self.own.keepalive and self.now >= self.sent + 1000 * self.own.keepalive:
            self.sent = self.now

    def _claimed(self) -> int:
        """The length in the header of a frame that has been cut, or one near a bound of R7.12."""
        return self.chance.choice((0, 1, 2, 1023, 1024, 1025, 2047))

    # Received

    def _receive_frames(self) -> None:
        if self.pending and self.chance.random() < 0.8:
            self._receive(b"")
        else:
            self._receive(self._frames())

    def _receive(self, stream: bytes) -> None:
        """Passes what is pending and these bytes on, perhaps without the last ones."""
        stream = self.pending + stream
        cut = len(stream)
        if self.chance.random() < 0.15:
            cut = self.chance.randint(1, len(stream))
        self.pending = stream[cut:]
        self.steps.append(f"recv:{stream[:cut].hex()}")
        self.received = self.now

    def _frames(self) -> bytes:
        chance = self.chance
        if chance.random() < 0.01:
            return self._burst()
        return b"".join(self._received() for _ in range(chance.choice((1, 1, 1, 1, 2, 3, 5))))

    def _burst(self) -> bytes:
        """Floods, and numbers of requests, near their limits."""
        chance = self.chance
        what = chance.randrange(8)
        if what < 4:
            count = chance.choice((8, 9, 10, 11))
            self.is_over |= count + self.run_of_pings > 10
            self.run_of_pings = count
            others = chance.choice((b"", b"", frame(PONG, 0, b"x"), frame(chance.choice((MESSAGE, 0xC0, 0x80)), 0, b"x")))
            last = frame(PING, 0, bytes(chance.choice((0, 1, 64, 65))))
            return frame(PING, 0, b"") * 5 + others + frame(PING, 0, b"") * (count - 6) + last
        if what < 7:
            count = chance.choice((2, 3, 63, 64, 65, 66))
            self.owed |= set(range(1, min(count, IDS) + 1))
            return b"".join(frame(REQUEST, 0, id.to_bytes(4, "big")) for id in range(1, count + 1))
        count = chance.choice((999, 1000, 1001))
        return frame(MESSAGE, 0, b"") * (count - 1) + frame(chance.choice((MESSAGE, PING, PONG, 0xC0, 0x20, REQUEST)), 0, b"")

    def _received(self) -> bytes:
        """A frame of the peer."""
        chance = self.chance
        kinds: Dict[int, float] = {
            MESSAGE: 6, REQUEST: 6, REPLY: 4, ERROR: 3, PING: 3, PONG: 2, CANCEL: 3, PRIVATE: 3, UNLISTED: 1, CLOSE: 0.15,
        }  # fmt: skip
        if self.has_hub:
            kinds.update({POST: 6} if self.role == "server" else {WELCOME: 1, PRESENCE: 3, DELIVERY: 4, GAP: 2})
        kind = self._choice(kinds, self.owed, self.asked)
        if kind == PING and self.run_of_pings > 7:
            kind = MESSAGE
        self.run_of_pings = self.run_of_pings + 1 if kind == PING else self.run_of_pings if kind == PONG else 0
        self.is_over |= kind == CLOSE
        octets = self._message(kind, self.own, self.owed, self.asked, is_sent=False)
        if chance.random() < 0.012:
            self.is_over = True  # most of these mistakes end the session
            octets = damaged(octets, self.own.max_body, chance)
        return octets

    # Sent

    def _send(self) -> None:
        chance = self.chance
        kinds: Dict[int, float] = {MESSAGE: 6, REQUEST: 6, REPLY: 5, ERROR: 4, PING: 3, CANCEL: 3, PRIVATE: 3, UNLISTED: 0.5}
        kinds.update({HELLO: 0.3, PONG: 0.4, CLOSE: 0.4})
        hub = {POST: 4.0} if self.role == "client" else {WELCOME: 1.0, PRESENCE: 2.0, DELIVERY: 3.0, GAP: 1.0}
        others = (POST, WELCOME, PRESENCE, DELIVERY, GAP)
        kinds.update(hub if self.has_hub else dict.fromkeys(others, 0.2))
        if self.has_hub and chance.random() < 0.05:
            kinds.update(dict.fromkeys(others, 1))
        kind = self._choice(kinds, self.asked, self.owed)
        octets = self._message(kind, self.peer, self.asked, self.owed, is_sent=True)
        kind, encoding, body = octets[2], octets[3], octets[8:-2]
        if chance.random() < 0.05:
            body = body[: chance.randrange(len(body) + 1)]
        if chance.random() < 0.05:
            encoding = chance.randrange(5)
        self.steps.append(f"send:{kind:02x}:{encoding}:{body.hex() or '-'}")
        self.sent = self.now

    # Both

    def _choice(self, kinds: Dict[int, float], new: Set[int], old: Set[int]) -> int:
        """One of the kinds, mostly REQUEST in place of a REPLY or a CANCEL that matches none."""
        (kind,) = self.chance.choices(list(kinds), list(kinds.values()))
        is_idle = kind == REPLY and not old or kind == CANCEL and not new
        return REQUEST if is_idle and self.chance.random() < 0.8 else kind

    def _message(self, kind: int, receiver: Peer, new: Set[int], old: Set[int], is_sent: bool) -> bytes:
        """A frame of this kind. `new` are the unanswered requests of its sender, `old` those of its receiver."""
        chance = self.chance
        if kind == PRIVATE:
            kind = chance.choice((0xC0, 0xC1, 0xD8, 0xEF))
        elif kind == UNLISTED:
            kind = chance.choice((0x80, 0x82, 0xBF, 0xF0, 0xFF, *((0x00, 0x09, 0x0F, 0x15, 0x7F) if is_sent else ())))
        if kind in (PING, PONG, HELLO):
            return frame(kind, 0, self._probe(kind, is_sent))
        if kind in (GAP, CANCEL):
            id = self._cancelled(new, is_sent) if kind == CANCEL else 0
            return frame(kind, 0, id.to_bytes(4, "big") if kind == CANCEL else chance.choice((0, 3, SPAN - 1)).to_bytes(8, "big"))
        encoding = receiver.some_encoding(chance, kind in TEXT_ONLY)
        return frame(kind, encoding, self._fixed(kind, new, old, is_sent) + self._payload(kind, encoding, receiver))

    def _payload(self, kind: int, encoding: int, receiver: Peer) -> bytes:
        chance = self.chance
        if kind == ERROR and chance.random() < 0.1:
            return chance.choice(REASONS)
        if kind == PRESENCE:
            name = chance.choice(NAMES if chance.random() < 0.9 else ODD_NAMES)
            return name.encode(CODECS[encoding], "replace")
        octets = payload(encoding, chance)
        if chance.random() < 0.02 and receiver.max_body < 5_000:  # near the longest body, with or without a mark
            mark = b"\xef\xbb\xbf" if encoding == 2 and chance.random() < 0.5 else b""
            octets = mark + b"x" * (receiver.max_body + chance.choice((-14, -10, -4, -3, -2, -1, 0, 1)))
        return octets

    def _fixed(self, kind: int, new: Set[int], old: Set[int], is_sent: bool) -> bytes:
        chance = self.chance
        if kind == REQUEST:
            fresh = [id for id in range(1, IDS + 1) if id not in new]
            if chance.random() < 0.6 and not is_sent or not fresh:
                self.last_id += 1
                fresh = [self.last_id]
            id = chance.randint(1, IDS) if chance.random() < (0.03 if is_sent else 0.01) else chance.choice(fresh)
            new.add(id)
            return id.to_bytes(4, "big")
        if kind in (REPLY, ERROR):
            id = self._answered(old) if kind == REPLY or chance.random() < 0.6 else chance.choice((0, 0, 0, 99))
            old.discard(id)
            code = chance.choice((1007, 1008, 1013, 3000, 4012)).to_bytes(2, "big")
            return id.to_bytes(4, "big") + (chance.choice((0, 1, 7, SPAN // 2**32 - 1)).to_bytes(4, "big") + code if kind == ERROR else b"")
        if kind == CLOSE:
            return chance.choice(CODES).to_bytes(2, "big")
        if kind == POST:
            return chance.choice((0, 0, 5)).to_bytes(4, "big")
        if kind == WELCOME:
            return bytes((0, 0, 0, 5)) + chance.choice((1, SPAN - 1)).to_bytes(8, "big")
        if kind == PRESENCE:
            return bytes((0, 0, 0, chance.randrange(9), chance.choice((0, 1, 1, 2, 3))))
        if kind == DELIVERY:
            name = chance.choice((b"ann", b"", "grüß".encode(), b"x" * 64, b"\xef\xbb\xbfann"))
            seq, time = chance.randrange(9), chance.choice((0, SPAN - 1))
            numbers = bytes((0, 0, 0, 5, 0, 0, 0, 0)) + seq.to_bytes(8, "big") + time.to_bytes(8, "big")
            return numbers + bytes((len(name),)) + name
        return b""

    def _answered(self, old: Set[int]) -> int:
        return self.chance.choice(sorted(old)) if old and self.chance.random() < 0.85 else self.chance.randint(1, IDS + 1)

    def _cancelled(self, new: Set[int], is_sent: bool) -> int:
        id = self._answered(new)
        if not is_sent:
            new.discard(id)  # this side answers it at once
        return id

    def _probe(self, kind: int, is_sent: bool) -> bytes:
        chance = self.chance
        if kind == HELLO:
            return chance.choice((self.own.body, b"", b"\xff"))
        if kind == PONG and not is_sent and self.pings and chance.random() < 0.7:
            return self.pings.pop(0)
        octets = bytes(chance.randrange(256) for _ in range(chance.choice((0, 1, 4, 64))))
        if kind == PING and is_sent:
            self.pings.append(octets)
        return octets
