"""Why something was not run."""

from __future__ import annotations

import os
from typing import Sequence, Tuple

from tools import bringing


class NotRun(Exception):
    """A row or a part cannot be run here; `tools` has what is missing, if that is the only reason."""

    def __init__(self, reason: str, tools: Sequence[str] = ()) -> None:
        super().__init__(reason)
        self.tools: Tuple[str, ...] = tuple(tools)

    @property
    def is_failure(self) -> bool:
        """Whether not running is a failure: always in CI, elsewhere unless a tool is missing."""
        return not self.tools or os.environ.get("CI") == "true"


def without(tools: Sequence[str]) -> NotRun:
    """The reason that these tools are missing, with what brings them."""
    return NotRun(f"no {', '.join(tools)}: {'; '.join(bringing(tools))}", tools)
