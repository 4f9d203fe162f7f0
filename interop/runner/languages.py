"""The peers: where each one lives, how it is built, how its adapter is started."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Mapping, Optional, Sequence, Tuple

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")


class NotRun(Exception):
    """The peer cannot be run here; `lacking` says that only a tool of this machine is missing."""

    def __init__(self, reason: str, lacking: bool = False) -> None:
        super().__init__(reason)
        self.lacking = lacking


@dataclass(frozen=True)
class Language:
    """One row of the table. Commands are started in the root of the repository."""

    name: str
    folder: str
    tools: Tuple[str, ...]
    build: Tuple[str, ...]
    adapter: Tuple[str, ...]
    chat: Tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


LANGUAGES = (
    Language(
        name="rust",
        folder="interop/rust",
        tools=("cargo",),
        build=("cargo", "build", "--quiet", "--release", "-p", "bookend-adapter", "-p", "bookend-client"),
        adapter=(str(ROOT / TARGET / "release" / "bookend-adapter"),),
        chat=(str(ROOT / TARGET / "release" / "bookend"), "chat"),
    ),
    Language(
        name="python",
        folder="interop/python",
        tools=(),
        build=(),
        adapter=(sys.executable, "-m", "bookend.adapter"),
        chat=(sys.executable, "-m", "bookend.chat"),
        environment={"PYTHONPATH": str(ROOT / "interop/python/src")},
    ),
    Language(
        name="c",
        folder="interop/c",
        tools=("make", "cc"),
        build=("make", "--silent", "-C", "interop/c", "BUILD=../build/c"),
        adapter=(str(ROOT / "interop/build/c/bookend-adapter"),),
        chat=(str(ROOT / "interop/build/c/bookend-chat"),),
    ),
)


def build_hub() -> Sequence[str]:
    """Builds the hub and returns the command that starts it. Raises NotRun as `build` does."""
    if shutil.which("cargo") is None:
        raise NotRun("no cargo", lacking=True)
    if subprocess.run(("cargo", "build", "--quiet", "--release", "-p", "bookend-server"), cwd=ROOT).returncode != 0:
        raise NotRun("build failed")
    return (str(ROOT / TARGET / "release" / "bookend-server"),)


def build(language: Language) -> None:
    """Builds the adapter and the chat peer of a language.

    Raises NotRun where a tool or the folder is missing, or the build fails.
    """
    missing = missing_tool(language)
    if missing is not None:
        raise NotRun(f"no {missing}", lacking=True)
    if not (ROOT / language.folder).is_dir():
        raise NotRun(f"no {language.folder}")
    if language.build and subprocess.run(language.build, cwd=ROOT).returncode != 0:
        raise NotRun("build failed")


def missing_tool(language: Language) -> Optional[str]:
    """The first tool that the language needs and this machine lacks."""
    return next((tool for tool in language.tools if shutil.which(tool) is None), None)
