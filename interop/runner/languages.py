"""The peers: the folder of each one, how it is built and tested, and how its programs are started."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import List, Mapping, Optional, Sequence, Set, Tuple

ROOT = Path(__file__).resolve().parents[2]
CARGO = ("cargo", "build", "--quiet", "--release", "-p")


C_BUILD = "interop/build/c"
C_LIBRARY = tuple(sorted(str(path.relative_to(ROOT)) for path in (ROOT / "interop/c").glob("bookend_*.c")))
C_FLAGS = ("-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", "-pedantic", "-o")
WINE = "/usr/lib/wine/wine64"
WINE_SERVER = "/usr/lib/wine/wineserver64"
WINE_START = ((WINE, "wineboot", "--init"), (WINE, "cmd", "/c", "exit"))
"""After the second command every service that a program needs is running, which may take half a minute."""
WINE_PREFIX = ROOT / "interop/build/wine"
WINE_ENVIRONMENT = {"WINEDEBUG": "-all", "WINEPREFIX": str(WINE_PREFIX)}
"""Wine prints no messages of its own, and keeps its files out of the home directory."""

WINDOWS_TARGET = "x86_64-pc-windows-gnu"
WINDOWS_COMPILER = "x86_64-w64-mingw32-gcc"
WINDOWS_BUILD = (
    ("cargo", "build", "--quiet", "--config", "profile.dev.debug=0", "--target", WINDOWS_TARGET, "-p", "bookend-server", "-p", "bookend-cli", "-p", "bookend-adapter"),
    (WINDOWS_COMPILER, "-shared", "-o", "{windows}/bcryptprimitives.dll", "interop/windows/bcryptprimitives.c", "-ladvapi32"),
    *WINE_START,
)
"""Builds the Rust programs for Windows, including the hub, and starts Wine."""

CSHARP_BUILD = "interop/build/csharp"
CSHARP_LIBRARY = tuple(
    f"interop/csharp/{name}.cs" for name in ("Fault", "Frame", "Text", "Hello", "Message", "Clock", "SessionAction", "Session", "Connection")
)
CORE_TESTS = ("--lib", "--test", "vectors", "--test", "connection", "--test", "explained", "--test", "adverse")
"""Tests of the crate `bookend` that may behave differently on another machine."""

JAVASCRIPT_TESTS = tuple(sorted(str(path.relative_to(ROOT)) for path in (ROOT / "interop/javascript/test").glob("*.test.js")))
JAVA_SOURCES = tuple(sorted(str(path.relative_to(ROOT)) for path in (ROOT / "interop/java").glob("*/org/bookend/*.java")))
JAVA = ("java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", "interop/build/java")
"""Without optimisations that pay off only in long-running programs."""

MCS = ("mcs", "-langversion:7", "-optimize+", "-warnaserror")


class NotRun(Exception):
    """The peer cannot be run here; `lacking` if the only reason is a missing tool."""

    def __init__(self, reason: str, lacking: bool = False) -> None:
        super().__init__(reason)
        self.lacking = lacking

    @property
    def is_failure(self) -> bool:
        """Whether not running is a failure: always in CI, elsewhere unless a tool is missing."""
        return not self.lacking or os.environ.get("CI") == "true"


@dataclass(frozen=True)
class Language:
    """One row of the table. Commands run in the root of the repository."""

    name: str
    folder: str
    tools: Tuple[str, ...]
    build: Tuple[Tuple[str, ...], ...]
    adapter: Tuple[str, ...]
    chat: Tuple[str, ...]
    tests: Tuple[Tuple[str, ...], ...]
    """The peer's own tests: commands that must exit with 0, in this order; one may build what the next one runs."""
    environment: Mapping[str, str] = field(default_factory=dict)


def c_build(name: str, compiler: Sequence[str], suffix: str = "", libraries: Sequence[str] = ()) -> Tuple[Tuple[str, ...], ...]:
    """The commands that build the C adapter and chat client into the folder `name`."""
    folder = f"interop/build/{name}"
    adapter = ("interop/c/adapter.c", "interop/c/adapter_session.c", "interop/c/adapter_words.c")
    chat = ("interop/c/chat.c", "interop/c/net.c", "interop/c/options.c", "interop/c/show.c")
    return (
        ("mkdir", "-p", folder),
        (*compiler, *C_FLAGS, f"{folder}/bookend-adapter{suffix}", *adapter, *C_LIBRARY),
        (*compiler, *C_FLAGS, f"{folder}/bookend-chat{suffix}", *chat, *C_LIBRARY, *libraries),
    )


def c_tests(name: str, compiler: Sequence[str], emulator: Sequence[str] = (), suffix: str = "") -> Tuple[Tuple[str, ...], ...]:
    """The commands that build and run the tests of the C peer."""
    program = f"interop/build/{name}/bookend-test{suffix}"
    return ((*compiler, *C_FLAGS, program, "interop/c/test.c", "interop/c/test_session.c", "interop/c/test_transfer.c", *C_LIBRARY), (*emulator, program))


