"""Laws of the message layer and of HELLO."""

from __future__ import annotations

import random
import unittest
from typing import Callable, List, Tuple

import support
from bookend.fault import MAX_REASON, Fault
from bookend.frame import Encoding, Frame
from bookend.hello import Hello
from bookend.message import (
    PRIVATE_KINDS,
    AnyMessage,
    Close,
    Delivery,
    Error,
    Event,
    Gap,
    Message,
    Ping,
    Pong,
    Post,
    Presence,
    Private,
    Reply,
    Request,
    Welcome,
    parse,
    to_frame,
)
from bookend.text import BOM, Text, reason

_U32, _U64 = (1 << 32) - 1, (1 << 64) - 1


def some_messages(chance: random.Random) -> List[AnyMessage]:
    encoding = chance.choice((Encoding.UTF_8, Encoding.UTF_16BE, Encoding.UTF_16LE))
    text = Text(support.text_of(chance.randrange(6), chance).lstrip(BOM + "\ufffe"), encoding)
    payload = chance.choice((text, bytes(chance.randrange(256) for _ in range(5))))
    name = "Änn"
    return [
        Message(payload),
        Request(chance.choice((1, _U32)), payload),
        Reply(chance.choice((1, _U32)), payload),
        Error(chance.choice((0, _U32)), chance.choice((0, _U32)), chance.choice((0, 0xFFFF)), text),
        Ping(bytes(chance.choice((0, 64)))),
        Pong(bytes(chance.choice((0, 64)))),
        Close(chance.choice((0, 1000, 0xFFFF)), text),
        Welcome(chance.choice((0, _U32)), chance.choice((0, _U64)), text),
        Presence(_U32, chance.choice(list(Event)), Text(name, encoding)),
        Post(chance.choice((0, _U32)), payload),
        Delivery(_U32, 0, _U64, chance.choice((0, _U64)), name, payload),
        Gap(chance.choice((0, _U64))),
        Private(chance.choice((0xC0, 0xEF)), payload),
    ]


class MessageLaws(unittest.TestCase):
    def test_what_is_encoded_parses_to_itself(self) -> None:
        for seed in range(200):
            for message in some_messages(random.Random(seed)):
                self.assertEqual(parse(to_frame(message), PRIVATE_KINDS), message)

    def test_what_parses_encodes_to_itself(self) -> None:
        parsed = 0
        for seed in range(300):
            chance = random.Random(seed)
            for message in some_messages(chance):
                frame = to_frame(message)
                frame = frame._replace(body=support.damaged(frame.body + b"\0", chance))
                try:
                    again = parse(frame, PRIVATE_KINDS)
                except Fault as fault:
                    self.assertIn(fault.name, ("malformed", "bad-text"))
                    continue
                assert again is not None
                text = next((part for part in vars(again).values() if isinstance(part, Text)), None)
                is_changed = isinstance(again, (Error, Close)) or (text is not None and text.had_bom)
                if not is_changed:  # a bad reason becomes empty, a byte order mark is removed
                    parsed += 1
                    self.assertEqual(to_frame(again), frame)
        self.assertGreater(parsed, 1000)

    def test_any_bytes_parse_to_a_message_or_a_fault(self) -> None:
        for seed in range(3000):
            chance = random.Random(seed)
            body = bytes(chance.choice((0, 1, 2, chance.randrange(256))) for _ in range(chance.randrange(45)))
            try:
                parse(Frame(chance.randrange(0x20), chance.choice(list(Encoding)), body))
            except Fault as fault:
                self.assertIn(fault.name, ("malformed", "bad-text", "unknown-kind"))

    def test_illegal_values_cannot_be_constructed(self) -> None:
        makers: Tuple[Callable[[], AnyMessage], ...] = (
            lambda: Request(0, b""),
            lambda: Reply(1 << 32, b""),
            lambda: Ping(bytes(65)),
            lambda: Close(-1, Text("")),
            lambda: Delivery(0, 0, 0, 0, "a\nb", b""),
            lambda: Presence(1, Event.HERE, Text("x" * 65)),
            lambda: Gap(1 << 64),
        )
        for make in makers:
            with self.assertRaises(Fault) as caught:
                make()
            self.assertEqual(caught.exception.name, "malformed")
        with self.assertRaises(Fault):
            Private(0x80, b"")

    def test_a_reason_is_at_most_200_bytes(self) -> None:
        for encoding in (Encoding.ASCII, Encoding.UTF_8, Encoding.UTF_16BE, Encoding.UTF_16LE):
            text = reason("bad-text: " + "€" * 300, encoding)
            self.assertLessEqual(len(text.octets), MAX_REASON)
            self.assertTrue(text.value.startswith("bad-text: €"))


class HelloLaws(unittest.TestCase):
    def test_what_is_encoded_parses_to_itself(self) -> None:
        for hello in (
            Hello(),
            Hello(accepted=7, preferred=1, max_body=1024, keepalive=0xFFFF, hub=True, minor=255),
            Hello(preferred=4, max_body=(1 << 31) - 1, name="Änn", room="r", token=b"\0\xff", resume=_U64, software="s"),
        ):
            self.assertEqual(Hello.parse(hello.body()), hello)

    def test_any_bytes_parse_to_a_hello_or_a_fault(self) -> None:
        body = Hello(name="ann", room="r", token=b"t", resume=1, software="s").body()
        for seed in range(3000):
            chance = random.Random(seed)
            try:
                Hello.parse(support.damaged(body, chance))
            except Fault as fault:
                self.assertIn(fault.name, ("bad-hello", "bad-canary", "version"))

    def test_illegal_values_cannot_be_constructed(self) -> None:
        makers: Tuple[Callable[[], Hello], ...] = (
            lambda: Hello(accepted=3),
            lambda: Hello(preferred=3, accepted=7),
            lambda: Hello(preferred=5),
            lambda: Hello(max_body=1023),
            lambda: Hello(max_body=1 << 31),
            lambda: Hello(keepalive=1 << 16),
            lambda: Hello(name=""),
            lambda: Hello(room="€" * 22),
            lambda: Hello(name="\ud800"),
            lambda: Hello(token=b""),
            lambda: Hello(resume=1 << 64),
        )
        for make in makers:
            with self.assertRaises(Fault) as caught:
                make()
            self.assertEqual(caught.exception.name, "bad-hello")


if __name__ == "__main__":
    unittest.main()
