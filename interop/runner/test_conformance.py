"""The runner can fail: adapters with one flaw each are caught, and one without is not."""

import os
import sys
import unittest
from typing import List, Tuple
from unittest import mock

import conformance
from adapter import Adapter
from languages import Language
from table import Table
from vectors import load

# An adapter for frames alone, after appendix B; its argument is the flaw that it has.
FRAMES_ADAPTER = """
import sys
flaw = sys.argv[1]

def frames(limit, stream):
    answer, at = [], 0
    while True:
        rest, before = stream[at:], len(answer)
        if flaw == "resync": rest = rest[max(0, rest.find(b"\\xf5\\xf8")):]
        for offset, byte in enumerate(b"\\xf5\\xf8"):
            if rest[offset:offset + 1] not in (b"", bytes([byte])): return answer + [f"fault:bad-start:{at + offset}"]
        if len(rest) > 3 and rest[3] > 4: return answer + [f"fault:unknown-encoding:{at + 3}"]
        if len(rest) < 8: return answer + ["more" if rest else "end"]
        length = int.from_bytes(rest[4:8], "little" if flaw == "little-endian" else "big")
        if length > min(limit, 0x7fffffff): return answer + [f"fault:too-long:{at + 4}"]
        frame = f"{rest[2]:02x}:{rest[3]}:{rest[8:8 + length].hex() or '-'}"
        if flaw == "early" and len(rest) >= 8 + length: answer.append(frame)
        for offset, byte in enumerate(b"\\xf8\\xf5", 8 + length):
            if rest[offset:offset + 1] not in (b"", bytes([byte])): return answer + [f"fault:bad-end:{at + offset}"]
        if len(rest) < 10 + length: return answer + ["more"]
        if len(answer) == before: answer.append(frame)
        at += 10 + length

for line in sys.stdin:
    request, *words = line.split()
    if flaw == "hangs": continue
    if flaw == "ends": break
    if request == "frame":
        limit, cut, stream = words
        print(*frames(int(limit), bytes.fromhex(stream.replace("-", ""))), flush=True)
    else:
        kind, encoding, body = words
        body = bytes.fromhex(body.replace("-", ""))
        order = "little" if flaw == "little-endian length" else "big"
        print("ok", (b"\\xf5\\xf8" + bytes([int(kind, 16), int(encoding)]) + len(body).to_bytes(4, order) + body + b"\\xf8\\xf5").hex(), flush=True)
sys.exit(1 if flaw == "status" else 0)
"""


def run_frames(flaw: str, limit: float = 20.0) -> Tuple[Table, List[str]]:
    """The table and what was said of an adapter with one flaw."""
    table = Table()
    said: List[str] = []
    adapter = Adapter([sys.executable, "-c", FRAMES_ADAPTER, flaw], {}, limit)
    conformance.run_row(table, "peer", adapter, {"frames": load("frames")}, said.append)
    return table, said


class Conformance(unittest.TestCase):
    def test_an_adapter_without_a_flaw_passes(self) -> None:
        table, said = run_frames("none")
        self.assertFalse(table.failed)
        self.assertEqual(said, [])

    def test_a_little_endian_length_is_caught(self) -> None:
        table, said = run_frames("little-endian")
        self.assertTrue(table.failed)
        self.assertIn("F001 R2.1 R2.5 R2.9: The MESSAGE `hi` of section 2, twelve bytes.", said[0])
        self.assertIn("frame 1048576 whole f5f80202000000026869f8f5", said[0])
        self.assertIn("expected: 02:2:6869 end\n", said[0])
        self.assertIn("got:      fault:too-long:4\n", said[0])

    def test_a_frame_that_is_delivered_before_its_end_is_caught(self) -> None:
        table, _ = run_frames("early")
        self.assertTrue(table.failed)

    def test_a_reader_that_searches_for_start_is_caught(self) -> None:
        table, _ = run_frames("resync")
        self.assertTrue(table.failed)

    def test_an_adapter_that_hangs_is_reported_and_given_up(self) -> None:
        table, said = run_frames("hangs", limit=0.2)
        self.assertTrue(table.failed)
        self.assertIn("got:      (no answer within 0.2 s)", said[0])
        self.assertIn("peer  not run (the adapter hung or ended 3 times)", table.lines())

    def test_an_adapter_that_ends_is_reported_and_given_up(self) -> None:
        table, said = run_frames("ends")
        self.assertTrue(table.failed)
        self.assertIn("got:      (ended without a whole answer, status 0)", said[0])
        self.assertIn("peer  not run (the adapter hung or ended 3 times)", table.lines())

    def test_an_adapter_that_ends_with_another_status_than_0_is_reported(self) -> None:
        table, said = run_frames("status")
        self.assertTrue(table.failed)
        self.assertEqual(said, ["peer: the adapter ended with status 1\n"])

    def test_an_adapter_that_cannot_be_started_is_reported(self) -> None:
        table = Table()
        said: List[str] = []
        conformance.run_row(table, "peer", Adapter(["./no-such-program"], {}), {"frames": load("frames")}, said.append)
        self.assertTrue(table.failed)
        self.assertIn("No such file", said[0])

    def test_an_unknown_id_is_an_error(self) -> None:
        with self.assertRaises(conformance.UnknownId):
            conformance.chosen(["F001", "F999"])


class MissingTools(unittest.TestCase):
    LACKING = Language("peer", folder="interop", tools=("no-such-tool",), build=(), adapter=(), chat=())

    def run_with(self, language: Language, environment: str) -> Table:
        table = Table()
        with mock.patch.object(conformance, "LANGUAGES", (language,)), mock.patch.dict(os.environ, {"CI": environment}):
            conformance.run(table, only=(), ids=())
        return table

    def test_a_missing_tool_is_shown(self) -> None:
        table = self.run_with(self.LACKING, environment="")
        self.assertIn("peer  not run (no no-such-tool)", table.lines())
        self.assertFalse(table.failed)

    def test_a_missing_tool_fails_in_ci(self) -> None:
        self.assertTrue(self.run_with(self.LACKING, environment="true").failed)

    def test_a_build_that_fails_is_a_failure_everywhere(self) -> None:
        broken = Language("peer", folder="interop", tools=(), build=((sys.executable, "-c", "raise SystemExit(1)"),), adapter=(), chat=())
        table = self.run_with(broken, environment="")
        self.assertIn("peer  not run (build failed)", table.lines())
        self.assertTrue(table.failed)


if __name__ == "__main__":
    unittest.main()
