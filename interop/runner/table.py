"""The table that a part of the run prints: a row for each language, and columns that the part adds."""

from __future__ import annotations

from typing import Dict, List


class Table:
    """Cells by row and column. The row of a language that did not run has the reason, and never counts as a pass."""

    def __init__(self) -> None:
        self.failed = False
        self._columns: List[str] = []
        self._rows: Dict[str, Dict[str, str]] = {}
        self._not_run: Dict[str, str] = {}

    def count(self, row: str, column: str, passed: int, total: int) -> None:
        """Puts `passed/total` into a cell; fewer than all is a failure."""
        if column not in self._columns:
            self._columns.append(column)
        self._rows.setdefault(row, {})[column] = f"{passed}/{total}"
        self.failed |= passed < total

    def not_run(self, row: str, reason: str, failure: bool) -> None:
        """Records why a row is empty."""
        self._rows.setdefault(row, {})
        self._not_run[row] = f"not run ({reason})"
        self.failed |= failure

    def lines(self) -> List[str]:
        """The table as text."""
        names = max(map(len, self._rows), default=0)
        widths = {column: max(len(column), *(len(row.get(column, "")) for row in self._rows.values())) for column in self._columns}
        lines = ["  ".join([" " * names, *(column.rjust(widths[column]) for column in self._columns)])]
        for name, row in self._rows.items():
            cells = [row.get(column, "").rjust(widths[column]) for column in self._columns]
            lines.append("  ".join([name.ljust(names), *([self._not_run[name]] if name in self._not_run else cells)]).rstrip())
        return lines
