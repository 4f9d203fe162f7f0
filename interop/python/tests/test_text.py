"""Laws of the text layer."""

from __future__ import annotations

import random
import unittest

import support
from bookend.fault import Fault
from bookend.frame import Encoding
from bookend.text import BOM, Text, decode, encode, is_plain_line, printable

UNICODE = (Encoding.UTF_8, Encoding.UTF_16BE, Encoding.UTF_16LE)
NOT_FIRST = BOM + "\ufffe"
ALL = (Encoding.ASCII,) + UNICODE


class TextLaws(unittest.TestCase):
    def test_text_round_trips_through_each_unicode_encoding(self) -> None:
        for seed in range(300):
            value = support.text_of(8, random.Random(seed)).lstrip(NOT_FIRST + BOM)
            for encoding in UNICODE:
                text = decode(encode(value, encoding), encoding)
                self.assertEqual((text.value, text.had_bom), (value, False))

    def test_one_byte_order_mark_is_removed(self) -> None:
        for encoding in UNICODE:
            mark = BOM.encode(encoding.name.replace("_", "-"))
            text = decode(mark + mark + encode("a", encoding), encoding)
            self.assertEqual((text.value, text.had_bom), (BOM + "a", True))

    def test_leading_marks_are_not_sent(self) -> None:
        for encoding in UNICODE:
            self.assertEqual(encode(BOM + BOM + "a" + BOM, encoding), encode("a" + BOM, encoding))

    def test_a_leading_mark_of_the_other_order_is_bad_text(self) -> None:
        for encoding, octets in ((Encoding.UTF_16BE, b"\xff\xfea\0"), (Encoding.UTF_16LE, b"\xfe\xff\0a")):
            with self.assertRaises(Fault) as caught:
                decode(octets, encoding)
            self.assertEqual((caught.exception.name, caught.exception.offset), ("bad-text", 0))

    def test_everything_before_the_offset_is_legal(self) -> None:
        faults = 0
        for seed in range(2000):
            chance = random.Random(seed)
            encoding = chance.choice(ALL)
            source = support.text_of(6, chance).lstrip(NOT_FIRST) if encoding is not Encoding.ASCII else "abcdef"
            octets = support.damaged(encode(source, encoding), chance)
            try:
                decode(octets, encoding)
            except Fault as fault:
                faults += 1
                self.assertEqual(fault.name, "bad-text")
                assert fault.offset is not None
                self.assertLess(fault.offset, len(octets))
                decode(octets[: fault.offset], encoding)
                # The first illegal sequence begins at the offset: no longer prefix is legal text.
                for end in range(fault.offset + 1, len(octets) + 1):
                    with self.assertRaises(Fault):
                        decode(octets[:end], encoding)
        self.assertGreater(faults, 500)

    def test_ascii_refuses_characters_it_cannot_carry(self) -> None:
        with self.assertRaises(Fault) as caught:
            Text("grüß", Encoding.ASCII)
        self.assertEqual((caught.exception.name, caught.exception.offset), ("unmappable-text", 2))

    def test_utf_16_cannot_begin_with_a_mark_of_the_other_order(self) -> None:
        for encoding in (Encoding.UTF_16BE, Encoding.UTF_16LE):
            with self.assertRaises(Fault) as caught:
                Text("\ufffea", encoding)
            self.assertEqual((caught.exception.name, caught.exception.offset), ("unmappable-text", 0))
            self.assertEqual(decode(encode("a\ufffe", encoding), encoding).value, "a\ufffe")
        self.assertEqual(decode(encode("\ufffe", Encoding.UTF_8), Encoding.UTF_8).value, "\ufffe")

    def test_a_lone_surrogate_is_refused(self) -> None:
        for encoding in ALL:
            with self.assertRaises(Fault) as caught:
                Text("€\ud800", encoding)
            self.assertEqual(caught.exception.name, "unmappable-text")

    def test_no_received_mark_is_sent_again(self) -> None:
        self.assertEqual(decode(b"\xef\xbb\xbf\xef\xbb\xbfhi", Encoding.UTF_8).sendable(), b"hi")
        with self.assertRaises(Fault):
            decode(b"\xfe\xff\xff\xfe\0a", Encoding.UTF_16BE).sendable()

    def test_controls_do_not_reach_a_terminal(self) -> None:
        self.assertEqual(printable("a\n\x1b[2J\u202eb\x9f\u2028ä"), "a\\u{a}\\u{1b}[2J\\u{202e}b\\u{9f}\\u{2028}ä")
        for character in "\x00\x1f\x7f\x80\x9f\u061c\u200e\u200f\u2028\u2029\u202a\u202e\u2066\u2069":
            self.assertFalse(is_plain_line(character), ascii(character))
        for character in " ~\xa0\u061b\u061d\u200d\u2010\u2027\u202f\u2065\u206a":
            self.assertTrue(is_plain_line(character), ascii(character))


if __name__ == "__main__":
    unittest.main()
