"""The parts of a run, as data: the name of each, what it does, and the rows that can be picked for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Collection, List, Sequence, Tuple

import conformance
import differential
import grammar
import hostile
import live
import own
import packages
import returning
import tags
import transfers
from artefacts import PACKAGES
from building import build_windows_hub
from languages import LANGUAGES
from table import Table

ROWS = tuple(language.name for language in LANGUAGES)


@dataclass(frozen=True)
class Options:
    """What the options of the command line choose."""

    count: int = differential.COUNT
    sessions: int = differential.SESSIONS
    seed: int = differential.SEED
    cases: Sequence[str] = ()


@dataclass(frozen=True)
class Part:
    """One part. `run` fills the table, with the rows that were picked, or with all if none was."""

    name: str
    help: str
    rows: Tuple[str, ...]
    run: Callable[[Table, Collection[str], Options], None]


PARTS = (
    Part("tests", "run each peer's own tests", ROWS, lambda table, rows, options: own.run(table, rows)),
    Part("conform", "test each peer with `bookend conform`", ROWS, lambda table, rows, options: conformance.run(table, rows, options.cases)),
    Part(
        "differential",
        "compare the peers' answers to generated cases with Rust's",
        ROWS[1:],
        lambda table, rows, options: differential.run(table, rows, options.count, options.sessions, options.seed),
    ),
    Part("live", "let all peers talk through the hub", ROWS, lambda table, rows, options: live.run(table, rows)),
    Part(
        "returning",
        "let peers be away while a hub with a history ends and starts again",
        returning.NAMES,
        lambda table, rows, options: returning.run(table, rows),
    ),
    Part(
        "windows",
        "let some peers talk through a hub on Windows (Wine)",
        ("rust-windows",),
        lambda table, rows, options: live.run(table, ("rust", "rust-windows", "python", "c"), build_hub=build_windows_hub),
    ),
    Part(
        "transfers",
        "move files between the programs of Rust, Python and C, and resume them",
        transfers.NAMES,
        lambda table, rows, options: transfers.run(table, rows),
    ),
    Part("hostile", "send every invalid vector to the hub", (), lambda table, rows, options: hostile.run(table)),
    Part(
        "packages",
        "build each package, install it into an empty folder, and run its example",
        tuple(dict.fromkeys([package.language for package in PACKAGES] + [package.name for package in PACKAGES])),
        lambda table, rows, options: packages.run(table, rows, PACKAGES),
    ),
    Part("grammar", "match every vector with the grammar of SPEC.md", (), lambda table, rows, options: grammar.run(table)),
    Part("tags", "count by what each requirement of SPEC.md is asked", (), lambda table, rows, options: tags.run(table)),
)


class Refused(Exception):
    """Words of the command line that mean nothing."""


def chosen(words: Sequence[str]) -> List[Tuple[Part, Tuple[str, ...]]]:
    """The parts that the words of the command line name, or all, each with its rows among the words.

    If rows are picked, a part without any of them is left out. Raises Refused for an unknown word, and for a part that is
    named but has none of the rows.
    """
    names = [part.name for part in PARTS]
    known = list(dict.fromkeys(row for part in PARTS for row in part.rows))
    unknown = [word for word in words if word not in names and word not in known]
    if unknown:
        raise Refused(f"unknown: {' '.join(unknown)}\nparts: {' '.join(names)}\nrows: {' '.join(known)}")
    rows = [word for word in words if word not in names]
    selected = []
    for part in PARTS:
        picked = tuple(row for row in rows if row in part.rows)
        if part.name in words and rows and not picked:
            raise Refused(f"{part.name} has no row {' '.join(rows)}\nits rows: {' '.join(part.rows) or 'none can be picked'}")
        if (part.name in words or not any(name in words for name in names)) and (picked or not rows):
            selected.append((part, picked))
    if not selected:
        raise Refused(f"no part has the row {' '.join(rows)}")
    return selected
