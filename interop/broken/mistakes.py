"""The planted mistakes: tables of data, each applied to the source of a module of the reference peer as it is loaded."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
LAYERS = ("codec", "session", "hub")
MODES = ("adapter", "server", "client")


class Edit(NamedTuple):
    """A text of a file of the reference peer, which occurs exactly once, and the text in its place."""

    file: str
    old: str
    new: str


class Mistake(NamedTuple):
    """A mistake: the requirements it breaks, the modes that can see it, and words that name it in a diagnosis or a fix."""

    id: str
    layer: str
    what: str
    breaks: list[str]
    seen: list[str]
    words: list[str]
    options: list[str]  # of the hub
    edits: list[Edit]


class BadTable(Exception):
    """A table that cannot be used; the text says why."""


def load() -> list[Mistake]:
    """All mistakes; raises BadTable."""
    mistakes = [mistake(layer, row) for layer in LAYERS for row in table(layer)["mistake"]]
    ids = [one.id for one in mistakes]
    for one in mistakes:
        if ids.count(one.id) > 1:
            raise BadTable(f"{one.id}: two mistakes have this id")
        if not one.breaks or not one.seen or set(one.seen) - set(MODES):
            raise BadTable(f"{one.id}: `breaks` and `seen` name requirements and modes")
        sources(one)
    return mistakes


def table(layer: str) -> dict:
    """The table of a layer."""
    return tomllib.loads((HERE / "mistakes" / f"{layer}.toml").read_text())


def thresholds() -> dict[str, int]:
    """How many percent of each layer's mistakes must be caught."""
    return {layer: table(layer)["threshold"] for layer in LAYERS}


def mistake(layer: str, row: dict) -> Mistake:
    """A mistake from its row."""
    edits = [Edit(one.get("file", row["file"]), one["old"], one["new"]) for one in [row, *row.get("also", [])]]
    words = row.get("words", [])
    return Mistake(row["id"], layer, row["what"], row["breaks"], row["seen"], words, row.get("options", []), edits)


def apply(one: Mistake, edit: Edit, source: str) -> str:
    """The source with an edit; raises BadTable if its text does not occur exactly once."""
    found = source.count(edit.old)
    if found != 1:
        raise BadTable(f"{one.id}: the text occurs {found} times in {edit.file}, not once: {edit.old!r}")
    return source.replace(edit.old, edit.new)


def sources(one: Mistake) -> dict[str, str]:
    """The files that a mistake changes, with the change; raises BadTable."""
    changed: dict[str, str] = {}
    for edit in one.edits:
        before = changed.get(edit.file) or (HERE / "reference" / edit.file).read_text()
        changed[edit.file] = apply(one, edit, before)
    return changed


class Loader(importlib.machinery.SourceFileLoader):
    """Loads a module with a mistake in it; nothing is written to a cache."""

    def __init__(self, name: str, path: str, source: str) -> None:
        super().__init__(name, path)
        self.source = source

    def get_code(self, fullname: str) -> object:
        return compile(self.source, self.path, "exec")


class Finder(importlib.abc.MetaPathFinder):
    """Finds the modules of the reference peer that have the mistake."""

    def __init__(self, one: Mistake) -> None:
        self.sources = sources(one)

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> object:
        package, _, module = fullname.partition(".")
        if package != "reference" or f"{module}.py" not in self.sources:
            return None
        file = str(HERE / "reference" / f"{module}.py")
        return importlib.util.spec_from_file_location(fullname, file, loader=Loader(fullname, file, self.sources[f"{module}.py"]))


def plant(id: str) -> None:
    """The reference peer, imported from now on, has the mistake of this id."""
    found = [one for one in load() if one.id == id]
    if not found:
        raise SystemExit(f"no mistake is called {id}; interop/broken/run --list shows them")
    sys.meta_path.insert(0, Finder(found[0]))
