"""Wine's server, which all programs for Windows share."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from languages import WINE_ENVIRONMENT, WINE_PREFIX

SERVER = "/usr/lib/wine/wineserver64"


def start_wine() -> None:
    """Starts Wine's server, so that no program starts it with its own standard output."""
    WINE_PREFIX.mkdir(parents=True, exist_ok=True)
    wine_server("-p")


def end_wine() -> None:
    """Ends Wine's server and every process that programs under Wine have left running."""
    if not WINE_PREFIX.exists():
        return
    wine_server("-k")
    mark = f"WINEPREFIX={WINE_PREFIX}".encode()
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark in environment.read_bytes().split(b"\0"):
                os.kill(int(environment.parent.name), signal.SIGKILL)
        except OSError:
            continue  # it has ended, or belongs to another user


def wine_server(option: str) -> None:
    """Runs Wine's server with an option."""
    nothing = subprocess.DEVNULL
    subprocess.run((SERVER, option), env={**os.environ, **WINE_ENVIRONMENT}, stdin=nothing, stdout=nothing, stderr=nothing)
