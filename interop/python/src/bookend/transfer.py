"""Transfers: bytes of any length in chunks, with a digest (SPEC section 12).

`Outgoing` and `Incoming` do no I/O: they take and return binary payloads, which any message may carry.
`send_from` and `receive_into` run one transfer over a blocking connection, in REQUESTs.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import BinaryIO, Callable, Dict, NamedTuple, Optional, Tuple, Union

from . import chunk as chunks
from .chunk import Abort, Chunk, Data, Done, End, Offer, Refuse, Want
from .connection import Connection
from .fault import Fault
from .message import Message, Request
from .text import Payload

_CHUNK = 128 << 10  # bytes of DATA
_OVERHEAD = 4 + 17  # the id of a REQUEST, and what precedes the bytes of DATA
_READ_SIZE = 1 << 16


class TransferFailed(Exception):
    """A transfer ended early; the connection lives. `cause` is a name of SPEC section 12."""

    def __init__(self, cause: str, reason: str, *, by_peer: bool) -> None:
        super().__init__(f"the {'peer' if by_peer else 'transfer'} ended: {reason or cause}")
        self.cause = cause
        self.reason = reason
        self.by_peer = by_peer  # the peer ended it; otherwise this side found a fault


class Progress(NamedTuple):
    """How many bytes the receiver has, and the length of the whole if it is known."""

    done: int
    length: Optional[int]


class Held:
    """What a side has of a whole, from its beginning: how many bytes, and their SHA-256."""

    def __init__(self, octets: bytes = b"") -> None:
        self.length = 0
        self._hash = hashlib.sha256()
        self.add(octets)

    @classmethod
    def read(cls, source: BinaryIO) -> Held:
        """Digests everything from the position of `source` to its end."""
        held = cls()
        for octets in iter(lambda: source.read(_READ_SIZE), b""):
            held.add(octets)
        return held

    def add(self, octets: bytes) -> None:
        """Adds the bytes that follow."""
        self.length += len(octets)
        self._hash.update(octets)

    @property
    def digest(self) -> bytes:
        """The SHA-256 of the bytes."""
        return self._hash.digest()


# ---- Sending


class Outgoing:
    """One transfer that this side sends. Give it every byte of the source, even if the receiver holds some."""

    def __init__(self, offer: Offer) -> None:
        self.offer = offer.encode()
        self._transfer = offer.transfer
        self._length = offer.length
        self._source = Held()
        self._start: Optional[int] = None  # where the receiver wants the DATA to begin
        self._arrived = 0
        self._ended = False

    @property
    def progress(self) -> Progress:
        """How far the receiver has got, as far as its answers say."""
        return Progress(self._arrived, self._length)

    def data(self, octets: bytes) -> Optional[bytes]:
        """The next bytes of the source as DATA; None if the receiver holds them. Raises TransferFailed."""
        offset = self._source.length
        end = offset + len(octets)
        if self._ended or (self._length is not None and end > self._length):
            raise TransferFailed("wrong-length", "", by_peer=False)
        self._source.add(octets)
        start = max(self._start or 0, offset)
        return Data(self._transfer, start, octets[start - offset :]).encode() if start < end else None

    def end(self) -> bytes:
        """END, once the source has given everything. Raises TransferFailed."""
        length = self._source.length
        if self._length not in (None, length) or length < (self._start or 0):
            raise TransferFailed("wrong-length", "", by_peer=False)
        self._ended = True
        return End(self._transfer, length, self._source.digest).encode()

    def answer(self, payload: bytes) -> Optional[Union[Want, Done, Refuse]]:
        """Takes a payload from the receiver; None if it does not concern this transfer. Raises TransferFailed."""
        try:
            chunk = chunks.decode(payload)
        except chunks.Broken as broken:
            if broken.from_receiver and broken.transfer == self._transfer:
                raise TransferFailed(broken.cause, "", by_peer=False) from None
            return None
        if not isinstance(chunk, (Want, Done, Refuse)) or chunk.transfer != self._transfer:
            return None
        if isinstance(chunk, Done):
            if not self._ended or chunk.length != self._source.length:
                raise TransferFailed("bad-chunk", "", by_peer=False)
            self._arrived = chunk.length
        elif isinstance(chunk, Want):
            self._wanted(chunk.offset)
        return chunk

    def abort(self, cause: str, detail: str = "") -> bytes:
        """The ABORT that ends the transfer early."""
        return Abort(self._transfer, cause, detail).encode()

    def _wanted(self, offset: int) -> None:
        is_first = self._start is None and self._source.length == 0
        most = self._length if is_first else max(self._start or 0, self._source.length)
        if most is not None and offset > most:
            raise TransferFailed("bad-offset", "", by_peer=False)
        if is_first:
            self._start = offset
        self._arrived = max(self._arrived, offset)


# ---- Receiving


@dataclass(frozen=True)
class Offered:
    """A transfer is offered: `accept` and `refuse` return the answer."""

    offer: Offer


@dataclass(frozen=True)
class Arrived:
    """The next bytes: keep them, then send the answer."""

    transfer: int
    offset: int
    octets: bytes
    progress: Progress
    answer: bytes


@dataclass(frozen=True)
class Complete:
    """Everything has arrived, and its digest is right."""

    transfer: int
    length: int
    digest: bytes
    answer: bytes


@dataclass(frozen=True)
class Aborted:
    """The sender has given up."""

    transfer: int
    cause: str
    reason: str
    answer: bytes


@dataclass(frozen=True)
class Wrong:
    """The chunk breaks a rule, and ends its transfer. After "wrong-digest" discard the bytes (R12.13)."""

    transfer: int  # 0 if it could not be read
    cause: str
    answer: bytes


Step = Union[Offered, Arrived, Complete, Aborted, Wrong]


class _Open:
    def __init__(self, length: Optional[int]) -> None:
        self.length = length
        self.held: Optional[Held] = None  # until the offer is accepted


class Incoming:
    """The transfers that one session receives. It keeps a number and a digest for each, and never the bytes.

    Send each answer as the REPLY if the chunk came in a REQUEST; otherwise only that of `Wrong`, or none.
    """

    def __init__(self, max_length: int = 1 << 30, max_open: int = 8) -> None:
        self.max_length = max_length  # bytes
        self.max_open = max_open
        self._open: Dict[int, _Open] = {}

    def receive(self, payload: Payload) -> Optional[Step]:
        """Takes the payload of any message; None if it is not a chunk of a transfer to this side."""
        if not isinstance(payload, bytes):
            return None
        try:
            chunk = chunks.decode(payload)
        except chunks.Broken as broken:
            return None if broken.from_receiver else self._wrong(broken.transfer, broken.cause)
        if chunk is None or isinstance(chunk, (Want, Done, Refuse)):
            return None
        try:
            return self._step(chunk)
        except TransferFailed as failed:
            return self._wrong(chunk.transfer, failed.cause)

    def accept(self, transfer: int, held: Optional[Held] = None) -> bytes:
        """Accepts an offer: the sender continues after what is held. Raises TransferFailed."""
        open = self._open.get(transfer)
        if open is None or open.held is not None:
            raise TransferFailed("no-such-transfer", "", by_peer=False)
        held = held or Held()
        if held.length > (self.max_length if open.length is None else open.length):
            raise TransferFailed("wrong-length", "", by_peer=False)
        open.held = held
        return Want(transfer, held.length).encode()

    def refuse(self, transfer: int, cause: str, detail: str = "") -> bytes:
        """Refuses an offer, or ends an open transfer."""
        self._open.pop(transfer, None)
        return Refuse(transfer, cause, detail).encode()

    def _step(self, chunk: Union[Offer, Data, End, Abort]) -> Step:
        if isinstance(chunk, Offer):
            return self._offered(chunk)
        open = self._open.get(chunk.transfer)
        if open is None:
            raise TransferFailed("no-such-transfer", "", by_peer=False)
        if isinstance(chunk, Abort):
            return Aborted(chunk.transfer, chunk.cause, chunk.reason, self.refuse(chunk.transfer, chunk.cause))
        if open.held is None:
            raise TransferFailed("no-such-transfer", "", by_peer=False)
        if isinstance(chunk, Data):
            return self._data(open, open.held, chunk)
        if chunk.length != open.held.length or open.length not in (None, chunk.length):
            raise TransferFailed("wrong-length", "", by_peer=False)
        if chunk.digest != open.held.digest:
            raise TransferFailed("wrong-digest", "", by_peer=False)
        del self._open[chunk.transfer]
        return Complete(chunk.transfer, chunk.length, chunk.digest, Done(chunk.transfer, chunk.length).encode())

    def _offered(self, offer: Offer) -> Step:
        if offer.transfer in self._open:
            raise TransferFailed("duplicate-transfer", "", by_peer=False)
        if offer.length is not None and offer.length > self.max_length:
            raise TransferFailed("too-large", "", by_peer=False)
        if len(self._open) >= self.max_open:
            raise TransferFailed("too-many-transfers", "", by_peer=False)
        self._open[offer.transfer] = _Open(offer.length)
        return Offered(offer)

    def _data(self, open: _Open, held: Held, data: Data) -> Step:
        end = data.offset + len(data.octets)
        if data.offset != held.length:
            raise TransferFailed("bad-offset", "", by_peer=False)
        if open.length is not None and end > open.length:
            raise TransferFailed("wrong-length", "", by_peer=False)
        if end > self.max_length:
            raise TransferFailed("too-large", "", by_peer=False)
        held.add(data.octets)
        progress = Progress(end, open.length)
        return Arrived(data.transfer, data.offset, data.octets, progress, Want(data.transfer, end).encode())

    def _wrong(self, transfer: int, cause: str) -> Step:
        return Wrong(transfer, cause, self.refuse(transfer, cause))


# ---- Over a blocking connection


def send_from(
    connection: Connection,
    source: BinaryIO,
    offer: Offer,
    progress: Callable[[Progress], None] = lambda progress: None,
    timeout: float = 30.0,
) -> int:
    """Sends everything that `source` gives, and returns its length once the receiver has verified it.

    `timeout` is for each chunk. Raises TransferFailed, OSError of the source, TimeoutError, or the connection's Fault.
    """
    outgoing = Outgoing(offer)
    size = min(_CHUNK, max(1, connection.peer.max_body - _OVERHEAD))

    def ask(payload: bytes, wanted: type) -> None:
        reply = connection.request(payload, timeout)
        answer = outgoing.answer(reply) if isinstance(reply, bytes) else None
        if isinstance(answer, Refuse):
            raise TransferFailed(answer.cause, answer.reason, by_peer=True)
        if not isinstance(answer, wanted):
            raise TransferFailed("bad-chunk", "", by_peer=False)
        progress(outgoing.progress)

    length = 0
    try:
        ask(outgoing.offer, Want)
        for octets in iter(lambda: source.read(size), b""):
            length += len(octets)
            payload = outgoing.data(octets)
            if payload is not None:
                ask(payload, Want)
        ask(outgoing.end(), Done)
    except Fault:
        raise
    except (TransferFailed, OSError) as error:
        if not (isinstance(error, TransferFailed) and error.by_peer):
            cause = error.cause if isinstance(error, TransferFailed) else "failed"
            connection.send_binary(outgoing.abort(cause))
        raise
    return length


def receive_into(
    connection: Connection,
    incoming: Incoming,
    open: Callable[[Offer], Tuple[BinaryIO, Held]],
    progress: Callable[[Progress], None] = lambda progress: None,
) -> Optional[Complete]:
    """Receives until one transfer is complete; None once the connection is closed normally.

    `open` returns the destination and what it holds, or raises TransferFailed to refuse. Other messages are
    discarded, and other REQUESTs refused. Raises TransferFailed, OSError of the destination, or the connection's Fault.
    """
    sinks: Dict[int, BinaryIO] = {}
    for message in connection.messages():
        if not isinstance(message, (Message, Request)):
            continue
        step = incoming.receive(message.payload)
        if step is None:
            if isinstance(message, Request):
                connection.refuse(Fault("policy", "only transfers are received here"))
            continue
        failed: Optional[Exception] = None
        if isinstance(step, Offered):
            try:
                sinks[step.offer.transfer], held = open(step.offer)
                answer = incoming.accept(step.offer.transfer, held)
            except TransferFailed as refused:
                answer = incoming.refuse(step.offer.transfer, refused.cause)
        else:
            answer = step.answer
        if isinstance(step, Arrived):
            try:
                sinks[step.transfer].write(step.octets)
                progress(step.progress)
            except OSError as error:
                failed, answer = error, incoming.refuse(step.transfer, "failed")
        elif isinstance(step, Complete):
            sinks[step.transfer].flush()
        elif isinstance(step, Aborted):
            failed = TransferFailed(step.cause, step.reason, by_peer=True)
        elif isinstance(step, Wrong):
            failed = TransferFailed(step.cause, "", by_peer=False)
        if isinstance(message, Request):
            connection.reply(message.id, answer)
        if failed is not None:
            raise failed
        if isinstance(step, Complete):
            return step
    return None
