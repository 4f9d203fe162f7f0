"""An adapter as a running process: one request line in, one answer line out."""

from __future__ import annotations

import contextlib
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Mapping, Optional, Sequence

from languages import ROOT

ANSWER_LIMIT = 20.0
"""Seconds an adapter may take for one answer."""

FAILURES_LIMIT = 3
"""How often an adapter may hang or end."""


class AdapterFailure(Exception):
    """The adapter did not answer, or did not end as it should."""


class GivenUp(Exception):
    """The adapter failed so often that it is not asked any more."""


class Adapter:
    """Keeps one process running and starts it again, a few times, if it hangs or ends."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], limit: float = ANSWER_LIMIT) -> None:
        self._command = list(command)
        self._environment = {**os.environ, **environment}
        self._limit = limit
        self._failures = 0
        self._process: Optional[subprocess.Popen[bytes]] = None
        # A worker does the blocking calls, so that neither a full pipe nor a missing answer holds the runner.
        self._worker = ThreadPoolExecutor(max_workers=1)

    def ask(self, request: str) -> str:
        """The answer to one request.

        Raises AdapterFailure where none comes in time, GivenUp where that has happened too often.
        """
        if self._failures >= FAILURES_LIMIT:
            raise GivenUp(f"the adapter hung or ended {self._failures} times")
        try:
            return self._worker.submit(self._exchange, request).result(self._limit)
        except FutureTimeout:
            self._give_up()
            raise AdapterFailure(f"no answer within {self._limit:g} s") from None
        except (OSError, EOFError) as error:
            status = self._give_up()
            raise AdapterFailure(f"{error}, status {status}") from None

    def close(self) -> None:
        """Ends the input; the adapter is to end by itself, with status 0.

        Raises AdapterFailure where it does not.
        """
        try:
            if self._process is None:
                return
            try:
                self._process.communicate(timeout=self._limit)
            except subprocess.TimeoutExpired:
                self._give_up()
                raise AdapterFailure("went on after the end of its input") from None
            if self._process.returncode != 0:
                raise AdapterFailure(f"ended with status {self._process.returncode}")
        finally:
            self._worker.shutdown()

    def _exchange(self, request: str) -> str:
        if self._process is None:
            self._process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(request.encode("ascii") + b"\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer.endswith(b"\n"):
            raise EOFError("ended without a whole answer")
        return answer.rstrip(b"\r\n").decode("ascii", "backslashreplace")

    def _give_up(self) -> Optional[int]:
        """Ends a process that failed, and returns its status."""
        self._failures += 1
        process, self._process = self._process, None
        if process is None:
            return None
        process.kill()
        with contextlib.suppress(BrokenPipeError), process:
            pass
        return process.returncode
