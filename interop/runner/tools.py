"""The tools that the peers and the parts need: whether this machine has them, and what brings the missing ones."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path
from typing import Iterable, List

TARGET = "rust target "
"""Before the name of a target: its standard library, which the Rust compiler has for its own target only."""

MODULE = "python module "
"""Before the name of a module that is not part of Python."""

DEBIAN = {
    "cc": "build-essential",
    "make": "build-essential",
    "cmake": "cmake",
    "pkg-config": "pkg-config",
    "git": "git",
    "i686-linux-gnu-gcc": "gcc-i686-linux-gnu libc6-dev-i386-cross",
    "s390x-linux-gnu-gcc": "gcc-s390x-linux-gnu libc6-dev-s390x-cross",
    "qemu-s390x": "qemu-user",
    "x86_64-w64-mingw32-gcc": "gcc-mingw-w64-x86-64",
    "/usr/lib/wine/wine64": "wine64",
    "node": "nodejs",
    "npm": "npm",
    "mcs": "mono-mcs",
    "mono": "mono-runtime",
    "/usr/lib/mono/4.5/System.Core.dll": "libmono-system-core4.0-cil",
    "go": "golang-go",
    "gofmt": "golang-go",
    "java": "default-jdk-headless",
    "javac": "default-jdk-headless",
    "mvn": "maven libmaven-compiler-plugin-java libmaven-jar-plugin-java libmaven-resources-plugin-java"
    " libmaven-source-plugin-java libsurefire-java",
    "elixir": "elixir",
    "elixirc": "elixir",
    "mix": "elixir",
    "erl": "erlang-nox",
    "erlc": "erlang-nox",
    "escript": "erlang-nox",
}
"""The Debian packages that bring a tool."""

OTHERWISE = {
    "cargo": "Rust from https://rustup.rs",
    "rustc": "Rust from https://rustup.rs",
}
"""What brings a tool that the packages of Debian do not have, or have too old."""


@lru_cache(maxsize=None)
def is_present(tool: str) -> bool:
    """Whether this machine has a tool: a command, a file, a target of the Rust compiler or a module of Python."""
    if tool.startswith(MODULE):
        return importlib.util.find_spec(tool[len(MODULE) :]) is not None
    if tool.startswith(TARGET):
        if shutil.which("rustc") is None:
            return False
        command = ("rustc", "--print", "target-libdir", "--target", tool[len(TARGET) :])
        printed = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
        return bool(printed.strip()) and Path(printed.strip()).is_dir()
    return Path(tool).exists() if tool.startswith("/") else shutil.which(tool) is not None


def missing(tools: Iterable[str]) -> List[str]:
    """Those of the tools that this machine lacks."""
    return [tool for tool in tools if not is_present(tool)]


def bringing(tools: Iterable[str]) -> List[str]:
    """What brings these tools: a command for Debian, and one line for each of the others."""
    debian: List[str] = []
    others: List[str] = []
    for tool in tools:
        if tool in DEBIAN:
            debian += DEBIAN[tool].split()
        elif tool.startswith(TARGET):
            others.append(f"rustup target add {tool[len(TARGET) :]}")
        elif tool.startswith(MODULE):
            others.append(f"pip install {tool[len(MODULE) :]}")
        else:
            others.append(OTHERWISE.get(tool, tool))
    packages = [f"apt-get install {' '.join(dict.fromkeys(debian))}"] if debian else []
    return packages + list(dict.fromkeys(others))
