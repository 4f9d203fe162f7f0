"""Laws of the frame layer."""

from __future__ import annotations

import random
import tracemalloc
import unittest
from typing import List, Optional, Sequence, Tuple

import support
from bookend.fault import Fault
from bookend.frame import END, START, Decoder, Encoding, Frame, encode

LIMIT = 1 << 16

Result = Tuple[List[Frame], Optional[str], Optional[int], int]


def decode(pieces: Sequence[bytes], limit: int = LIMIT) -> Result:
    """The frames, the fault with its offset, and the number of bytes after the last one checked."""
    decoder = Decoder(limit)
    frames: List[Frame] = []
    fault: Optional[Fault] = None
    for piece in pieces:
        decoder.feed(piece)
        try:
            while fault is None:
                frame = decoder.next()
                if frame is None:
                    break
                frames.append(frame)
        except Fault as found:
            fault = found
    if fault is None:
        return frames, None, None, decoder.pending
    return frames, fault.name, fault.offset, decoder.unused


def some_frames(chance: random.Random) -> List[Frame]:
    bodies = (b"", START, END, START + END, encode(Frame(2, Encoding.UTF_8, b"hi")), bytes(chance.randrange(300)))
    return [
        Frame(chance.randrange(256), chance.choice(list(Encoding)), chance.choice(bodies))
        for _ in range(chance.randrange(1, 6))
    ]


class FrameLaws(unittest.TestCase):
    def test_what_is_encoded_decodes_to_itself(self) -> None:
        for seed in range(200):
            frames = some_frames(random.Random(seed))
            self.assertEqual(decode([support.joined([encode(frame) for frame in frames])]), (frames, None, None, 0))

    def test_cutting_the_stream_changes_nothing(self) -> None:
        for seed in range(100):
            chance = random.Random(seed)
            stream = support.joined([encode(frame) for frame in some_frames(chance)])
            for octets in (stream, support.damaged(stream, chance)):
                whole = decode([octets])
                for pieces in support.cuts(octets, chance):
                    self.assertEqual(decode(pieces), whole, f"seed {seed}")

    def test_a_fault_is_sticky(self) -> None:
        decoder = Decoder(LIMIT)
        decoder.feed(support.frame(2, 2, b"hi") + b"\x00")
        self.assertIsNotNone(decoder.next())
        for _ in range(3):
            with self.assertRaises(Fault) as caught:
                decoder.next()
            self.assertEqual((caught.exception.name, caught.exception.offset), ("bad-start", 12))
            decoder.feed(support.frame(2, 2, b"hi"))

    def test_any_bytes_decode_to_frames_or_a_fault(self) -> None:
        for seed in range(300):
            chance = random.Random(seed)
            octets = bytes(chance.choice((0xF5, 0xF8, 0, 1, 2, chance.randrange(256))) for _ in range(60))
            decode([octets])
            decode([START + octets])

    def test_length_over_limit_fails_before_body_arrives(self) -> None:
        for length, limit in ((LIMIT + 1, LIMIT), (1 << 31, (1 << 32) - 1), ((1 << 32) - 1, LIMIT)):
            header = START + b"\x02\x00" + length.to_bytes(4, "big")
            self.assertEqual(decode([header], limit), ([], "too-long", 4, 0))
            self.assertEqual(decode([header[:7]], limit), ([], None, None, 7))

    def test_memory_grows_with_what_arrived_not_with_what_is_claimed(self) -> None:
        decoder = Decoder((1 << 31) - 1)
        arrived = START + b"\x02\x00\x7f\xff\xff\xff" + bytes(1000)
        tracemalloc.start()
        try:
            decoder.feed(arrived)
            self.assertIsNone(decoder.next())
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        self.assertLess(peak, 1 << 16)

    def test_a_little_endian_length_is_diagnosed(self) -> None:
        decoder = Decoder(LIMIT)
        decoder.feed(START + b"\x02\x02\x05\x00\x00\x00")
        with self.assertRaisesRegex(Fault, "little-endian it would be 5"):
            decoder.next()

    def test_a_damaged_start_is_diagnosed(self) -> None:
        for octets, words in ((b"\xf5\x00", "widened"), (b"\x75\x78", "eighth bit"), (b"GET /", "found 47")):
            decoder = Decoder(LIMIT)
            decoder.feed(octets)
            with self.assertRaisesRegex(Fault, words):
                decoder.next()


if __name__ == "__main__":
    unittest.main()
