"""The session: the protocol rules of one side, without a socket and without a clock (SPEC section 7).

Time is an argument, in milliseconds from any origin. Every call returns a list of actions, to be done in order.
"""

from __future__ import annotations

import enum
from dataclasses import replace
from typing import Collection, Optional, Set

from . import hello as hello_frame
from .action import Actions, Deliver, End, HalfClose, Opened, Role, Unreadable, Write
from .clock import DRAIN, PING, Clock
from .diagnosis import quoted
from .fault import MAX_REASON, NO_CLOSE, Fault, PeerClosed, Refused, code_of, first_name
from .flood import Flood
from .frame import HEADER, START, Decoder, Encoding, Frame, encode
from .hello import Hello
from .kinds import check_received, check_sent
from .limits import Limits
from .message import (
    AnyMessage,
    Cancel,
    Close,
    Error,
    Ping,
    Pong,
    Reply,
    Request,
    check_sendable,
    parse,
    to_frame,
)
from .requests import Requests
from .text import Text, reason

FRAME_NUMBERS = 1 << 32
MAX_LINE = 1024  # bytes before the server's first F5 (R4.21)


class _State(enum.Enum):
    GREETING = 0  # the peer's HELLO has not been accepted
    OPEN = 1
    CLOSING = 2  # CLOSE was sent
    CLOSED = 3


