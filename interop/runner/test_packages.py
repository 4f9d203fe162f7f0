"""A package counts only if it contains exactly what it should, and if its example did what it should."""

import sys
import tempfile
import unittest
from pathlib import Path
from typing import Dict, List, Mapping, Sequence
from unittest import mock

import packages
from artefacts import PACKAGES
from languages import ROOT
from packages import Package, PackageFailed, Work
from table import Table

ORIGINAL = {"README.md": b"[code](code.py#top) [below](#below)", "LICENSE-MIT": b"1", "LICENSE-APACHE": b"2", "code.py": b"3", "test.py": b"4"}
PACKED = {name: octets for name, octets in ORIGINAL.items() if name != "test.py"}


def package(prints: str = packages.EXPECTED, files: Mapping[str, bytes] = PACKED) -> Package:
    """A package whose example prints this."""

    def install(work: Work, built: Path) -> Sequence[str]:
        return (sys.executable, "-c", f"print({prints!r})")

    return Package(
        "some", "interop/python", (), lambda work: work.stage / "README.md", lambda built: files, ("made/*",), ("test*",), install
    )


def faults(changes: Mapping[str, bytes], missing: Sequence[str] = ()) -> List[str]:
    """The faults of a package with these changes."""
    files: Dict[str, bytes] = {name: octets for name, octets in {**PACKED, **changes}.items() if name not in missing}
    return packages.faults_of(package(), files, ORIGINAL)


def tried(one: Package) -> Table:
    """The table after one package was tried."""
    table = Table()
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(packages, "OUTPUT", Path(folder)):
        with mock.patch.object(packages, "contents", lambda stage: ORIGINAL):
            packages.try_out(table, one, ("127.0.0.1", 1), lambda line: None)
    return table


class PackageTests(unittest.TestCase):
    def test_tracked_and_known_files_are_accepted(self) -> None:
        self.assertEqual(faults({"made/index": b"any"}), [])

    def test_a_stray_file_is_found(self) -> None:
        self.assertEqual(faults({"notes": b"?"}), ["notes is not a tracked file, or was changed"])

    def test_a_changed_file_is_found(self) -> None:
        self.assertEqual(faults({"code.py": b"?"}), ["code.py is not a tracked file, or was changed"])

    def test_a_file_that_does_not_belong_into_the_package_is_found(self) -> None:
        self.assertEqual(faults({"test.py": b"4"}), ["test.py does not belong into the package"])

    def test_a_missing_licence_is_found(self) -> None:
        self.assertEqual(faults({}, missing=["LICENSE-MIT"]), ["no LICENSE-MIT"])

    def test_a_link_out_of_the_package_is_found(self) -> None:
        self.assertEqual(faults({}, missing=["code.py"]), ["README.md links to code.py#top, which is not in the package"])

    def test_the_example_of_a_sound_package_is_counted(self) -> None:
        self.assertEqual(tried(package()).lines()[1].split(), ["some", "4/4", "1/1"])

    def test_an_example_that_prints_something_else_fails(self) -> None:
        with self.assertRaises(PackageFailed):
            tried(package(prints="gruss Gott"))

    def test_a_package_with_a_fault_fails(self) -> None:
        self.assertTrue(tried(package(files={**PACKED, "notes": b"?"})).failed)

    def test_every_peer_has_a_package(self) -> None:
        folders = {path.parent.name for path in (ROOT / "interop").glob("*/LICENSE-MIT")} - {"vectors"}
        self.assertEqual({Path(one.folder).name for one in PACKAGES}, folders)


if __name__ == "__main__":
    unittest.main()