def c_elsewhere(name: str, compiler: str, emulator: Tuple[str, ...]) -> Language:
    """The C peer for another machine, linked statically because this machine lacks its libraries."""
    return Language(
        name=name,
        folder="interop/c",
        tools=(compiler, *emulator),
        build=c_build(name, (compiler, "-static", "-Wl,--no-warnings")),
        adapter=(*emulator, f"interop/build/{name}/bookend-adapter"),
        chat=(*emulator, f"interop/build/{name}/bookend-chat"),
        tests=c_tests(name, (compiler, "-static"), emulator),
    )


LANGUAGES = (
    Language(
        name="rust",
        folder="interop/rust",
        tools=("cargo",),
        build=((*CARGO, "bookend-adapter", "-p", "bookend-cli"),),
        adapter=("{rust}/bookend-adapter",),
        chat=("{rust}/bookend", "chat"),
        tests=(("cargo", "test", "--quiet", "-p", "bookend"),),
    ),
    Language(
        name="python",
        folder="interop/python",
        tools=(),
        build=(),
        adapter=(sys.executable, "-m", "bookend.adapter"),
        chat=(sys.executable, "-m", "bookend.chat"),
        tests=((sys.executable, "-W", "error", "-m", "unittest", "discover", "-s", "interop/python/tests"),),
        environment={"PYTHONPATH": str(ROOT / "interop/python/src")},
    ),
    Language(
        name="c",
        folder="interop/c",
        tools=("cc",),
        build=c_build("c", ("cc",)),
        adapter=("{c}/bookend-adapter",),
        chat=("{c}/bookend-chat",),
        tests=(("make", "--no-print-directory", "-C", "interop/c", "BUILD=../build/c", "test"),),
    ),
    Language(
        name="rust-windows",
        folder="interop/rust",
        tools=("cargo", WINDOWS_COMPILER, WINE),
        build=WINDOWS_BUILD,
        adapter=(WINE, "{windows}/bookend-adapter.exe"),
        chat=(WINE, "{windows}/bookend.exe", "chat"),
        tests=(
            ("cp", "{windows}/bcryptprimitives.dll", "{windows}/deps"),
            ("cargo", "test", "--quiet", "--config", "profile.dev.debug=0", "--target", WINDOWS_TARGET, "-p", "bookend", *CORE_TESTS),
        ),
        environment={**WINE_ENVIRONMENT, "CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER": WINE},
    ),
    c_elsewhere("c-32-bit", "i686-linux-gnu-gcc", ()),
    c_elsewhere("c-big-endian", "s390x-linux-gnu-gcc", ("qemu-s390x",)),
    Language(
        name="c-windows",
        folder="interop/c",
        tools=(WINDOWS_COMPILER, WINE),
        build=(
            *c_build("c-windows", (WINDOWS_COMPILER,), ".exe", ("-lws2_32",)),
            *WINE_START,
        ),
        adapter=(WINE, "interop/build/c-windows/bookend-adapter.exe"),
        chat=(WINE, "interop/build/c-windows/bookend-chat.exe"),
        tests=c_tests("c-windows", (WINDOWS_COMPILER,), (WINE,), ".exe"),
        environment=WINE_ENVIRONMENT,
    ),
    Language(
        name="javascript",
        folder="interop/javascript",
        tools=("node",),
        build=(),
        adapter=("node", "interop/javascript/adapter.js"),
        chat=("node", "interop/javascript/chat.js"),
        tests=(("node", "--test", *JAVASCRIPT_TESTS),),
    ),
    Language(
        name="csharp",
        folder="interop/csharp",
        tools=("mcs", "mono"),
        build=(
            (*MCS, f"-out:{CSHARP_BUILD}/adapter.exe", "interop/csharp/Adapter.cs", *CSHARP_LIBRARY),
            (*MCS, f"-out:{CSHARP_BUILD}/chat.exe", "interop/csharp/Chat.cs", *CSHARP_LIBRARY),
        ),
        adapter=("mono", f"{CSHARP_BUILD}/adapter.exe"),
        chat=("mono", f"{CSHARP_BUILD}/chat.exe"),
        tests=(
            (*MCS, f"-out:{CSHARP_BUILD}/test.exe", "interop/csharp/Test.cs", "interop/csharp/StreamConnection.cs", *CSHARP_LIBRARY),
            ("mono", f"{CSHARP_BUILD}/test.exe"),
        ),
    ),
    Language(
        name="go",
        folder="interop/go",
        tools=("go",),
        build=(("sh", "-c", "cd interop/go && go build -buildvcs=false -o ../build/go/ ./cmd/..."),),
        adapter=("interop/build/go/adapter",),
        chat=("interop/build/go/chat",),
        tests=(("sh", "-c", 'cd interop/go && test -z "$(gofmt -l .)" && go vet ./... && go test -race ./...'),),
    ),
    Language(
        name="java",
        folder="interop/java",
        tools=("javac", "java"),
        build=(("javac", "-Xlint:all", "-Werror", "-d", "interop/build/java", *JAVA_SOURCES),),
        adapter=(*JAVA, "org.bookend.Adapter"),
        chat=(*JAVA, "org.bookend.Chat"),
        tests=((*JAVA, "org.bookend.Tests"),),
    ),
)


