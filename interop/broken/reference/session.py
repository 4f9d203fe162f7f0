"""A session (SPEC 7): bytes and times go in, events come out. It owns no socket and reads no clock; times are in ms."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from . import frame, hello, message, text
from .fault import CODES, Fault
from .message import Message
from .sending import Sending
from .timers import Timers

CLIENT, SERVER = "client", "server"
GREETING, OPEN, CLOSING, CLOSED = "greeting", "open", "closing", "closed"
LIMIT_BEFORE_HELLO = 4096
MOST_SKIPPED = 1024
MOST_DISCARDED = 65536
LINGER = 2000
LONGEST_REASON = 200
FROM_SERVER = (message.WELCOME, message.PRESENCE, message.DELIVERY, message.GAP)
PRIVATE = range(0xC0, 0xF0)


class Event(NamedTuple):
    """What happened: `frame` (sent; `word` says which), `got` (a message), `open`, or `end` (`word` is the cause)."""

    what: str
    word: str = ""
    data: bytes = b""
    message: Message | None = None


class Session(Sending, Timers):
    """One side of a connection."""

    def __init__(self, role: str, own: hello.Hello, now: int, agreed: bool = False) -> None:
        self.role = role
        self.own = own.with_client(role == CLIENT)
        self.peer: hello.Hello | None = None
        self.agreed = agreed  # whether the application takes private kinds
        self.state = GREETING
        self.cause = ""
        self.events: list[Event] = []
        self.after_step: Callable[[], None] = lambda: None  # for a driver that acts on each frame before the next one
        self.reader = frame.Reader(LIMIT_BEFORE_HELLO)
        self.skipping = role == CLIENT
        self.skipped = 0
        self.discarded = 0
        self.number = 0  # of the last frame received
        self.waiting: dict[int, int] = {}  # the peer's unanswered REQUESTs: id and number of the frame
        self.asked: set[int] = set()  # the ids of the own ones
        self.holds = 0  # while it is not 0, PONGs wait (R9.41)
        self.held: Message | None = None
        self.start_clock(now)
        if role == CLIENT:
            self._write("hello", hello.KIND, text.BINARY, self.own.write())

    def take(self) -> list[Event]:
        """What happened since the last call."""
        events, self.events = self.events, []
        return events

    @property
    def hub(self) -> bool:
        """Whether the hub profile is in force (R9.1)."""
        return self.own.hub and self.peer is not None and self.peer.hub

    # -- receiving

    def receive(self, data: bytes, now: int) -> None:
        """Takes bytes that have arrived."""
        self.clock = now
        if self.state == CLOSED or not data:
            return
        self.last_received = now
        if self.state == CLOSING:
            self._discard(len(data))
            return
        try:
            self.reader.feed(self._skip(data) if self.skipping else data)
            while self.state in (GREETING, OPEN) and self._step(now):
                self.after_step()
        except Fault as fault:
            self.fault(fault, now)
            self._discard(self.reader.after(fault))
        self.frame_progress(now)

    def _discard(self, count: int) -> None:
        self.discarded += count
        if self.discarded >= MOST_DISCARDED:
            self._end(self.cause)

    def end_of_stream(self, now: int) -> None:
        """The peer sends nothing more."""
        self.clock = now
        if self.state == CLOSING:
            self._end(self.cause)
        elif self.state != CLOSED and self.reader.buffer:
            self.fault(Fault("truncated"), now)
            self._end("truncated")
        elif self.state != CLOSED:
            self._end("no-close")

    def _skip(self, data: bytes) -> bytes:
        at = data.find(frame.START[:1])
        self.skipped += len(data) if at < 0 else at
        if self.skipped > MOST_SKIPPED:
            raise Fault("bad-start")
        if at < 0:
            return b""
        self.skipping = False
        return data[at:]

    def _step(self, now: int) -> bool:
        if self.state == GREETING:
            return self._greet(now)
        one = self.reader.next()
        if one is None:
            return False
        self.frame_ended()
        self.number = (self.number + 1) % 2**32
        self._take(one, now)
        return True

    def _greet(self, now: int) -> bool:
        header = self.reader.header()
        if header is None:
            return False
        if header[0] not in (message.HELLO, message.CLOSE):
            raise Fault("hello-expected")
        if header[0] == message.HELLO:
            length = min(header[2], len(hello.MAGIC + hello.CANARY))
            hello.check_start(bytes(self.reader.buffer[frame.HEADER : frame.HEADER + length]))
        one = self.reader.next()
        if one is None:
            return False
        self.frame_ended()
        if one.kind == message.CLOSE:
            self._closed(message.parse(*one), now)
            return False
        if one.encoding != text.BINARY:
            raise Fault("malformed")
        peer = hello.parse(one.body)
        if peer.client and self.role == CLIENT:
            raise Fault("two-clients")
        self._open(peer, now)
        return True

    def _open(self, peer: hello.Hello, now: int) -> None:
        self.peer = peer
        self.reader.limit = self.own.max_body
        self.last_sent = now
        if self.role == SERVER:
            self._write("hello", hello.KIND, text.BINARY, self.own.write())
        self.state = OPEN
        self.events.append(Event("open"))

    def _take(self, one: frame.Frame, now: int) -> None:
        """Checks a frame in the order of R3.25, and acts on it."""
        self.count_pings(one.kind, now)
        self.count_empty(one.body, now)
        if self._is_ignored(one.kind):
            return
        got = message.parse(*one)
        got.number = self.number
        if one.kind == message.REQUEST and got["id"] in self.waiting:
            raise Fault("duplicate-request")
        refused = self._refusal(got)
        if refused is None:
            self._act(got, now)
        elif one.kind == message.REPLY:
            self.asked.discard(got["id"])
        else:
            self._error(got["id"] if one.kind == message.REQUEST else 0, self.number, refused)

    def _is_ignored(self, kind: int) -> bool:
        if kind == message.HELLO:
            raise Fault("second-hello")
        if message.WELCOME <= kind <= message.GAP:
            if not self.hub:
                raise Fault("unknown-kind")
            if (kind in FROM_SERVER) == (self.role == SERVER):
                raise Fault("unexpected-kind")
            return False
        if kind in message.TABLE or (self.agreed and kind in PRIVATE):
            return False
        if kind < 0x80:
            raise Fault("unknown-kind")
        return True

    def _refusal(self, got: Message) -> Fault | None:
        if not self.own.accepts(got.encoding) and got.kind not in (message.ERROR, message.CLOSE):
            return Fault("encoding-refused")
        return got.bad

    def _act(self, got: Message, now: int) -> None:
        kind = got.kind
        if kind == message.PING:
            self._pong(got)
        elif kind == message.CLOSE:
            self._closed(got, now)
        elif kind == message.REQUEST:
            if len(self.waiting) >= self.own.requests_permitted:
                self._error(got["id"], self.number, Fault("try-later"))
                return
            self.waiting[got["id"]] = self.number
            self._deliver(got)
        elif kind == message.REPLY:
            if got["id"] in self.asked:
                self.asked.remove(got["id"])
                self._deliver(got)
        elif kind == message.CANCEL:
            if got["id"] in self.waiting:
                self._deliver(got)
                self._error(got["id"], self.waiting.pop(got["id"]), Fault("cancelled"))
        elif kind != message.PONG:
            if kind == message.ERROR:
                self.asked.discard(got["id"])
            self._deliver(got)

    def _deliver(self, got: Message) -> None:
        self.events.append(Event("got", message=got))

    # -- sending, and the end

    def _pong(self, got: Message) -> None:
        if self.holds:
            self.held = got  # of several PINGs, only the last one needs an answer (R3.9)
        else:
            self._write(f"pong:{got.payload.hex() or '-'}", message.PONG, text.BINARY, got.payload)

    def release(self) -> None:
        """Ends a hold of PONGs."""
        self.holds -= 1
        if not self.holds and self.held is not None and self.state == OPEN:
            held, self.held = self.held, None
            self._pong(held)

    def ping(self, now: int) -> None:
        """Sends a PING, to see whether the peer is there."""
        self.clock = now
        if self.state == OPEN:
            self._write("ping", message.PING, text.BINARY, b"")

    def fault(self, fault: Fault, now: int) -> None:
        """Ends the session for a broken rule."""
        reason = fault.name if not fault.detail else f"{fault.name}: {fault.detail}"
        self._close(fault.code, reason, fault.name, now)

    def close(self, code: int, now: int, detail: str = "") -> None:
        """The application closes, with the code's first name as the reason."""
        self.clock = now
        if self.state in (GREETING, OPEN):
            name = CODES.get(code, ("",))[0]
            self._close(code, f"{name}: {detail}" if detail else name, name or str(code), now)

    def _closed(self, got: Message, now: int) -> None:
        code = got["code"]
        self._write(f"close:{code}:-", message.CLOSE, text.ASCII, message.build(message.CLOSE, text.ASCII, code=code))
        self._end(f"peer-{code}")

    def _close(self, code: int, reason: str, cause: str, now: int) -> None:
        encoding, payload = self._reason(reason)
        name = reason.partition(":")[0] or "-"
        body = message.build(message.CLOSE, encoding, payload, code=code)
        self._write(f"close:{code}:{name}", message.CLOSE, encoding, body)
        self.state = CLOSING
        self.cause = cause
        self.closing_until = now + LINGER

    def _end(self, cause: str) -> None:
        self.state = CLOSED
        self.events.append(Event("end", cause))

    def _error(self, id: int, number: int, fault: Fault) -> None:
        at = "" if fault.offset is None else f": byte {fault.offset}"
        encoding, payload = self._reason(fault.name + at)
        body = message.build(message.ERROR, encoding, payload, id=id, frame=number, code=fault.code)
        self._write(f"error:{id}:{number}:{fault.code}:{fault.name}", message.ERROR, encoding, body)

    def _reason(self, reason: str) -> tuple[int, bytes]:
        """A reason in the encoding that the peer prefers, at most 200 bytes."""
        encoding = text.ASCII if self.peer is None or not self.peer.preferred else self.peer.preferred
        return encoding, text.convert(encoding, reason)[:LONGEST_REASON]

    def _write(self, word: str, kind: int, encoding: int, body: bytes) -> None:
        self.last_sent = self.clock
        self.events.append(Event("frame", word, frame.encode(kind, encoding, body)))
