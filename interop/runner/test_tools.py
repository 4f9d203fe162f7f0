"""What is missing is found, and named with what brings it."""

import sys
import unittest

from artefacts import PACKAGES
from languages import LANGUAGES
from notrun import without
from tools import DEBIAN, MODULE, OTHERWISE, TARGET, bringing, is_present, missing


class Tools(unittest.TestCase):
    def test_what_brings_each_tool_of_the_tables_is_known(self) -> None:
        tools = {tool for language in LANGUAGES for tool in language.tools} | {tool for package in PACKAGES for tool in package.tools}
        unknown = [tool for tool in sorted(tools) if tool not in DEBIAN and tool not in OTHERWISE and not tool.startswith((TARGET, MODULE))]
        self.assertEqual(unknown, [])

    def test_commands_files_modules_and_targets_are_found(self) -> None:
        self.assertTrue(is_present(sys.executable))
        self.assertTrue(is_present(MODULE + "json"))
        self.assertEqual(
            missing(["no-such-tool", sys.executable, "/no/such/file", MODULE + "no_such_module", TARGET + "no-such-target"]),
            ["no-such-tool", "/no/such/file", MODULE + "no_such_module", TARGET + "no-such-target"],
        )

    def test_packages_are_named_once_and_in_one_command(self) -> None:
        self.assertEqual(bringing(["mcs", "cc", "make"]), ["apt-get install mono-mcs build-essential"])

    def test_what_debian_does_not_have_is_named_too(self) -> None:
        wanted = ["go", "cargo", TARGET + "x86_64-pc-windows-gnu", MODULE + "abnf", "strange"]
        self.assertEqual(
            bringing(wanted),
            ["apt-get install golang-go", "Rust from https://rustup.rs", "rustup target add x86_64-pc-windows-gnu", "pip install abnf", "strange"],
        )

    def test_a_row_names_all_that_it_lacks(self) -> None:
        reason = without(["mcs", "mono"])
        self.assertEqual(str(reason), "no mcs, mono: apt-get install mono-mcs mono-runtime")
        self.assertEqual(reason.tools, ("mcs", "mono"))


if __name__ == "__main__":
    unittest.main()