class Session:
    """One side of a connection.

    Call `start` first, then `receive` with the bytes read, `tick` at each `deadline`, and `end_of_stream` last.
    """

    def __init__(
        self, role: Role, hello: Hello, limits: Limits = Limits(), agreed: Collection[int] = ()
    ) -> None:
        self.role = role
        self.hello = replace(hello, client=role is Role.CLIENT)  # R4.23
        self.peer: Optional[Hello] = None  # the other side's HELLO, once accepted
        self._limits = limits
        self._agreed = agreed  # private kinds that are not ignored
        self._state = _State.GREETING
        self._clock = Clock(limits)
        self._flood = Flood(limits)
        self._decoder = Decoder(limits.before_hello)
        self._line: Optional[bytearray] = bytearray() if role is Role.CLIENT else None  # skipped so far
        self._number = 0  # of the next frame
        self._requests = Requests()
        self._pings: Set[bytes] = set()  # payloads of the application's PINGs that have no PONG yet
        self._discarded = 0  # bytes received after this side's CLOSE
        self._end: Optional[End] = None  # why the session ends, once known
        self._end_is_reported = False

    @property
    def is_open(self) -> bool:
        """Whether messages can be sent."""
        return self._state is _State.OPEN

    @property
    def is_done(self) -> bool:
        """Whether the session is over: the driver closes the stream."""
        return self._state is _State.CLOSED

    @property
    def has_hub(self) -> bool:
        """Whether the hub profile is in force (R9.1)."""
        return self.peer is not None and self.peer.hub and self.hello.hub

    # For the driver

    def start(self, now: int) -> Actions:
        """The stream is connected."""
        self._clock.start(now)
        return [self._send_hello(now)] if self.role is Role.CLIENT else []

    def receive(self, octets: bytes, now: int) -> Actions:
        """Bytes have arrived. An empty `octets` is not a sign of life."""
        actions: Actions = []
        if octets:
            self._clock.received(now)
        if self._state is _State.CLOSING:
            self._discard(len(octets), actions)
        if self._state in (_State.CLOSING, _State.CLOSED):
            return actions
        try:
            self._decoder.feed(self._skip_line(octets))
            while self._state in (_State.GREETING, _State.OPEN):
                frame = self._next_frame(now)
                if frame is None:
                    return actions
                self._take(frame, now, actions)
        except Fault as fault:
            self._fail(fault, now, actions)
        self._discard(self._decoder.unused, actions)
        return actions

    def end_of_stream(self, now: int, detail: str = "") -> Actions:
        """No more bytes will arrive; `detail` is the transport's reason."""
        actions: Actions = []
        if self._state in (_State.GREETING, _State.OPEN):
            if self._decoder.pending:
                self._fail(Fault("truncated", detail or f"{self._decoder.pending} bytes of a frame"), now, actions)
            else:
                self._end = End(NO_CLOSE, Fault(NO_CLOSE, detail or self._received_line()))
        self._finish(actions)
        return actions

    def abort(self, fault: Fault) -> Actions:
        """The driver cannot continue and closes the stream: no CLOSE can follow a half-written frame (R7.14)."""
        actions: Actions = []
        if self._end is None:
            self._end = End(fault.name, fault)
        self._finish(actions)
        return actions

    def tick(self, now: int) -> Actions:
        """Does what is due."""
        actions: Actions = []
        while self._state is not _State.CLOSED:
            due = self._clock.overdue(now)
            if due is None:
                break
            if due.what == DRAIN:
                self._finish(actions)
            elif due.what == PING:
                actions.append(self._write(Ping(), now))
            else:
                self._fail(Fault(due.what, self._received_line()), now, actions)
        return actions

    def deadline(self) -> Optional[int]:
        """When to call `tick`, or None if nothing is due."""
        due = None if self._state is _State.CLOSED else self._clock.next_due()
        return None if due is None else due.time

    def wrote(self, now: int) -> None:
        """Bytes have been written: those of a long frame count for the keepalive too (R7.2)."""
        self._clock.sent(now)

    def excuse(self, duration: int) -> None:
        """The driver did not read for `duration` milliseconds: they do not count against the peer."""
        self._clock.excuse(duration)
        self._flood.excuse(duration)

    # For the application

    def send(self, message: AnyMessage, now: int) -> Actions:
        """Sends a message. Raises Refused, or Fault unmappable-text (R5.15), and then sends nothing.

        An ERROR that answers a REQUEST gets the number of that REQUEST's frame, whatever its own `frame` is.
        """
        frame = self._permit(message)
        self._requests.sent(message)
        if isinstance(message, Ping):
            self._pings.add(message.payload)
        self._clock.sent(now)
        return [Write(encode(frame))]

    def permit_kind(self, kind: int) -> None:
        """Raises Refused if the application cannot send messages of this kind now."""
        if not self.is_open:
            raise Refused("not-open", "messages can be sent only between the peer's HELLO and CLOSE")
        check_sent(kind, self.role, self.has_hub)

    def close(self, code: int, words: Optional[str], now: int) -> Actions:
        """Sends CLOSE, unless it was sent already; the default reason is the code's first name."""
        actions: Actions = []
        if self._state in (_State.GREETING, _State.OPEN):
            name = first_name(code) or ""
            self._end = End(name or str(code), None)
            self._send_close(code, name if words is None else words, now, actions)
        return actions

    def is_unanswered(self, id: int) -> bool:
        """Whether the peer has not yet answered this side's request with this id."""
        return self._requests.is_asked(id)

    def forget_ping(self, payload: bytes) -> None:
        """The application no longer waits for the PONG to this PING."""
        self._pings.discard(payload)

    # Receiving

    def _skip_line(self, octets: bytes) -> bytes:
        """Drops the line that a server may send before its first frame (R4.21)."""
        if self._line is None:
            return octets
        end = octets.find(START[:1])
        skipped = octets if end < 0 else octets[:end]
        allowed = MAX_LINE - len(self._line)
        self._line += skipped[:allowed]
        if len(skipped) > allowed:
            self._decoder.feed(octets[allowed:])
            raise self._decoder.fail(Fault("bad-start", self._received_line()), 1)
        if end < 0:
            return b""
        self._line = None
        return octets[end:]

    def _next_frame(self, now: int) -> Optional[Frame]:
        header = self._decoder.header()
        if header is not None and self._state is _State.GREETING:
            self._check_first(header.kind)
        frame = self._decoder.next()
        if frame is not None:
            self._clock.frame_ends()
        elif self._decoder.pending:
            self._clock.frame_begins(now)
            if header is not None:
                self._clock.header_ends(header.length, now)
        return frame

    def _check_first(self, kind: int) -> None:
        """Fails early if the first frame cannot be a HELLO (R4.3, R4.7, R4.19)."""
        if kind == Close.kind:
            return
        if kind != hello_frame.KIND:
            raise self._decoder.fail(Fault("hello-expected", f"found kind {kind:02x}"), HEADER)
        wrong = hello_frame.check_prefix(self._decoder.body(len(hello_frame.PREFIX)))
        if wrong is not None:
            raise self._decoder.fail(wrong.fault, HEADER + wrong.position + 1)

    def _take(self, frame: Frame, now: int, actions: Actions) -> None:
        number, self._number = self._number, (self._number + 1) % FRAME_NUMBERS
        if self._state is _State.GREETING and frame.kind == hello_frame.KIND:
            self._open(frame, now, actions)
            return
        self._flood.check(frame, now)
        check_received(frame.kind, self.role, self.has_hub)
        try:
            message = parse(frame, self._agreed)
        except Fault as fault:
            if fault.name != "bad-text":
                raise
            self._answer_bad_text(frame, number, fault, now, actions)
            return
        if message is not None:
            self._act(message, number, frame, now, actions)

    def _open(self, frame: Frame, now: int, actions: Actions) -> None:
        if frame.encoding is not Encoding.BINARY:
            raise Fault("malformed", f"HELLO in encoding {int(frame.encoding)}")
        peer = Hello.parse(frame.body)
        if peer.client and self.role is Role.CLIENT:
            raise Fault("two-clients", "HELLO has the option client")
        self.peer = peer
        self._state = _State.OPEN
        self._decoder.limit = self.hello.max_body
        self._clock.open(self.hello.keepalive, self.peer.keepalive, now)
        if self.role is Role.SERVER:
            actions.append(self._send_hello(now))
        actions.append(Opened(self.peer))

    def _act(self, message: AnyMessage, number: int, frame: Frame, now: int, actions: Actions) -> None:
        if isinstance(message, Close):
            self._closed_by_peer(message, now, actions)
            return
        if isinstance(message, Ping):
            actions.append(self._write(Pong(message.payload), now))
            return
        if isinstance(message, Pong):
            if message.payload not in self._pings:
                return  # R3.11
            self._pings.remove(message.payload)
        elif isinstance(message, Error):
            self._requests.answered(message.id)
        elif not self.hello.accepts(frame.encoding):
            self._answer_bad_text(frame, number, Fault("encoding-refused"), now, actions)
            return
        elif isinstance(message, Reply):
            if not self._requests.answered(message.id):
                return  # R3.14
        elif isinstance(message, Request):
            full = self._requests.admit(message.id, number, self.hello.max_requests)
            if full is not None:
                actions.append(self._send_error(message.id, number, full, now))
                return
        elif isinstance(message, Cancel):
            self._cancelled_by_peer(message, number, frame, now, actions)
            return
        actions.append(Deliver(message, number, frame))

    def _cancelled_by_peer(self, cancel: Cancel, number: int, frame: Frame, now: int, actions: Actions) -> None:
        request = self._requests.cancelled(cancel.id)
        if request is not None:  # otherwise the answer and the CANCEL have crossed (R3.24)
            actions.append(Deliver(cancel, number, frame))
            actions.append(self._send_error(cancel.id, request, Fault("cancelled"), now))

    def _answer_bad_text(self, frame: Frame, number: int, fault: Fault, now: int, actions: Actions) -> None:
        """Answers a frame whose text is illegal or refused; the connection stays open (R5.8, R5.11)."""
        if not self.hello.accepts(frame.encoding):
            fault = Fault("encoding-refused", f"encoding {int(frame.encoding)}")
        id = int.from_bytes(frame.body[:4], "big") if frame.kind in (Request.kind, Reply.kind) else 0
        if frame.kind != Reply.kind:
            self._requests.check_new(id)
            actions.append(self._send_error(id, number, fault, now))
        elif self._requests.answered(id):
            # A reply never provokes a reply (R3.20): the fault goes to the local caller that waits for it.
            actions.append(Unreadable(id, fault))

    # Sending

    def _permit(self, message: AnyMessage) -> Frame:
        """The frame of a message that may be sent now.

        Raises Refused, or Fault unmappable-text, for the first rule that it breaks (R7.18).
        """
        check_sendable(message)
        self.permit_kind(message.kind)
        assert self.peer is not None, "an open session has a peer"
        self._requests.permit(message, self.peer.max_requests)
        if isinstance(message, Error) and message.id:
            message = replace(message, frame=self._requests.number_of(message.id))  # R3.17
        encoding = _encoding(message)
        if not self.peer.accepts(encoding):
            raise Refused("encoding-refused", f"the peer does not accept {encoding.name}")
        frame = to_frame(message)
        if len(frame.body) > self.peer.max_body:
            raise Refused("too-long", f"{len(frame.body)} bytes, the peer accepts {self.peer.max_body}")
        if isinstance(message, Error) and len(message.reason.sendable()) > MAX_REASON:
            raise Refused("too-long", f"the reason may have {MAX_REASON} bytes")
        return frame

    def _write(self, message: AnyMessage, now: int) -> Write:
        self._clock.sent(now)
        return Write(encode(to_frame(message)))

    def _send_hello(self, now: int) -> Write:
        self._clock.sent(now)
        return Write(encode(Frame(hello_frame.KIND, Encoding.BINARY, self.hello.body())))

    def _send_error(self, id: int, number: int, fault: Fault, now: int) -> Write:
        wanted = self.peer.text_encoding if self.peer else None
        words = reason(fault.reason, wanted or Encoding.ASCII)
        return self._write(Error(id, number, _code(fault), words), now)

    def _send_close(self, code: int, words: str, now: int, actions: Actions) -> None:
        actions += (self._write(Close(code, reason(words, Encoding.ASCII)), now), HalfClose())
        self._clock.close(now)
        self._state = _State.CLOSING

    # Ending

    def _fail(self, fault: Fault, now: int, actions: Actions) -> None:
        self._end = End(fault.name, fault)
        self._send_close(_code(fault), fault.reason, now, actions)

    def _closed_by_peer(self, close: Close, now: int, actions: Actions) -> None:
        self._end = End(f"peer-{close.code}", PeerClosed(close.code, close.reason.value))
        self._send_close(close.code, "", now, actions)
        self._report_end(actions)

    def _discard(self, count: int, actions: Actions) -> None:
        self._discarded += count
        if self._discarded >= self._limits.drain_bytes:
            self._finish(actions)

    def _finish(self, actions: Actions) -> None:
        self._state = _State.CLOSED
        self._report_end(actions)

    def _report_end(self, actions: Actions) -> None:
        if self._end is not None and not self._end_is_reported:
            self._end_is_reported = True
            actions.append(self._end)

    def _received_line(self) -> str:
        return f"it sent {quoted(bytes(self._line))}" if self._line else ""


def _code(fault: Fault) -> int:
    code = code_of(fault.name)
    assert code is not None, "every fault that is sent has a code"
    return code


def _encoding(message: AnyMessage) -> Encoding:
    texts = (getattr(message, name, None) for name in ("payload", "reason", "greeting", "name"))
    return next((text.encoding for text in texts if isinstance(text, Text)), Encoding.BINARY)
