"""The Hex package of the Elixir peer, made without Hex: https://github.com/hexpm/specifications, package_tarball.md."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path
from typing import Dict, Mapping, Sequence

from packages import PackageFailed, Work

METADATA = r"""
config = Mix.Project.config()
package = config[:package]
all = fn path -> if File.dir?(path), do: Path.wildcard(path <> "/**/*.ex"), else: [path] end

[
  {"name", to_string(config[:app])},
  {"version", config[:version]},
  {"app", to_string(config[:app])},
  {"description", config[:description]},
  {"elixir", config[:elixir]},
  {"licenses", package[:licenses]},
  {"links", Map.to_list(package[:links])},
  {"build_tools", ["mix"]},
  {"requirements", []},
  {"files", Enum.flat_map(package[:files], all)}
]
|> Enum.each(&IO.write(:io_lib.format("~tp.~n", [&1])))
"""
"""Prints `metadata.config`, Erlang terms, from what mix.exs states."""

PARTS = ("VERSION", "metadata.config", "contents.tar.gz")
"""What CHECKSUM covers, in this order."""

PROJECT = """
defmodule Example.MixProject do
  use Mix.Project
  def project, do: [app: :example, version: "0.1.0", deps: [{:bookend, path: "bookend"}]]
end
"""


def pack(work: Work) -> Path:
    """Makes the package."""
    work.environment["MIX_BUILD_PATH"] = str(work.clean / "build")
    work.environment["MIX_HOME"] = str(work.clean / "mix")
    metadata = work.run("mix", "run", "--no-compile", "--no-start", "-e", METADATA, cwd=work.stage)
    names = [name for name in metadata.split('"') if (work.stage / name).is_file()]
    contents = io.BytesIO()
    with tarfile.open(fileobj=contents, mode="w:gz") as archive:
        for name in names:
            archive.add(work.stage / name, name)
    parts = dict(zip(PARTS, (b"3", metadata.encode("utf-8"), contents.getvalue())))
    parts["CHECKSUM"] = checksum(parts).encode("ascii")
    version = metadata.partition('{<<"version">>,<<"')[2].partition('"')[0]
    path = work.clean / f"bookend-{version}.tar"
    with tarfile.open(path, "w") as archive:
        for name, octets in parts.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(octets)
            archive.addfile(entry, io.BytesIO(octets))
    return path


def checksum(parts: Mapping[str, bytes]) -> str:
    return hashlib.sha256(b"".join(parts[name] for name in PARTS)).hexdigest().upper()


def members(path: Path) -> Mapping[str, bytes]:
    """The files in `contents.tar.gz`. Raises PackageFailed if the package is not as Hex expects it."""
    parts = read_tar(path.read_bytes())
    if set(parts) != {*PARTS, "CHECKSUM"} or parts["CHECKSUM"].decode("ascii") != checksum(parts):
        raise PackageFailed(f"{path.name} is not a Hex package")
    return read_tar(parts["contents.tar.gz"])


def read_tar(octets: bytes) -> Dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(octets)) as archive:
        files = ((member.name, archive.extractfile(member)) for member in archive.getmembers())
        return {name: content.read() for name, content in files if content is not None}


def install(work: Work, package: Path) -> Sequence[str]:
    """Makes a project that depends on the unpacked package, and compiles it."""
    for name, octets in members(package).items():
        path = work.clean / "bookend" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(octets)
    work.write("mix.exs", PROJECT)
    work.write("example.exs", f'host = "{work.hub[0]}"', f"port = {work.hub[1]}", work.example("elixir"))
    work.run("mix", "compile", cwd=work.clean)
    return ("mix", "run", "example.exs")
