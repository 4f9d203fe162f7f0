"""The peers, as data: the folder of each one, how it is built and tested, and how its programs are started."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Mapping, Sequence, Tuple

from tools import TARGET

ROOT = Path(__file__).resolve().parents[2]
CARGO = ("cargo", "build", "--quiet", "--release", "-p")

C_BUILD = "interop/build/c"
C_LIBRARY = tuple(sorted(str(path.relative_to(ROOT)) for path in (ROOT / "interop/c").glob("bookend_*.c")))
C_FLAGS = ("-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", "-pedantic", "-o")
WINE = "/usr/lib/wine/wine64"
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
    f"interop/csharp/{name}.cs" for name in ("Fault", "Frame", "Text", "Hello", "Message", "History", "Clock", "Requests", "SessionAction", "Session", "Connection")
)
CORE_TESTS = ("--lib", "--test", "vectors", "--test", "connection", "--test", "explained", "--test", "adverse")
"""Tests of the crate `bookend` that may behave differently on another machine."""

JAVASCRIPT_TESTS = tuple(sorted(str(path.relative_to(ROOT)) for path in (ROOT / "interop/javascript/test").glob("*.test.js")))
JAVA_SOURCES = tuple(sorted(str(path.relative_to(ROOT)) for path in (ROOT / "interop/java").glob("*/org/bookend/*.java")))
JAVA = ("java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", "interop/build/java")
"""Without optimisations that pay off only in long-running programs."""

ELIXIR_BUILD = ROOT / "interop/build/elixir"
ELIXIR = ("elixir", "--erl", "+fnu +Bd", "-pa", "interop/build/elixir/lib/bookend/ebin", "-e")
"""Takes arguments as UTF-8 in any locale, and ends at Ctrl-C."""

MCS = ("mcs", "-langversion:7", "-optimize+", "-warnaserror")


@dataclass(frozen=True)
class Language:
    """One row of the table. Commands run in the root of the repository."""

    name: str
    folder: str
    tools: Tuple[str, ...]
    """What `build`, `adapter` and `chat` need (tools.py). What only `tests` needs is found by the names of its commands."""
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
    return ((*compiler, *C_FLAGS, program, "interop/c/test.c", "interop/c/test_order.c", "interop/c/test_session.c", "interop/c/test_transfer.c", *C_LIBRARY), (*emulator, program))


def example(folder: str, name: str, file: str) -> Tuple[str, ...]:
    """The command that writes the program in a README which declares `class NAME` into a file."""
    program = f'/^```/ {{ if (block ~ /class {name}/) printf "%s", block; block = ""; next }} {{ block = block $0 "\\n" }}'
    return ("sh", "-c", f"awk '{program}' {folder}/README.md >{file}")


def prints(text: str, command: str) -> Tuple[str, ...]:
    """The command that fails unless another one prints exactly this line."""
    return ("sh", "-c", f'test "$({command})" = "{text}"')


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
        tools=("cargo", TARGET + WINDOWS_TARGET, WINDOWS_COMPILER, WINE),
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
        tools=("mcs", "mono", "/usr/lib/mono/4.5/System.Core.dll"),
        build=(
            ("mkdir", "-p", CSHARP_BUILD),
            (*MCS, f"-out:{CSHARP_BUILD}/adapter.exe", "interop/csharp/Adapter.cs", *CSHARP_LIBRARY),
            (*MCS, f"-out:{CSHARP_BUILD}/chat.exe", "interop/csharp/Chat.cs", *CSHARP_LIBRARY),
        ),
        adapter=("mono", f"{CSHARP_BUILD}/adapter.exe"),
        chat=("mono", f"{CSHARP_BUILD}/chat.exe"),
        tests=(
            (*MCS, f"-out:{CSHARP_BUILD}/test.exe", "interop/csharp/Test.cs", "interop/csharp/TestOrder.cs", "interop/csharp/StreamConnection.cs", *CSHARP_LIBRARY),
            ("mono", f"{CSHARP_BUILD}/test.exe"),
            example("interop/csharp", "PrivateKinds", f"{CSHARP_BUILD}/PrivateKinds.cs"),
            (*MCS, f"-out:{CSHARP_BUILD}/private.exe", f"{CSHARP_BUILD}/PrivateKinds.cs", "interop/csharp/StreamConnection.cs", *CSHARP_LIBRARY),
            prints("position 12 7", f"mono {CSHARP_BUILD}/private.exe"),
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
        tests=(
            (*JAVA, "org.bookend.Tests"),
            example("interop/java", "PrivateKinds", "interop/build/java/PrivateKinds.java"),
            prints("position 12 7", " ".join((*JAVA, "interop/build/java/PrivateKinds.java"))),
        ),
    ),
    Language(
        name="elixir",
        folder="interop/elixir",
        tools=("elixir", "mix"),
        build=(("sh", "-c", "cd interop/elixir && mix compile --warnings-as-errors"),),
        adapter=(*ELIXIR, "Bookend.Adapter.main()"),
        chat=(*ELIXIR, "Bookend.Chat.main(System.argv())", "--"),
        tests=(("sh", "-c", "cd interop/elixir && mix format --check-formatted && MIX_BUILD_PATH=$MIX_BUILD_PATH-test mix test --warnings-as-errors"),),
        environment={"MIX_BUILD_PATH": str(ELIXIR_BUILD)},
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
