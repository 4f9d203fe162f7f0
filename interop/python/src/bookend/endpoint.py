"""What the blocking and the asyncio connection share: a session, its unwritten bytes and its inbox."""

from __future__ import annotations

import logging
from collections import deque
from contextlib import contextmanager
from typing import Collection, Deque, Dict, Iterator, Optional, Set, Tuple, Union

from .action import Actions, Deliver, End, HalfClose, Role, Unreadable, Write
from .fault import Fault, PeerClosed, PeerError, Refused, code_of
from .frame import Encoding
from .hello import Hello
from .limits import Limits
from .message import AnyMessage, Cancel, Error, Ping, Pong, Reply, Request
from .session import Session
from .text import BOM, Payload, Text, reason

MAX_INBOX = 1 << 20  # bytes of messages that wait for the application; beyond that nothing is read
MAX_ANSWERS = 1 << 16  # bytes of PONG and ERROR queued for a peer that does not read
_MESSAGE_COST = 256  # bytes of memory that an empty message takes

_IDS = (1 << 32) - 1

Sendable = Union[str, bytes, Text]  # str: sent in the encoding that the peer prefers

log = logging.getLogger("bookend")


class Endpoint:
    """One side of a connection, without its stream. Times are milliseconds."""

    def __init__(self, role: Role, hello: Optional[Hello], limits: Limits, agreed: Collection[int]) -> None:
        self.limits = limits
        self.session = Session(role, hello or Hello(), limits, agreed)
        self.outgoing = bytearray()
        self.half_closes = False  # close the sending direction after `outgoing`
        self._end: Optional[End] = None
        self._inbox: Deque[Deliver] = deque()
        self._inbox_size = 0  # bytes
        self._taken: Optional[Deliver] = None  # the last result of `take`
        # A PONG confirms that everything before its PING was acted on (R3.10), so it waits for the application.
        self._delivered = 0  # messages in total
        self._acted_on = 0
        self._held_pongs: Deque[Tuple[int, bytes]] = deque()  # each after this many messages
        self._waits_for_peer = 0  # callers in `waiting_for_peer`
        self._answers: Dict[int, Union[Reply, Fault]] = {}
        self._waiting: Set[int] = set()  # ids of requests whose answer is awaited
        self._abandoned: Set[int] = set()  # ids of cancelled requests whose answer is dropped when it arrives
        self._unseen_cancels: Dict[int, int] = {}  # id to number of CANCELs in the inbox
        self._last_id = 0
        self._barriers: Set[bytes] = set()  # payloads of PINGs whose PONG is awaited
        self._unread_answers = 0  # bytes of answers queued while the peer was not reading
        self._bom_was_seen = False

    # For the driver

    @property
    def wants_bytes(self) -> bool:
        """Whether to keep reading; not reading slows the peer down."""
        if not self.session.is_open:
            return True
        return self._inbox_size < MAX_INBOX and self._unread_answers < MAX_ANSWERS

    @property
    def inbox_is_full(self) -> bool:
        """Whether reading is paused because the application does not take its messages."""
        return self._inbox_size >= MAX_INBOX

    def start(self, now: int) -> None:
        """The stream is connected."""
        self._apply(self.session.start(now))

    def receive(self, octets: bytes, now: int, is_writing: bool) -> None:
        """Bytes have arrived; `is_writing` if earlier bytes are still unwritten."""
        before = len(self.outgoing)
        self._apply(self.session.receive(octets, now))
        if is_writing:
            self._unread_answers += len(self.outgoing) - before

    def written(self, now: int, is_writing: bool) -> None:
        """Bytes have been written."""
        self.session.wrote(now)
        if not is_writing:
            self._unread_answers = 0

    def end_of_stream(self, now: int, detail: str = "") -> None:
        """No more bytes will arrive."""
        self._apply(self.session.end_of_stream(now, detail))

    def stalled(self) -> None:
        """The peer does not read: ends the session."""
        self._apply(self.session.abort(Fault("slow-consumer", f"no progress for {self.limits.stall} ms")))

    def tick(self, now: int) -> None:
        """Does what is due."""
        self._apply(self.session.tick(now))

    # For the application

    def send(self, message: AnyMessage, now: int) -> None:
        """Sends a message. Raises Refused, or the fault that ended the session."""
        self.check()
        self._apply(self.session.send(message, now))

    def close(self, code: int, words: Optional[str], now: int) -> None:
        """Sends CLOSE, unless it was sent already."""
        self._apply(self.session.close(code, words, now))

    @property
    def has_messages(self) -> bool:
        """Whether `take` would return a message."""
        return bool(self._inbox)

    def acknowledge(self) -> None:
        """The application has acted on all messages that it took."""
        self._acted_on = self._delivered - len(self._inbox)
        self._release_pongs()

    @contextmanager
    def waiting_for_peer(self) -> Iterator[None]:
        """Releases PONGs meanwhile: two sides that both wait for a PONG would deadlock otherwise."""
        self._waits_for_peer += 1
        self._release_pongs()
        try:
            yield
        finally:
            self._waits_for_peer -= 1

    def take(self) -> Optional[AnyMessage]:
        """The next message in the inbox, or None."""
        if not self._inbox:
            return None
        self.acknowledge()
        self._taken = self._inbox.popleft()
        self._inbox_size -= _size(self._taken)
        if isinstance(self._taken.message, Cancel):
            self._see_cancel(self._taken.message.id)
        return self._taken.message

    def ask(self, value: Sendable, now: int) -> int:
        """Sends a REQUEST and returns its id."""
        id = self._next_id()
        self.send(Request(id, self.payload(value)), now)
        self._waiting.add(id)
        return id

    def is_answered(self, id: int) -> bool:
        """Whether the answer has arrived, or never will."""
        return id in self._answers or self.session.is_done

    def answer(self, id: int) -> Payload:
        """The answer to a request. Raises the fault if it failed, TimeoutError if none has arrived."""
        answer = self._answers.pop(id, None)
        self._waiting.discard(id)
        if isinstance(answer, Reply):
            return answer.payload
        if isinstance(answer, Fault):
            raise answer
        self.check()
        raise TimeoutError(f"no answer to request {id}")

    def abandon(self, id: int, now: int) -> None:
        """The answer to this request is no longer awaited: cancels it, unless the answer has arrived."""
        self._waiting.discard(id)
        self._answers.pop(id, None)
        if self.session.is_open and self.session.is_unanswered(id):
            self._abandoned.add(id)
            self._apply(self.session.send(Cancel(id), now))

    def reply(self, message: Union[Reply, Error], now: int) -> None:
        """Answers a request, or does nothing if the peer has cancelled it and the CANCEL is still in the inbox.

        Raises Refused, or the fault that ended the session.
        """
        if message.id not in self._unseen_cancels:
            self.send(message, now)
        else:
            self.check()

    def ping(self, now: int) -> bytes:
        """Sends a PING with a unique payload and returns the payload."""
        token = self._next_id().to_bytes(4, "big")
        self.send(Ping(token), now)
        self._barriers.add(token)
        return token

    def has_pong(self, token: bytes) -> bool:
        """Whether the PONG has arrived, or never will."""
        return token not in self._barriers or self.session.is_done

    def pong(self, token: bytes) -> None:
        """Ends the wait for a PONG. Raises TimeoutError if it has not arrived."""
        if token in self._barriers:
            self._barriers.remove(token)
            self.session.forget_ping(token)
            self.check()
            raise TimeoutError("no PONG arrived in time")

    def refusal(self, fault: Fault) -> Error:
        """The ERROR that refuses the last message taken."""
        code = code_of(fault.name)
        if self._taken is None or code is None:
            raise Refused("protocol-error", "no message to refuse, or a fault without a code")
        peer = self.session.peer
        encoding = peer.text_encoding if peer else None
        message = self._taken.message
        id = message.id if isinstance(message, Request) else 0
        return Error(id, self._taken.number, code, reason(fault.reason, encoding or Encoding.UTF_8))

    def payload(self, value: Sendable) -> Payload:
        """A payload. Text is in the encoding that the peer prefers if that can carry it, else in UTF-8.

        Raises Fault unmappable-text for a lone surrogate.
        """
        if not isinstance(value, str):
            return value
        value = value.lstrip(BOM)  # at the start of a text it would be a byte order mark, and be removed (R5.5)
        peer = self.session.peer
        wanted = peer.text_encoding if peer else None
        try:
            return Text(value, wanted or Encoding.UTF_8)
        except Fault:
            return Text(value, Encoding.UTF_8)

    def check(self) -> None:
        """Raises the fault that ended the session, or Refused if this side closed it."""
        if self._end is not None:
            raise self._end.fault.with_traceback(None) if self._end.fault else Refused("normal", "the connection is closed")

    def check_end(self) -> None:
        """Raises the fault that ended the session, unless it was closed normally."""
        fault = self._end.fault if self._end else None
        if fault is not None and not (isinstance(fault, PeerClosed) and fault.code == code_of("normal")):
            raise fault.with_traceback(None)

    def _next_id(self) -> int:
        """An id that no unanswered request has."""
        self._last_id = self._last_id % _IDS + 1
        while self.session.is_unanswered(self._last_id):
            self._last_id = self._last_id % _IDS + 1
        return self._last_id

    def _apply(self, actions: Actions) -> None:
        for action in actions:
            if isinstance(action, Write):
                self._write(action)
            elif isinstance(action, Deliver):
                self._deliver(action)
            elif isinstance(action, Unreadable):
                self._answer(action.id, action.fault)
            elif isinstance(action, HalfClose):
                self.half_closes = True
            elif isinstance(action, End):
                self._end = action

    def _write(self, write: Write) -> None:
        if write.kind != Pong.kind:
            self.outgoing += write.octets
            return
        if len(self._held_pongs) == 2:
            self._held_pongs.pop()  # of several only the last need be sent (R3.9), and the first is not delayed
        self._held_pongs.append((self._delivered, write.octets))
        self._release_pongs()

    def _release_pongs(self) -> None:
        while self._held_pongs and (self._waits_for_peer or self._held_pongs[0][0] <= self._acted_on):
            _, octets = self._held_pongs.popleft()
            if self.session.is_open:
                self.outgoing += octets

    def _deliver(self, delivery: Deliver) -> None:
        message = delivery.message
        self._warn_of_bom(message)
        if isinstance(message, (Reply, Error)) and message.id in self._abandoned:
            self._abandoned.remove(message.id)
        elif isinstance(message, Pong) and message.payload in self._barriers:
            self._barriers.remove(message.payload)
        elif isinstance(message, Reply) and message.id in self._waiting:
            self._answer(message.id, message)
        elif isinstance(message, Error) and message.id in self._waiting:
            fault = PeerError(message.code, message.reason.value, id=message.id, frame=message.frame)
            self._answer(message.id, fault)
        else:
            self._inbox.append(delivery)
            self._delivered += 1
            self._inbox_size += _size(delivery)
            if isinstance(message, Cancel):
                self._unseen_cancels[message.id] = self._unseen_cancels.get(message.id, 0) + 1

    def _see_cancel(self, id: int) -> None:
        unseen = self._unseen_cancels.pop(id) - 1
        if unseen:
            self._unseen_cancels[id] = unseen

    def _answer(self, id: int, answer: Union[Reply, Fault]) -> None:
        self._abandoned.discard(id)
        if id in self._waiting:
            self._answers[id] = answer

    def _warn_of_bom(self, message: AnyMessage) -> None:
        payload = getattr(message, "payload", None)
        if isinstance(payload, Text) and payload.had_bom and not self._bom_was_seen:
            self._bom_was_seen = True
            log.warning("the peer sends byte order marks, which are removed (SPEC R5.5)")


def _size(delivery: Deliver) -> int:
    return len(delivery.frame.body) + _MESSAGE_COST
