"""Runs `bookend conform` against one peer in one mode, and reads what failed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from mistakes import HERE, Mistake


class Result(NamedTuple):
    """What a test found: the failed cases, whether the tester reached its end, and the time in seconds."""

    failed: list[dict]
    finished: bool
    seconds: float


NOTHING_SELECTED = 2  # the exit status of the tester if no case of this mode cites a requirement
SIMPLIFIED = ("hub-look-alike", "hub-shown-names", "hub-reserved-names")  # cases that the unbroken hub fails, as the README says
TOKEN_OPTIONS = ("--token-file", "--reader-token-file", "--writer-token-file", "--refused-token-file")
Choice = Callable[[dict], bool]  # whether a case counts as failed, or makes the others unnecessary


def failed(case: dict) -> bool:
    """Whether a case counts for the unbroken peer. Advice counts only for a mistake that is against it."""
    return case["verdict"] == "failed"


def cites(case: dict, one: Mistake) -> bool:
    """Whether a failed case names a requirement that the mistake breaks."""
    return bool({tag["tag"] for tag in case["requires"]} & set(one.breaks))


def names(case: dict, one: Mistake) -> bool:
    """Whether the diagnosis or the fix of a failed case names the mistake."""
    said = f"{case.get('diagnosis') or ''} {case.get('fix') or ''}".lower()
    return any(re.search(rf"(?<!\w){re.escape(word.lower())}", said) for word in one.words)


def token_options(tokens: Path, folder: Path) -> list[str]:
    """The options that give the tester each token of a file, in their order."""
    words = []
    for option, entry in zip(TOKEN_OPTIONS, tomllib.loads(tokens.read_text())["token"], strict=True):
        file = folder / option.strip("-")
        file.write_text(entry["token"])
        words += [option, str(file)]
    return words


class Tester:
    """The program `bookend`, and the peer that it is given."""

    def __init__(self, bookend: str, peer: str | None, time_limit: float, whole: bool) -> None:
        self.bookend = bookend
        self.peer = [peer] if peer else [sys.executable, str(HERE / "peer")]
        self.time_limit = time_limit
        self.whole = whole

    def examine(self, one: Mistake, mode: str) -> Result:
        """Tests a peer with a mistake: first by the cases of the requirements that it breaks, then by all others."""
        planted = ["--mistake", one.id]
        hub = one.layer == "hub"

        def counts(case: dict) -> bool:
            return failed(case) or case["verdict"] == "not-strict" and cites(case, one)

        if not self.whole:
            result = self._run(mode, hub, one.options, planted, counts, lambda case: False, one.breaks)
            if result.failed:
                return result
        return self._run(mode, hub, one.options, planted, counts, lambda case: not self.whole and cites(case, one))

    def examine_sound(self, mode: str, hub: bool, options: tuple[str, ...], tags: list[str]) -> Result:
        """Tests the unbroken peer, with all cases or with those of some requirements."""
        return self._run(mode, hub, list(options), [], failed, lambda case: True, tags)

    def _run(self, mode: str, hub: bool, options: list[str], planted: list[str], counts: Choice, enough: Choice, tags: Sequence[str] = ()) -> Result:
        only = [word for tag in tags for word in ("--only", tag)]
        command = [self.bookend, "conform", "--json", "--strict", *only]
        peer = [*self.peer, *planted]
        if mode == "adapter":
            return self._conform([*command, "--timeout", "5", "--adapter", "--", *peer, "adapter"], counts, enough)
        if mode == "client":
            return self._conform([*command, "--client", "--", *peer, "client", "{address}"], counts, enough)
        server = [*peer, "hub", *options] if hub else [*peer, "server"]
        command += [word for case in SIMPLIFIED if hub for word in ("--skip", case)]
        with subprocess.Popen(server, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=HERE) as process:
            port = process.stdout.readline().strip()
            try:
                with tempfile.TemporaryDirectory() as folder:
                    if "--tokens" in options:
                        command += token_options(HERE / options[options.index("--tokens") + 1], Path(folder))
                    return self._conform([*command, "--server", f"127.0.0.1:{port}"], counts, enough)
            finally:
                process.kill()

    def _conform(self, command: list[str], counts: Choice, enough: Choice) -> Result:
        """Reads the cases as they are reported: those that count as failed, until one is enough."""
        began = time.monotonic()
        found: list[dict] = []
        finished = False
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True) as process:
            timer = threading.Timer(self.time_limit, process.terminate)
            timer.start()
            for line in process.stdout:
                case = json.loads(line)
                if "summary" in case:
                    finished = True
                elif counts(case):
                    found.append(case)
                    if enough(case):
                        process.terminate()
                        break
            timer.cancel()
            finished = finished or process.wait() == NOTHING_SELECTED
        return Result(found, finished, time.monotonic() - began)
