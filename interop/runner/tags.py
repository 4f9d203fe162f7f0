"""By which mode each requirement of SPEC.md is asked: by a vector, by a test, or live of a server or of a client.

The live modes are asked by running `bookend conform` against the hub and against Rust's chat client: its report names the
requirements of every case, also of those that do not apply.
"""

from __future__ import annotations

import json
import re
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Set

from building import build, build_hub, build_rust, command_of, row
from languages import ROOT
from notrun import NotRun
from processes import PeerFailed, start_hub
from progress import progress, report
from table import Table
from vectors import LAYERS, NAMES, TRANSFERS, load

TIME_LIMIT = 300.0
"""Seconds that one run of the tester may take."""

TAG = re.compile(r"\[(R\d+\.\d+)\]")
REQUIREMENT = re.compile(r"^- \[(R\d+\.\d+)\]", re.MULTILINE)

WITH_TESTS = ("protocol", "server", "client", "cli", "interop/vectors", "tools")
"""Folders of crates whose tests cite tags; tools/tidy/tests/requirements.rs demands that each tag is cited."""

OF_A_PEER = ("vector", "server", "client")
"""The modes that ask any peer. A test asks only the implementation that it belongs to."""


class Modes(NamedTuple):
    """The tags that each mode asks, and why others are asked by none that asks a peer."""

    asked: Mapping[str, Set[str]]
    reasons: Optional[Mapping[str, str]]
    """None if the report of the tester has no list of them: then they are not judged."""


def run(table: Table) -> None:
    """Adds a row for each section of SPEC.md, with a column for each mode. A tag that no mode asks of a peer is a failure unless
    the report of the tester states a reason."""
    try:
        modes = found()
    except (NotRun, PeerFailed) as reason:
        table.not_run("tags", reason if isinstance(reason, NotRun) else str(reason))
        return
    enter(table, requirements((ROOT / "SPEC.md").read_text(encoding="utf-8")), modes)


def enter(table: Table, tags: Sequence[str], modes: Modes) -> None:
    """Fills the table, and names the tags that no mode asks of a peer."""
    sections: Dict[str, List[str]] = {}
    for tag in tags:
        sections.setdefault(tag.split(".")[0], []).append(tag)
    for section, members in [*sections.items(), ("all", list(tags))]:
        for mode, asked in modes.asked.items():
            table.show(section, mode, f"{sum(tag in asked for tag in members)}/{len(members)}")
        unasked = asked_of_no_peer(members, modes)
        table.show(section, "of no peer", str(len(unasked)))
        if modes.reasons is not None:
            table.count(section, "with reason", sum(tag in modes.reasons for tag in unasked), len(unasked))
    unasked = asked_of_no_peer(tags, modes)
    if modes.reasons is None:
        report(f"asked of no peer: {' '.join(unasked)}\nThe report of bookend conform has no coverage, so no reasons are known.")
        return
    for tag in unasked:
        report(f"{tag} is asked of no peer: {modes.reasons.get(tag, 'NO REASON')}")
    for tag in modes.reasons:
        if tag not in tags:
            report(f"{tag} has a reason not to be asked, but does not exist")
            table.failed = True


def asked_of_no_peer(tags: Iterable[str], modes: Modes) -> List[str]:
    """Those of the tags that only a test cites, or nothing."""
    return [tag for tag in tags if not any(tag in modes.asked[mode] for mode in OF_A_PEER)]


def requirements(page: str) -> List[str]:
    """The tags of SPEC.md by section and number, whatever their places."""
    return sorted(set(REQUIREMENT.findall(page)), key=lambda tag: [int(number) for number in tag[1:].split(".")])


def found() -> Modes:
    """Runs the tester, and reads the vectors and the tests. Raises NotRun or PeerFailed."""
    tester = [*build_rust("bookend-cli", "bookend"), "conform", "--json", "--quick"]
    hub = build_hub()
    build(row("rust"))
    with ExitStack() as stack:
        host, port = start_hub(hub, stack)
        server = reported([*tester, "--server", f"{host}:{port}"], "server")
    client = reported([*tester, "--client", "--", *command_of(row("rust").chat), "{address}"], "client")
    vectors = {tag for layer in (*LAYERS, TRANSFERS, NAMES) for vector in load(layer) for tag in vector["requires"]}
    asked = {"vector": vectors, "test": set(cited(ROOT)), "server": tags_of(server), "client": tags_of(client)}
    return Modes(asked, reasons_of(server))


def reported(command: Sequence[str], side: str) -> List[Dict[str, Any]]:
    """The report of one run of the tester: an object for each case, and the summary. Raises PeerFailed if there is none."""
    with progress.stage(f"tags: bookend conform --{side}") as stage:
        try:
            done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=TIME_LIMIT)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise PeerFailed(str(error)) from None
        objects: List[Dict[str, Any]] = [json.loads(line) for line in done.stdout.decode("utf-8").splitlines()]
        if not tags_of(objects):
            raise PeerFailed(f"`{' '.join(command)}` reports no requirements")
        stage.result = f"{len(tags_of(objects))} requirements"
    return objects


def tags_of(objects: Iterable[Mapping[str, Any]]) -> Set[str]:
    """The tags of all cases of a report."""
    return {requirement["tag"] for entry in objects for requirement in entry.get("requires", ())}


def reasons_of(objects: Iterable[Mapping[str, Any]]) -> Optional[Dict[str, str]]:
    """Why requirements are not asked of a server, as the tester states beside its checks: `coverage` in the summary of a report
    has, for each section, `outside` (not testable from outside) and `needs` (something that was not there), each a reason by
    tag. None if the report has no `coverage`."""
    sections = [section for one in objects for section in one.get("summary", {}).get("coverage", ())]
    return {tag: reason for section in sections for tag, reason in {**section["needs"], **section["outside"]}.items()} if sections else None


def cited(root: Path) -> Iterator[str]:
    """The tags that tests in Rust cite: in files of `tests` folders, and after `#[cfg(test)]` in others."""
    for folder in WITH_TESTS:
        for path in (root / folder).rglob("*.rs"):
            if "target" in path.parts:
                continue
            text = path.read_text(encoding="utf-8")
            is_test = "tests" in path.relative_to(root).parts or path.stem == "tests"
            yield from TAG.findall(text if is_test else text.partition("#[cfg(test)]")[2])
