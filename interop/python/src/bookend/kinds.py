"""Which kinds each side may send (SPEC sections 3 and 9)."""

from __future__ import annotations

from .action import Role
from .fault import Fault, Refused
from .hello import KIND as HELLO
from .message import HUB_KINDS, PRIVATE_KINDS, Cancel, Close, Error, Message, Ping, Pong, Post, Reply, Request

_OWN_KINDS = frozenset((HELLO, Pong.kind, Close.kind))
"""Kinds that only a session sends, by itself."""

_APPLICATION_KINDS = frozenset((Message.kind, Request.kind, Reply.kind, Error.kind, Ping.kind, Cancel.kind, *HUB_KINDS, *PRIVATE_KINDS))

MESSAGE_KINDS = _APPLICATION_KINDS | _OWN_KINDS - {HELLO}
"""Kinds that are messages; HELLO belongs to sessions."""


def check_received(kind: int, role: Role, has_hub: bool) -> None:
    """Raises Fault if this side, after the peer's HELLO, must not be sent a frame of this kind. Does not know unlisted kinds."""
    if kind == HELLO:
        raise Fault("second-hello")
    if kind in HUB_KINDS:
        if not has_hub:
            raise Fault("unknown-kind", f"{kind:02x} without the hub profile")
        if (kind == Post.kind) != (role is Role.SERVER):
            raise Fault("unexpected-kind", f"{kind:02x} to a {role.value}")


def check_sent(kind: int, role: Role, has_hub: bool) -> None:
    """Raises Refused if the application on this side must not send a message of this kind."""
    if kind in _OWN_KINDS:
        raise Refused("unexpected-kind", f"only the session itself sends {kind:02x}")
    if kind not in _APPLICATION_KINDS:
        raise Refused("unknown-kind", f"{kind:02x} has no meaning")
    if kind in HUB_KINDS:
        if not has_hub:
            raise Refused("unknown-kind", f"{kind:02x} without the hub profile")
        if (kind == Post.kind) != (role is Role.CLIENT):
            raise Refused("unexpected-kind", f"{kind:02x} from a {role.value}")
