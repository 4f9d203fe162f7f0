"""What an application may send, in which order its session checks it, and private kinds."""

from __future__ import annotations

import unittest
from typing import Collection, List, Tuple

import support
from bookend.action import Deliver, Role, Write
from bookend.adapter import answer
from bookend.fault import Fault
from bookend.frame import Encoding, Frame, encode
from bookend.hello import Hello
from bookend.message import (
    PRIVATE_KINDS,
    AnyMessage,
    Cancel,
    Close,
    Error,
    Gap,
    Message,
    Pong,
    Post,
    Private,
    Reply,
    Request,
    parse,
    to_frame,
)
from bookend.session import Session
from bookend.text import Text, decode

MARK = "\ufeff"


def opened(
    role: Role = Role.SERVER, hello: Hello = Hello(), peer: Hello = Hello(), agreed: Collection[int] = ()
) -> Session:
    session = Session(role, hello, agreed=agreed)
    session.start(0)
    session.receive(support.hello_frame(peer), 0)
    return session


def refusal(session: Session, message: AnyMessage) -> str:
    """The name of the rule for which a message is refused, or `sent`."""
    try:
        session.send(message, 0)
    except Fault as fault:
        return fault.name
    return "sent"


def adapted(*steps: str, role: str = "server", hub: bool = False) -> List[str]:
    """The adapter's words for the steps of a session after both HELLOs."""
    hello = Hello(hub=hub).body().hex()
    peer = support.hello_frame(Hello(hub=hub)).hex()
    first = [step for step in steps if step == "agree"]
    words = answer(["session", role, "whole", hello, *first, f"recv:{peer}", *steps[len(first) :]]).split(" ")
    return words[len(first) + 2 :]


class SendingTest(unittest.TestCase):
    def test_the_session_alone_sends_pong_and_close(self) -> None:
        for message in (Pong(b"1"), Close(1000, Text("normal"))):
            self.assertEqual(refusal(Session(Role.SERVER, Hello()), message), "not-open")
            self.assertEqual(refusal(opened(), message), "unexpected-kind")

    def test_hub_kinds_need_the_profile_and_the_right_side(self) -> None:
        hub = Hello(hub=True)
        cases: Tuple[Tuple[Role, AnyMessage, str], ...] = (
            (Role.CLIENT, Post(0, b""), "sent"),
            (Role.SERVER, Post(0, b""), "unexpected-kind"),
            (Role.SERVER, Gap(1), "sent"),
            (Role.CLIENT, Gap(1), "unexpected-kind"),
        )
        for role, message, expected in cases:
            self.assertEqual(refusal(opened(role, hub, hub), message), expected)
            self.assertEqual(refusal(opened(role, hub), message), "unknown-kind")

    def test_the_first_rule_that_is_broken_gives_its_name(self) -> None:
        wide = Text("x" * 600, Encoding.UTF_16LE)  # neither accepted nor short enough
        session = opened(Role.CLIENT, peer=Hello(accepted=7, max_body=1024, requests=1))
        self.assertEqual(refusal(Session(Role.CLIENT, Hello()), Reply(7, wide)), "not-open")
        self.assertEqual(refusal(session, Reply(7, wide)), "no-such-request")
        self.assertEqual(refusal(session, Message(wide)), "encoding-refused")
        self.assertEqual(refusal(session, Message(bytes(1025))), "too-long")
        unmappable = decode("\ufeff\ufffe".encode("utf-16-le") + bytes(1024), Encoding.UTF_16LE)
        self.assertEqual(refusal(session, Message(unmappable)), "encoding-refused")
        self.assertEqual(refusal(opened(peer=Hello(max_body=1024)), Message(unmappable)), "unmappable-text")
        self.assertEqual(refusal(session, Request(1, b"")), "sent")
        self.assertEqual(refusal(session, Request(1, wide)), "duplicate-request")
        self.assertEqual(refusal(session, Request(2, wide)), "try-later")
        self.assertEqual(refusal(session, Cancel(2)), "no-such-request")

    def test_an_error_for_a_request_gets_the_number_of_its_frame(self) -> None:
        session = opened()
        session.receive(support.frame(0x03, 0, b"\0\0\0\7"), 0)
        (write,) = session.send(Error(7, 99, 1008, Text("policy")), 0)
        self.assertEqual(write, Write(encode(to_frame(Error(7, 1, 1008, Text("policy"))))))
        (again,) = session.receive(support.frame(0x03, 0, b"\0\0\0\7"), 0)
        self.assertIsInstance(again, Deliver, "the id is free again")
        (write,) = session.send(Error(0, 99, 1008, Text("policy")), 0)
        self.assertEqual(write, Write(encode(to_frame(Error(0, 99, 1008, Text("policy"))))))
        self.assertEqual(refusal(session, Error(8, 1, 1008, Text("policy"))), "no-such-request")

    def test_a_reason_has_at_most_200_bytes_without_its_mark(self) -> None:
        session = opened()
        marked = parse(Frame(0x05, Encoding.UTF_16LE, bytes(10) + (MARK + "x" * 100).encode("utf-16-le")))
        assert isinstance(marked, Error)
        self.assertEqual(refusal(session, marked), "sent")
        self.assertEqual(refusal(session, Error(0, 0, 1008, Text("x" * 201))), "too-long")
        self.assertEqual(refusal(session, Error(0, 0, 1008, Text("x" * 101, Encoding.UTF_16LE))), "too-long")

    def test_an_error_about_an_unknown_request_is_delivered(self) -> None:
        session = opened()
        session.send(Request(7, b""), 0)
        (delivered,) = session.receive(support.frame(0x05, 1, b"\0\0\0\x63" + bytes(6)), 0)
        self.assertIsInstance(delivered, Deliver)
        self.assertTrue(session.is_unanswered(7))


