"""Generated sessions are varied and live long, and a difference between two peers is found and shown by its shortest session."""

import sys
import unittest
from collections import Counter
from typing import List

from agreement import agree, shortest, steps
from frames import ERROR, frame
from languages import ROOT
from sessions import AFTERWARDS, STEPS, generate

sys.path.insert(0, str(ROOT / "interop/python/src"))

from bookend.adapter import answer  # noqa: E402

SESSIONS = list(generate(400, 1))
ANSWERS = [answer(request.split(" ")) for request in SESSIONS]


def error(reason: bytes, encoding: int = 2, number: int = 3) -> str:
    """An item for an ERROR about frame 3, and the frame, which may say something else."""
    body = bytes(4) + number.to_bytes(4, "big") + (1007).to_bytes(2, "big") + reason
    return f"error:0:3:1007:bad-text={frame(ERROR, encoding, body).hex()}"


class SessionTests(unittest.TestCase):
    def test_the_same_seed_gives_the_same_sessions(self) -> None:
        self.assertEqual(list(generate(400, 1)), SESSIONS)
        self.assertEqual(list(generate(50, 1)), SESSIONS[:50])
        self.assertNotEqual(list(generate(400, 2)), SESSIONS)

    def test_every_kind_of_step_and_every_kind_of_answer_occurs(self) -> None:
        asked = Counter(word.partition(":")[0] for request in SESSIONS for word in request.split(" ")[4:])
        self.assertEqual(set(asked), {"agree", "recv", "send", "time", "eof", "close"})
        items = Counter(item.partition(":")[0].partition("=")[0] for line in ANSWERS for word in line.split(" ") for item in word.split(","))
        self.assertLessEqual({"hello", "got", "ping", "pong", "error", "close", "end", "sent", "refused", "-"}, set(items))
        got = {item[4:6] for line in ANSWERS for word in line.split(" ") for item in word.split(",") if item.startswith("got:")}
        self.assertLessEqual({"02", "03", "04", "05", "10", "11", "12", "13", "14", "81", "c0"}, got)
        sent = Counter(word.split(":")[1] for request in SESSIONS for word in request.split(" ") if word.startswith("send:"))
        self.assertLessEqual({"01", "02", "03", "04", "05", "06", "07", "08", "10", "12", "13", "81", "c0", "80"}, set(sent))

    def test_most_steps_find_the_session_open(self) -> None:
        lengths = [len(request.split(" ")) - 4 for request in SESSIONS]
        self.assertLessEqual(max(lengths), STEPS)
        self.assertGreater(max(lengths), STEPS - AFTERWARDS)
        open_steps = sum(len(line.partition("close:")[0].split(" ")) - 1 for line in ANSWERS)
        self.assertGreater(open_steps, 0.75 * sum(lengths))


class AgreementTests(unittest.TestCase):
    def test_the_detail_and_the_encoding_of_a_reason_may_differ(self) -> None:
        self.assertTrue(agree(error(b"bad-text"), error(b"bad-text: byte 2")))
        self.assertTrue(agree(error(b"bad-text"), error("bad-text: byte 2".encode("utf-16-le"), encoding=4)))

    def test_a_frame_that_is_not_what_its_item_says_is_a_difference(self) -> None:
        for wrong in (error(b"bad-texts"), error(b"bad-text", number=4), error(b"bad-text", encoding=3), error(b"\xff"), error(b"bad-text")[:-2]):
            self.assertFalse(agree(error(b"bad-text"), wrong), wrong)
        self.assertFalse(agree(error(b"bad-text"), "error:0:3:1007:bad-text"))

    def test_other_frames_are_compared_whole(self) -> None:
        self.assertFalse(agree("sent=f5f80202000000026869f8f5", "sent=f5f80201000000026869f8f5"))
        self.assertFalse(agree("hello=00", "hello=01"))

    def test_a_session_is_cut_after_the_step_that_differs(self) -> None:
        asked: List[str] = []

        def differs(request: str) -> bool:
            asked.append(request)
            return "time:7" in request.split(" ")

        words = ["session", "server", "whole", "00", *(f"time:{step}" for step in range(20))]
        self.assertEqual(shortest(" ".join(words), differs), " ".join(words[: 4 + 8]))
        self.assertLess(len(asked), 8)
        self.assertEqual(shortest(" ".join(words[:4]), lambda request: True), " ".join(words[:4]))
        self.assertEqual(shortest("frame 1 whole 00", differs), "frame 1 whole 00")

    def test_the_step_that_differs_is_numbered(self) -> None:
        request = "session server whole 00 time:1 eof"
        self.assertEqual(steps(request, "- - end:no-close", "- - -"), ["step 2: end:no-close", "step 2: -"])
        self.assertEqual(steps(request, "- - -", "(no answer; status 1)"), ["step 2: -", "(no answer; status 1)"])


if __name__ == "__main__":
    unittest.main()
