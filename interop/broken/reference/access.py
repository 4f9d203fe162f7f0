"""Who may enter, read and write (R9.28 to R9.30): a TOML file of tokens.

    [[token]]
    token = "secret"        # "" is a peer without a token
    rooms = ["lobby"]       # "*" is every room
    rights = ["read", "write"]
"""

from __future__ import annotations

import hmac
import tomllib
from pathlib import Path
from typing import NamedTuple

from . import names


class Rights(NamedTuple):
    """What a member may do; `reason` says why it may not enter."""

    enter: bool
    read: bool
    write: bool
    reason: str = ""


class Access:
    """The tokens of a hub; without a file, everybody may do everything."""

    def __init__(self, path: str | None = None) -> None:
        self.path = path
        self.entries: list[dict] = []
        self.reload()

    def reload(self) -> None:
        """Reads the file again."""
        if self.path is not None:
            self.entries = tomllib.loads(Path(self.path).read_text())["token"]

    def rights(self, token: bytes | None, room: str) -> Rights:
        """What the holder of a token may do in a room."""
        if self.path is None:
            return Rights(True, True, True)
        found = [one for one in self.entries if hmac.compare_digest(one["token"].encode(), token or b"")]
        if not found:
            return Rights(False, False, False, "this token is not valid" if token else "a token is required")
        rooms = [names.room_key(one) for one in found[0]["rooms"]]
        if "*" not in rooms and names.room_key(room) not in rooms:
            return Rights(False, False, False, "this token is not for this room")
        granted = found[0].get("rights", ["read", "write"])
        return Rights(True, "read" in granted, "write" in granted)
