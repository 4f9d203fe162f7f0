"""What an application may send through its session (SPEC 7): the first rule that a message breaks is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import frame, message, text
from .fault import Fault

if TYPE_CHECKING:
    from .session import Session

SESSION_SENDS = (message.HELLO, message.PONG, message.CLOSE)
HUB_KINDS = range(message.WELCOME, message.GAP + 1)
PRIVATE = range(0xC0, 0xF0)
LONGEST_REASON = 200


class Sending:
    """The part of a session that an application sends with."""

    def send(self: Session, kind: int, encoding: int, body: bytes, now: int) -> bytes:
        """The frame of a message, which counts as sent; raises Fault with the name of the rule it would break."""
        built = self._judge_body(kind, encoding, body)
        if self.state != "open":
            raise Fault("not-open")
        self._judge_kind(kind)
        self._judge_id(built)
        if not self.peer.accepts(encoding):
            raise Fault("encoding-refused")
        if kind == message.ERROR and built["id"]:
            built.fields["frame"] = self.waiting[built["id"]]
        body = message.write(built)  # U+FFFE at the start of UTF-16 is unmappable (R5.15)
        if len(body) > self.peer.max_body or (kind == message.ERROR and len(body) - 10 > LONGEST_REASON):
            raise Fault("too-long")
        self._note_sent(built)
        self.last_sent = now
        return frame.encode(kind, encoding, body)

    def _judge_body(self: Session, kind: int, encoding: int, body: bytes) -> message.Message | None:
        if kind not in message.TABLE and kind not in PRIVATE:
            return None
        built = message.parse(kind, encoding, body)
        if kind in (message.ERROR, message.CLOSE):
            text.decode(encoding, built.payload)
        if built.bad:
            raise built.bad
        if kind == message.PRESENCE and not built.text.lstrip("\ufeff"):
            raise Fault("malformed")  # without its byte order marks, the name is empty
        return built

    def _judge_kind(self: Session, kind: int) -> None:
        if kind in SESSION_SENDS:
            raise Fault("unexpected-kind")
        if kind in HUB_KINDS:
            if not self.hub:
                raise Fault("unknown-kind")
            if (kind == message.POST) == (self.role == "server"):
                raise Fault("unexpected-kind")
        elif kind not in message.TABLE and kind not in PRIVATE:
            raise Fault("unknown-kind")

    def _judge_id(self: Session, built: message.Message) -> None:
        id = built.fields.get("id")
        if built.kind == message.REPLY or (built.kind == message.ERROR and id):
            if id not in self.waiting:
                raise Fault("no-such-request")
        elif built.kind == message.CANCEL and id not in self.asked:
            raise Fault("no-such-request")
        elif built.kind == message.REQUEST:
            if id in self.asked:
                raise Fault("duplicate-request")
            if len(self.asked) >= self.peer.requests_permitted:
                raise Fault("try-later")

    def _note_sent(self: Session, built: message.Message) -> None:
        if built.kind == message.REQUEST:
            self.asked.add(built["id"])
        elif built.kind in (message.REPLY, message.ERROR):
            self.waiting.pop(built["id"], None)