class PrivateKindTest(unittest.TestCase):
    def test_a_private_kind_is_delivered_only_if_agreed(self) -> None:
        octets = support.frame(0xC0, 2, b"hi")
        self.assertEqual(opened().receive(octets, 0), [])
        (delivered,) = opened(agreed=[0xC0]).receive(octets, 0)
        assert isinstance(delivered, Deliver)
        self.assertEqual(delivered.message, Private(0xC0, Text("hi")))
        self.assertEqual(opened(agreed=[0xC1]).receive(octets, 0), [])

    def test_an_agreed_kind_is_judged_like_a_message(self) -> None:
        for encoding, name in ((2, "bad-text"), (4, "encoding-refused")):
            session = opened(hello=Hello(accepted=7), agreed=PRIVATE_KINDS)
            (write,) = session.receive(support.frame(0xEF, encoding, b"\xff"), 0)
            assert isinstance(write, Write)
            self.assertIn(name.encode(), write.octets)
            self.assertTrue(session.is_open)
            self.assertEqual(opened(hello=Hello(accepted=7)).receive(support.frame(0xEF, encoding, b"\xff"), 0), [])

    def test_a_private_kind_is_sent_without_a_mark_in_an_accepted_encoding(self) -> None:
        session = opened(peer=Hello(accepted=7))
        (write,) = session.send(Private(0xC0, Text(MARK + "hi")), 0)
        self.assertEqual(write, Write(support.frame(0xC0, 2, b"hi")))
        self.assertEqual(refusal(session, Private(0xC0, Text("hi", Encoding.UTF_16BE))), "encoding-refused")


class AdapterTest(unittest.TestCase):
    def test_every_frame_that_this_side_sent_follows_its_item(self) -> None:
        own = support.frame(0x01, 0, Hello(client=True).body()).hex()
        words = answer(["session", "client", "whole", Hello().body().hex(), "send:02:2:6869", "close:1000"])
        close = support.frame(0x08, 1, b"\x03\xe8normal").hex()
        self.assertEqual(words, f"hello={own} refused:not-open close:1000:normal={close}")
        ping, pong = support.frame(0x06, 0).hex(), support.frame(0x07, 0).hex()
        self.assertEqual(adapted(f"recv:{ping}", "time:30000"), [f"pong:-={pong}", f"ping={ping}"])
        self.assertEqual(adapted("send:02:2:efbbbf6869"), [f"sent={support.frame(0x02, 2, b'hi').hex()}"])

    def test_hello_and_unlisted_kinds_are_refused_whatever_their_body(self) -> None:
        self.assertEqual(adapted("send:01:4:ff"), ["refused:unexpected-kind"])
        for kind in ("00", "20", "80", "82", "bf", "f0", "ff"):
            self.assertEqual(adapted(f"send:{kind}:2:ff"), ["refused:unknown-kind"])
            self.assertEqual(adapted("close:1000", f"send:{kind}:2:ff")[1:], ["refused:not-open"])

    def test_a_name_of_marks_may_be_received_but_not_sent(self) -> None:
        name = "0000000501efbbbfefbbbf"
        presence = support.frame(0x11, 2, bytes.fromhex(name)).hex()
        self.assertEqual(adapted(f"recv:{presence}", role="client", hub=True), [f"got:11:{name}"])
        self.assertEqual(adapted(f"send:11:2:{name}", hub=True), ["refused:malformed"])

    def test_a_form_is_checked_before_the_state(self) -> None:
        malformed = ("send:06:2:-", "send:12:0:00", f"send:07:0:{'00' * 65}", "send:08:2:03", "send:08:0:03e8")
        bad_text = ("send:05:2:00000000000000000000ff", "send:08:2:03e8ff")
        for step, name in (*((step, "malformed") for step in malformed), *((step, "bad-text") for step in bad_text)):
            self.assertEqual(adapted(step), [f"refused:{name}"])
            self.assertEqual(adapted("close:1000", step)[1:], [f"refused:{name}"])

    def test_agree_takes_all_private_kinds(self) -> None:
        octets = support.frame(0xEF, 0, b"1").hex()
        self.assertEqual(adapted("agree", f"recv:{octets}"), ["got:ef:31"])
        self.assertEqual(adapted(f"recv:{octets}"), ["-"])


if __name__ == "__main__":
    unittest.main()
