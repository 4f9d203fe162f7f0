"""What a run has shown: a line for each part, what brings the missing tools, and the exit status."""

from __future__ import annotations

from typing import List, Mapping

from table import Table
from tools import bringing

PASSED, FAILED, INCOMPLETE = 0, 1, 3
"""Exit statuses."""


def summary(tables: Mapping[str, Table]) -> List[str]:
    """A line for each part, and what to install for those that are incomplete."""
    width = max(map(len, tables), default=0)
    lines = []
    for name, table in tables.items():
        rows = f" without {', '.join(table.lacking)}" if table.lacking else ""
        lines.append(f"{name.ljust(width)}  {table.verdict()}{rows}")
    missing = list(dict.fromkeys(tool for table in tables.values() for tools in table.lacking.values() for tool in tools))
    if missing:
        lines += [f"missing: {', '.join(missing)}", *(f"    {line}" for line in bringing(missing))]
    return lines


def status(tables: Mapping[str, Table]) -> int:
    """The exit status: a failure counts more than a missing tool."""
    if any(table.failed for table in tables.values()):
        return FAILED
    return INCOMPLETE if any(table.lacking for table in tables.values()) else PASSED