@dataclass(frozen=True)
class Files:
    """The program of a language that sends and receives files."""

    build: Tuple[Tuple[str, ...], ...]
    command: Tuple[str, ...]


FILES = {
    "rust": Files(
        build=((*CARGO, "bookend", "--features", "transfer", "--example", "file_transfer"),),
        command=("{rust}/examples/file_transfer",),
    ),
    "python": Files(build=(), command=(sys.executable, "-m", "bookend.files")),
    "c": Files(
        build=(
            ("mkdir", "-p", C_BUILD),
            ("cc", *C_FLAGS, "{c}/bookend-transfer-adapter", "interop/c/transfer_adapter.c", *C_LIBRARY),
            ("cc", *C_FLAGS, "{c}/bookend-transfer", "interop/c/transfer.c", "interop/c/net.c", *C_LIBRARY),
        ),
        command=("{c}/bookend-transfer",),
    ),
}

_built: Set[str] = set()
"""The languages whose programs are already built."""

_rust: Optional[Path] = None
"""The folder of the Rust programs, if they are already built."""


def use_rust_from(folder: Path) -> None:
    """Uses the Rust programs in a folder instead of building them."""
    global _rust
    _rust = folder.resolve()


def command_of(words: Sequence[str]) -> List[str]:
    """A command of the table, with its placeholders replaced by the build folders."""
    target = Path(os.environ.get("CARGO_TARGET_DIR") or "target")
    folders = {
        "{rust}": str(_rust or ROOT / target / "release"),
        "{windows}": str(ROOT / target / WINDOWS_TARGET / "debug"),
        "{c}": str(ROOT / C_BUILD),
    }
    return [re.sub(r"^\{\w+\}", lambda place: folders[place[0]], word) for word in words]


def build_hub() -> Sequence[str]:
    """Builds the hub and returns the command that starts it. Raises NotRun as `build` does."""
    return build_rust("bookend-server", "bookend-server")


def build_rust(package: str, program: str) -> Sequence[str]:
    """Builds a program in Rust and returns the command that starts it. Raises NotRun as `build` does."""
    if _rust is None:
        if shutil.which("cargo") is None:
            raise NotRun("no cargo", lacking=True)
        if subprocess.run((*CARGO, package), cwd=ROOT).returncode != 0:
            raise NotRun("build failed")
    return command_of((f"{{rust}}/{program}",))


def build_files(name: str) -> Tuple[Sequence[str], Mapping[str, str]]:
    """Builds the program of a language that sends and receives files, and returns its command and environment.

    Raises NotRun as `build` does.
    """
    language = next(language for language in LANGUAGES if language.name == name)
    missing = missing_tool(language)
    if missing is not None:
        raise NotRun(f"no {missing}", lacking=True)
    for command in FILES[name].build:
        built = _rust is not None and command[0] == "cargo"
        if not built and subprocess.run(command_of(command), cwd=ROOT).returncode != 0:
            raise NotRun("build failed")
    return command_of(FILES[name].command), language.environment


def build_windows_hub() -> Sequence[str]:
    """Builds the hub for Windows and returns the command that starts it. Raises NotRun as `build` does."""
    build(next(language for language in LANGUAGES if language.name == "rust-windows"))
    return command_of((WINE, "{windows}/bookend-server.exe"))


def build(language: Language) -> None:
    """Builds the adapter and the chat client of a language.

    Raises NotRun if a tool or the folder is missing, or the build fails.
    """
    if language.name in _built:
        return
    missing = missing_tool(language)
    if missing is not None:
        raise NotRun(f"no {missing}", lacking=True)
    if not (ROOT / language.folder).is_dir():
        raise NotRun(f"no {language.folder}")
    (ROOT / CSHARP_BUILD).mkdir(parents=True, exist_ok=True)
    if WINE in language.tools:
        start_wine()
    for command in language.build:
        built = _rust is not None and command[0] == "cargo" and "--target" not in command
        built |= "wineboot" in command and (WINE_PREFIX / "system.reg").exists()
        if not built and subprocess.run(command_of(command), cwd=ROOT, env={**os.environ, **language.environment}).returncode != 0:
            raise NotRun(f"build failed: {' '.join(command)}")
    _built.add(language.name)


def start_wine() -> None:
    """Starts Wine's server, which its programs share, so that none of them starts it with its own standard output."""
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
    subprocess.run((WINE_SERVER, option), env={**os.environ, **WINE_ENVIRONMENT}, stdin=nothing, stdout=nothing, stderr=nothing)


def missing_tool(language: Language) -> Optional[str]:
    """The first tool that the language needs but this machine lacks."""
    return next((tool for tool in language.tools if shutil.which(tool) is None), None)
