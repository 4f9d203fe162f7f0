"""Progress is plain lines in a pipe, and one line that is kept up to date on a terminal."""

import io
import unittest
from typing import Iterator

from progress import CLEAR, Progress


def shown(terminal: bool) -> str:
    """What two steps of a stage write, one second after another."""
    seconds: Iterator[int] = iter(range(100))
    stream = io.StringIO()
    progress = Progress(stream, clock=lambda: next(seconds), terminal=terminal)
    progress.end()  # no thread writes in between
    progress._over.clear()
    with progress.stage("live: all join", 2) as stage:
        progress.step(stage, "one has joined")
        progress.step(stage)
        stage.result = "2/2"
    return stream.getvalue()


class ProgressTests(unittest.TestCase):
    def test_a_pipe_gets_a_line_at_the_beginning_and_at_the_end_of_a_stage(self) -> None:
        self.assertEqual(
            shown(terminal=False), "    2 s  live: all join ...\n    3 s  one has joined\n    5 s  live: all join: 2/2, 3.0 s\n"
        )

    def test_a_terminal_gets_a_bar(self) -> None:
        text = shown(terminal=True)
        self.assertIn(f"{CLEAR}    2 s  live: all join [....................] 0/2", text)
        self.assertIn("[##########..........] 1/2", text)
        self.assertRegex(text, r"live: all join: 2/2, \d+\.0 s\n")

    def test_a_stage_that_is_broken_off_has_failed(self) -> None:
        stream = io.StringIO()
        with self.assertRaises(ValueError), Progress(stream).stage("tests"):
            raise ValueError
        self.assertRegex(stream.getvalue(), r"tests: FAILED, 0\.\d s\n$")


if __name__ == "__main__":
    unittest.main()
