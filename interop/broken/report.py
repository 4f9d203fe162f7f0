"""The table of what was caught, and its totals."""

from __future__ import annotations

import json

from mistakes import LAYERS, MODES, Mistake
from tester import Result, cites, names


class Report:
    """Prints a row for each mistake, and totals for each layer and mode."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self.results: dict[str, dict[str, Result]] = {}
        self.mistakes: dict[str, Mistake] = {}
        if not as_json:
            print(f"{'mistake':32} {'breaks':12} {'caught by':24} {'cited':5} {'named':5} {'time':>6}  first case that fails")

    def add(self, one: Mistake, mode: str, result: Result) -> None:
        """Adds a test."""
        self.mistakes[one.id] = one
        self.results.setdefault(one.id, {})[mode] = result

    def row(self, one: Mistake) -> dict:
        """What is known about a mistake."""
        results = self.results[one.id]
        failed = [case for mode in MODES if mode in results for case in results[mode].failed]
        citing = [case for case in failed if cites(case, one)]
        return {
            "mistake": one.id,
            "layer": one.layer,
            "what": one.what,
            "breaks": one.breaks,
            "modes": {mode: bool(result.failed) for mode, result in results.items()},
            "cited": bool(citing),
            "named": any(names(case, one) for case in citing),
            "cases": [case["id"] for case in citing or failed][:5],
            "unfinished": [mode for mode, result in results.items() if not result.failed and not result.finished],
            "seconds": round(sum(result.seconds for result in results.values()), 1),
        }

    def show(self, one: Mistake) -> None:
        """Prints the row of a mistake."""
        row = self.row(one)
        if self.as_json:
            print(json.dumps(row), flush=True)
            return
        modes = " ".join(mode if caught else "-" * len(mode) for mode, caught in row["modes"].items())
        notes = " ".join(row["cases"][:1]) + "".join(f" (no end: {mode})" for mode in row["unfinished"])
        flags = " ".join(f"{'yes' if row[flag] else 'no':5}" for flag in ("cited", "named"))
        print(f"{one.id:32} {' '.join(one.breaks)[:12]:12} {modes:24} {flags} {row['seconds']:5.1f}s  {notes}", flush=True)

    def finish(self, thresholds: dict[str, int]) -> int:
        """Prints the totals; returns the exit status."""
        rows = [self.row(one) for one in self.mistakes.values()]
        summary = {layer: totals([row for row in rows if row["layer"] == layer], thresholds[layer]) for layer in LAYERS}
        summary = {layer: total for layer, total in summary.items() if total["mistakes"]}
        if self.as_json:
            print(json.dumps({"summary": summary}))
        else:
            print()
            for layer, total in summary.items():
                modes = ", ".join(f"{mode} {caught}/{tried}" for mode, (caught, tried) in total["modes"].items())
                print(
                    f"{layer:8} caught {total['caught']}/{total['mistakes']} ({percent(total)} %, threshold {total['threshold']} %): {modes};"
                    f" cited {total['cited']}, named {total['named']}"
                )
        return 1 if any(percent(total) < total["threshold"] for total in summary.values()) else 0


def totals(rows: list[dict], threshold: int) -> dict:
    """The sums of some rows."""
    modes = {}
    for mode in MODES:
        tried = [row for row in rows if mode in row["modes"]]
        if tried:
            modes[mode] = (sum(row["modes"][mode] for row in tried), len(tried))
    return {
        "mistakes": len(rows),
        "caught": sum(any(row["modes"].values()) for row in rows),
        "cited": sum(row["cited"] for row in rows),
        "named": sum(row["named"] for row in rows),
        "modes": modes,
        "threshold": threshold,
    }


def percent(total: dict) -> int:
    """The part that was caught, rounded down."""
    return 100 * total["caught"] // total["mistakes"]
