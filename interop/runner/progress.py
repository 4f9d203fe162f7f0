"""Shows what runs, with the seconds since the start: a line for each stage, and on a terminal also one that is kept up to date.

It writes to standard error; tables and failures go to standard output.
"""

from __future__ import annotations

import sys
import threading
import time
from contextlib import contextmanager
from typing import Callable, Iterator, List, Optional, TextIO

BAR = 20
"""Characters of the bar."""

PERIOD = 0.5
"""Seconds between two updates of the line on a terminal."""

CLEAR = "\r\x1b[K"


class Stage:
    """Something that takes time. `result` is shown at its end."""

    def __init__(self, title: str, total: int = 0) -> None:
        self.title = title
        self.total = total
        self.done = 0
        self.result = ""

    def shown(self) -> str:
        """Title and, if the number of steps is known, a bar."""
        if not self.total:
            return self.title
        filled = BAR * self.done // self.total
        return f"{self.title} [{'#' * filled}{'.' * (BAR - filled)}] {self.done}/{self.total}"


class Progress:
    """Writes the progress of a run to one stream. Several threads may use it."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic, terminal: Optional[bool] = None) -> None:
        self._stream = stream
        self._clock = clock
        self._start = clock()
        self._terminal = stream.isatty() if terminal is None else terminal
        self._stages: List[Stage] = []
        self._lock = threading.RLock()
        self._over = threading.Event()
        if self._terminal:
            threading.Thread(target=self._keep_up_to_date, daemon=True).start()

    @contextmanager
    def stage(self, title: str, total: int = 0) -> Iterator[Stage]:
        """Shows a stage at its beginning and at its end. With `total`, `step` counts its steps."""
        stage = Stage(title, total)
        begun = self._clock()
        with self._lock:
            self._stages.append(stage)
            if not self._terminal:
                self._line(f"{title} ...")
            self._update()
        try:
            yield stage
        except BaseException:
            stage.result = stage.result or "FAILED"
            raise
        finally:
            with self._lock:
                self._stages.remove(stage)
                self._line(f"{title}: {stage.result or 'done'}, {self._clock() - begun:.1f} s")
                self._update()

    def step(self, stage: Stage, line: str = "", count: int = 1) -> None:
        """Steps of a stage are done; the line says which and how."""
        with self._lock:
            stage.done += count
            if line:
                self._line(line)
            self._update()

    def report(self, text: str) -> None:
        """Prints a failure or a table to standard output, not into the line that is kept up to date."""
        with self._lock:
            if self._terminal:
                self._stream.write(CLEAR)
                self._stream.flush()
            print(text, flush=True)
            self._update()

    def end(self) -> None:
        """Nothing more is shown."""
        self._over.set()
        with self._lock:
            if self._terminal:
                self._stream.write(CLEAR)
                self._stream.flush()

    def _line(self, text: str) -> None:
        clear = CLEAR if self._terminal else ""
        self._stream.write(f"{clear}{self._seconds()} {text}\n")
        self._stream.flush()

    def _update(self) -> None:
        if self._terminal and self._stages and not self._over.is_set():
            inner = [stage for stage in self._stages if not any(other.title.startswith(f"{stage.title}:") for other in self._stages)]
            shown = ", ".join(stage.shown() for stage in inner)
            self._stream.write(f"{CLEAR}{self._seconds()} {shown}"[:120])
            self._stream.flush()

    def _seconds(self) -> str:
        return f"{self._clock() - self._start:5.0f} s "

    def _keep_up_to_date(self) -> None:
        while not self._over.wait(PERIOD):
            with self._lock:
                self._update()


progress = Progress(sys.stderr)
"""The progress of this run."""

report = progress.report
