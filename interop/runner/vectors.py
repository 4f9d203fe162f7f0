"""The vectors: reads them, checks them against their schema and converts them to the words of the adapter."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

from languages import ROOT
from schema import Schema

FOLDER = ROOT / "interop/vectors"
LAYERS = ("frames", "texts", "hellos", "messages", "sessions", "history")
"""What an adapter answers."""

TRANSFERS = "transfers"
"""What a library of transfers answers (SPEC 12)."""

NAMES = "names"
"""What a hub does (SPEC 9)."""

Vector = Dict[str, Any]


class BadVectors(Exception):
    """A file of vectors violates its schema."""


def load(layer: str, folder: Path = FOLDER) -> List[Vector]:
    """The vectors of one layer.

    Raises BadVectors if they violate the schema or an id occurs twice.
    """
    schema = Schema(read(folder / "schema.json"))
    document = read(folder / f"{layer}.json")
    errors = list(schema.errors(document, layer))
    if not errors:
        ids = [vector["id"] for vector in document["vectors"]]
        errors = [f"{name} occurs twice" for name in sorted(set(ids)) if ids.count(name) > 1]
    if errors:
        raise BadVectors("\n".join(f"{layer}.json: {error}" for error in errors))
    vectors: List[Vector] = document["vectors"]
    return vectors


def read(path: Path) -> Any:
    """JSON in which no name occurs twice in one object."""
    return json.loads(path.read_text(encoding="ascii"), object_pairs_hook=distinct)


def distinct(pairs: Sequence[Tuple[str, Any]]) -> Dict[str, Any]:
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        raise BadVectors(f"a name occurs twice among {names}")
    return dict(pairs)


def joined(parts: Any) -> str:
    """A string of a vector: its parts joined, without spaces."""
    if isinstance(parts, list):
        return "".join(joined(part) for part in parts)
    if isinstance(parts, dict):
        return joined(parts["repeat"]) * int(parts["times"])
    return str(parts).replace(" ", "")


def hexed(parts: Any) -> str:
    """Bytes as the adapter writes them; no bytes are `-`."""
    return joined(parts) or "-"
