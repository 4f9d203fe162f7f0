"""Runs vectors against adapters and says which ones do not hold."""

from __future__ import annotations

import os
from typing import Callable, Collection, Dict, Iterator, List

from adapter import Adapter, AdapterFailure, GivenUp
from languages import LANGUAGES, NotRun, build, command_of
from layers import Case, cases
from table import Table
from vectors import LAYERS, Vector, load

SHOWN_MISMATCHES = 10
"""Mismatches printed in full for one layer in one language; of the others only the ids."""

SHOWN_CHARACTERS = 400
"""Characters printed of one line."""

Print = Callable[[str], None]


class UnknownId(Exception):
    """An id that no vector has."""


def run(table: Table, only: Collection[str], ids: Collection[str], say: Print = print) -> None:
    """Every vector, or those of `ids`, in every language, or those of `only`."""
    layers = chosen(ids)
    for language in LANGUAGES:
        if only and language.name not in only:
            continue
        try:
            build(language)
        except NotRun as reason:
            table.not_run(language.name, str(reason), failure=not reason.lacking or os.environ.get("CI") == "true")
            continue
        run_row(table, language.name, Adapter(command_of(language.adapter), language.environment), layers, say)


def chosen(ids: Collection[str]) -> Dict[str, List[Vector]]:
    """The vectors of each layer that has any of `ids`, or all.

    Raises UnknownId where one of them is no vector's.
    """
    layers = {layer: load(layer) for layer in LAYERS}
    known = {vector["id"] for vectors in layers.values() for vector in vectors}
    unknown = sorted(set(ids) - known)
    if unknown:
        raise UnknownId(f"no vector {', '.join(unknown)}")
    if ids:
        layers = {layer: [vector for vector in vectors if vector["id"] in ids] for layer, vectors in layers.items()}
    return {layer: vectors for layer, vectors in layers.items() if vectors}


def run_row(table: Table, name: str, adapter: Adapter, layers: Dict[str, List[Vector]], say: Print = print) -> None:
    """One row of the table; the adapter is closed behind it."""
    try:
        for layer, vectors in layers.items():
            failed = run_layer(adapter, f"{name}: {layer}", layer, vectors, say)
            table.count(name, layer, len(vectors) - failed, len(vectors))
    except GivenUp as reason:
        table.not_run(name, str(reason), failure=True)
    try:
        adapter.close()
    except AdapterFailure as failure:
        say(f"{name}: the adapter {failure}\n")
        table.failed = True


def run_layer(adapter: Adapter, title: str, layer: str, vectors: List[Vector], say: Print) -> int:
    """Asks the adapter about each vector and says what does not hold; returns how many do not."""
    failed: List[str] = []
    for vector in vectors:
        lines = mismatch(adapter, layer, vector)
        if lines:
            failed.append(vector["id"])
            if len(failed) <= SHOWN_MISMATCHES:
                say("\n".join([f"{title}: {lines[0]}", *(f"    {line}" for line in lines[1:]), ""]))
    if len(failed) > SHOWN_MISMATCHES:
        say(f"{title}: also {' '.join(failed[SHOWN_MISMATCHES:])}\n")
    return len(failed)


def mismatch(adapter: Adapter, layer: str, vector: Vector) -> List[str]:
    """The first case of a vector that does not hold, for people; no lines if all do."""
    for case in cases(layer, vector):
        try:
            answer = adapter.ask(case.request)
        except AdapterFailure as failure:
            answer = f"({failure})"
        if not case.passes(answer):
            return list(told(vector, case, answer))
    return []


def told(vector: Vector, case: Case, answer: str) -> Iterator[str]:
    """One mismatch, line by line."""
    expected = case.expected + (" …" if case.open else "")
    start = max(0, len(os.path.commonprefix([expected, answer])) - SHOWN_CHARACTERS // 2)
    yield f"{vector['id']} {' '.join(vector['requires'])}: {vector['why']}"
    yield f"{case.how}: {excerpt(case.request, 0)}"
    yield f"expected: {excerpt(expected, start)}"
    yield f"got:      {excerpt(answer, start)}"


def excerpt(text: str, start: int) -> str:
    """A long line's part that matters: both lines of a pair from the same place."""
    if len(text) <= SHOWN_CHARACTERS:
        return text
    part = text[start : start + SHOWN_CHARACTERS]
    return f"[{start}..{start + len(part)} of {len(text)}] {part}"
