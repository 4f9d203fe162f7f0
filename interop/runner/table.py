"""The table that a part of the run prints: a row for each language, and columns that the part adds."""

from __future__ import annotations

from typing import Dict, List, Union

from notrun import NotRun


class Table:
    """Cells by row and column. The row of a language that did not run has the reason, and never counts as a pass."""

    def __init__(self) -> None:
        self.failed = False
        self.lacking: Dict[str, List[str]] = {}
        """The tools that were missing, by row: without them the part is incomplete, but has not failed."""
        self._columns: List[str] = []
        self._rows: Dict[str, Dict[str, str]] = {}
        self._not_run: Dict[str, str] = {}

    def row(self, name: str) -> None:
        """Adds a row whose cells come later: rows stand in the order in which they were added."""
        self._rows.setdefault(name, {})

    def count(self, row: str, column: str, passed: int, total: int) -> None:
        """Puts `passed/total` into a cell; fewer than all is a failure."""
        self.show(row, column, f"{passed}/{total}")
        self.failed |= passed < total

    def show(self, row: str, column: str, text: str) -> None:
        """Puts a text into a cell, which is neither a pass nor a failure."""
        if column not in self._columns:
            self._columns.append(column)
        self._rows.setdefault(row, {})[column] = text

    def not_run(self, row: str, reason: Union[NotRun, str]) -> None:
        """Records why a row is empty. This is a failure unless a tool is missing, and in CI always."""
        self._rows.setdefault(row, {})
        self._not_run[row] = f"not run ({reason})"
        if isinstance(reason, NotRun) and not reason.is_failure:
            self.lacking[row] = list(reason.tools)
        else:
            self.failed = True

    def verdict(self) -> str:
        """What the part has shown, in a word."""
        return "FAILED" if self.failed else "incomplete" if self.lacking else "passed"

    def lines(self) -> List[str]:
        """The table as text."""
        names = max(map(len, self._rows), default=0)
        widths = {column: max(len(column), *(len(row.get(column, "")) for row in self._rows.values())) for column in self._columns}
        lines = ["  ".join([" " * names, *(column.rjust(widths[column]) for column in self._columns)]).rstrip()]
        for name, row in self._rows.items():
            cells = [row.get(column, "").rjust(widths[column]) for column in self._columns]
            lines.append("  ".join([name.ljust(names), *([self._not_run[name]] if name in self._not_run else cells)]).rstrip())
        return lines
