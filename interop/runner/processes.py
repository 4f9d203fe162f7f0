"""The hub as a process, and lines that a process prints, with a time limit."""

from __future__ import annotations

import os
import queue
import re
import subprocess
import threading
from contextlib import ExitStack
from typing import IO, Optional, Sequence, Tuple

from languages import ROOT, WINE_ENVIRONMENT
from relay import Address

TIME_LIMIT = 120.0
"""Seconds that each step of a peer may take."""


class PeerFailed(Exception):
    """A peer timed out, or ended before its work was done, or printed something else than it should."""


def start_hub(command: Sequence[str], stack: ExitStack) -> Address:
    """Starts the hub on a free port. Raises PeerFailed if it does not print its address."""
    return run_hub(command, stack)[1]


def run_hub(command: Sequence[str], stack: ExitStack) -> "Tuple[subprocess.Popen[str], Address]":
    """Starts the hub on a free port, and returns its process too. Raises PeerFailed if it does not print its address."""
    hub = stack.enter_context(
        subprocess.Popen(
            [*command, "--listen", "127.0.0.1:0"],
            cwd=ROOT,
            env={**os.environ, **WINE_ENVIRONMENT},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
    )
    stack.callback(hub.kill)
    assert hub.stdout is not None
    found = re.search(r"(127\.0\.0\.1):(\d+)", hub.stdout.readline())
    if found is None:
        raise PeerFailed("the hub did not print its address")
    return hub, (found[1], int(found[2]))


class Lines:
    """Lines of a stream with a time limit, read by a separate thread."""

    def __init__(self, source: IO[bytes], name: str) -> None:
        self._name = name
        self._lines: "queue.Queue[Optional[str]]" = queue.Queue()
        threading.Thread(target=self._read, args=(source,), daemon=True).start()

    def _read(self, source: IO[bytes]) -> None:
        for line in source:
            self._lines.put(line.decode("utf-8", "backslashreplace").rstrip("\r\n"))
        self._lines.put(None)

    def next(self) -> Optional[str]:
        """The next line, or None at the end. Raises PeerFailed if none arrives in time."""
        try:
            return self._lines.get(timeout=TIME_LIMIT)
        except queue.Empty:
            raise PeerFailed(f"{self._name} printed nothing for {TIME_LIMIT:g} s") from None
