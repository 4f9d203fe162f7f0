"""Laws of the session, and cases that the vectors cannot express."""

from __future__ import annotations

import random
import unittest
from typing import List, Sequence, Tuple

import support
from bookend.action import Action, Actions, Deliver, End, Opened, Role, Unreadable, Write
from bookend.fault import Fault, Refused
from bookend.frame import Decoder, Encoding, encode
from bookend.hello import Hello
from bookend.limits import Limits
from bookend.message import Cancel, Error, Message, Ping, Pong, Post, Reply, Request, to_frame
from bookend.session import Session
from bookend.text import Text

HUB = Hello(hub=True, keepalive=1)


def opened(role: Role = Role.SERVER, hello: Hello = HUB, peer: Hello = HUB, limits: Limits = Limits()) -> Session:
    session = Session(role, hello, limits)
    session.start(0)
    session.receive(support.hello_frame(peer), 0)
    assert session.is_open
    return session


def run(session: Session, pieces: Sequence[bytes]) -> Tuple[List[Action], str]:
    actions = session.start(0)
    for piece in pieces:
        actions += session.receive(piece, 0)
    return actions, state(session)


def state(session: Session) -> str:
    return "done" if session.is_done else "open" if session.is_open else "neither"


def sent_kinds(actions: Actions) -> List[int]:
    decoder = Decoder((1 << 31) - 1)
    kinds = []
    for action in actions:
        if isinstance(action, Write):
            decoder.feed(action.octets)
            frame = decoder.next()
            assert frame is not None
            kinds.append(frame.kind)
    return kinds


def comparable(actions: List[Action]) -> List[object]:
    """The actions, with faults as text so that they can be compared."""
    return [
        (action.cause, str(action.fault)) if isinstance(action, End)
        else (action.id, str(action.fault)) if isinstance(action, Unreadable)
        else action
        for action in actions
    ]  # fmt: skip


def some_stream(chance: random.Random) -> bytes:
    choices = (
        support.frame(0x02, 2, "grüß".encode()),
        support.frame(0x02, 2, b"gr\xfc\xdf"),
        support.frame(0x03, 1, bytes((0, 0, 0, chance.randrange(1, 9))) + b"time?"),
        support.frame(0x04, 1, b"\0\0\0\7noon"),
        support.frame(0x05, 1, bytes(8) + b"\x03\xefbad-text"),
        support.frame(0x81, 0, bytes((0, 0, 0, chance.randrange(1, 9)))),
        support.frame(0x06, 0, b"1"),
        support.frame(0x07, 0, b"1"),
        support.frame(0x12, 4, b"\0\0\0\0h\0i\0"),
        support.frame(0xC0, 0, b"private"),
        support.frame(0x02, 0, b"\xf5\xf8\xf8\xf5"),
    )
    line = b"" if chance.random() < 0.5 else b"Bookend hub\r\n"
    stream = [support.hello_frame(HUB)] + [chance.choice(choices) for _ in range(6)]
    if chance.random() < 0.3:
        stream.insert(chance.randrange(1, 7), support.frame(0x08, 1, b"\x03\xe8normal"))
    return line + b"".join(stream)


class SessionLaws(unittest.TestCase):
    def test_cutting_the_stream_changes_nothing(self) -> None:
        for seed in range(60):
            chance = random.Random(seed)
            role = chance.choice(list(Role))
            stream = some_stream(chance)
            for octets in (stream, support.damaged(stream, chance)):
                limits = Limits(drain_bytes=chance.randrange(1, 100))
                whole, whole_state = run(Session(role, HUB, limits), [octets])
                for pieces in support.cuts(octets, chance):
                    actions, now_state = run(Session(role, HUB, limits), pieces)
                    self.assertEqual(comparable(actions), comparable(whole), f"seed {seed}")
                    self.assertEqual(now_state, whole_state, f"seed {seed}")

    def test_a_reply_never_provokes_a_reply(self) -> None:
        replies = (
            support.frame(0x05, 2, bytes(8) + b"\x03\xef\xff"),
            support.frame(0x05, 4, bytes(8) + b"\x03\xefa"),
            support.frame(0x04, 2, b"\0\0\0\7\xff"),
            support.frame(0x04, 3, b"\0\0\0\7a"),
            support.frame(0x07, 0, b"1"),
        )
        session = opened(hello=Hello(accepted=7))
        for octets in replies:
            self.assertEqual(sent_kinds(session.receive(octets, 0)), [])
        self.assertEqual(sent_kinds(session.receive(support.frame(0x08, 2, b"\x03\xe8\xff"), 0)), [0x08])
        self.assertEqual(session.receive(replies[0], 0), [])

    def test_any_bytes_end_in_exactly_one_end_and_at_most_one_close(self) -> None:
        for seed in range(500):
            chance = random.Random(seed)
            session = Session(chance.choice(list(Role)), HUB)
            octets = b""
            if chance.random() < 0.7:
                octets = support.hello_frame(HUB)
            for _ in range(5):
                body = bytes(chance.randrange(256) for _ in range(chance.randrange(30)))
                octets += support.frame(chance.randrange(0x16), chance.randrange(5), body)
            actions, _ = run(session, [octets])
            actions += session.end_of_stream(0)
            self.assertTrue(session.is_done)
            self.assertLessEqual(sent_kinds(actions).count(0x08), 1)
            self.assertEqual(sum(isinstance(action, End) for action in actions), 1)

    def test_tick_does_everything_due_and_moves_the_deadline(self) -> None:
        for seed in range(100):
            chance = random.Random(seed)
            session = Session(Role.SERVER, HUB)
            session.start(0)
            stream = some_stream(chance)
            now = 0
            for at in range(0, len(stream), 40):
                session.receive(stream[at : at + 40], now)
                due = session.deadline()
                if due is not None and chance.random() < 0.5:
                    now = max(now, due)
                    session.tick(now)
                    later = session.deadline()
                    self.assertTrue(later is None or later > now)

    def test_a_session_without_input_ends_as_idle(self) -> None:
        session = opened()
        ended: List[Action] = []
        for _ in range(10):
            due = session.deadline()
            if due is None:
                break
            ended += [action for action in session.tick(due) if isinstance(action, End)]
        self.assertEqual([action.cause for action in ended if isinstance(action, End)], ["idle"])
        self.assertTrue(session.is_done)


class SessionCases(unittest.TestCase):
    def test_an_awaited_pong_is_delivered_once(self) -> None:
        session = opened()
        session.send(Ping(b"1"), 0)
        pong = support.frame(0x07, 0, b"1")
        delivered = session.receive(pong, 0)
        self.assertEqual([action.message for action in delivered if isinstance(action, Deliver)], [Pong(b"1")])
        self.assertEqual(session.receive(pong, 0), [])

    def test_an_unreadable_reply_is_reported_to_its_request(self) -> None:
        session = opened(Role.CLIENT)
        session.send(Request(7, b""), 0)
        (action,) = session.receive(support.frame(0x04, 2, b"\0\0\0\7h\xff"), 0)
        assert isinstance(action, Unreadable)
        self.assertEqual((action.id, action.fault.name, action.fault.offset), (7, "bad-text", 1))

    def test_the_reason_of_an_error_is_in_the_encoding_that_the_peer_prefers(self) -> None:
        session = opened(peer=Hello(hub=True, preferred=4))
        (write,) = session.receive(support.frame(0x12, 2, b"\0\0\0\0gr\xfc\xdf"), 0)
        expected = "f5f80504 0000002a 00000000 00000001 03ef" + "bad-text: byte 2".encode("utf-16-le").hex() + "f8f5"
        self.assertEqual(write, Write(bytes.fromhex(expected)))

    def test_only_an_unanswered_request_is_answered(self) -> None:
        session = opened()
        for answer in (Reply(7, b""), Error(7, 1, 1008, Text("policy"))):
            with self.assertRaises(Refused):
                session.send(answer, 0)
        session.receive(support.frame(0x03, 0, b"\0\0\0\7"), 0)
        session.send(Error(7, 1, 1008, Text("policy")), 0)
        with self.assertRaises(Refused):
            session.send(Reply(7, b""), 0)

    def test_a_cancelled_request_is_answered_at_once_and_makes_room(self) -> None:
        session = opened(hello=Hello(requests=1))
        session.receive(support.frame(0x03, 0, b"\0\0\0\7"), 0)
        delivered, answer = session.receive(support.frame(0x81, 0, b"\0\0\0\7"), 0)
        assert isinstance(delivered, Deliver)
        self.assertEqual(delivered.message, Cancel(7))
        expected = to_frame(Error(7, 1, 4012, Text("cancelled", Encoding.ASCII)))
        self.assertEqual(answer, Write(encode(expected)))
        with self.assertRaises(Refused) as caught:
            session.send(Reply(7, b""), 0)
        self.assertEqual(caught.exception.name, "no-such-request")
        (next_request,) = session.receive(support.frame(0x03, 0, b"\0\0\0\7"), 0)
        self.assertIsInstance(next_request, Deliver)

    def test_a_cancel_that_crosses_the_answer_is_ignored(self) -> None:
        session = opened()
        cancel = support.frame(0x81, 0, b"\0\0\0\7")
        self.assertEqual(session.receive(cancel, 0), [])
        session.receive(support.frame(0x03, 0, b"\0\0\0\7"), 0)
        session.send(Reply(7, b""), 0)
        self.assertEqual(session.receive(cancel, 0), [])

    def test_a_cancelled_request_counts_until_its_answer_arrives(self) -> None:
        answers = (
            support.frame(0x04, 0, b"\0\0\0\1"),
            support.frame(0x05, 1, b"\0\0\0\1\0\0\0\1\x0f\xaccancelled"),
        )
        for answer in answers:
            session = opened(Role.CLIENT, peer=Hello(requests=1))
            session.send(Request(1, b""), 0)
            session.send(Cancel(1), 0)
            for request, name in ((Request(2, b""), "try-later"), (Request(1, b""), "duplicate-request")):
                with self.assertRaises(Refused) as caught:
                    session.send(request, 0)
                self.assertEqual(caught.exception.name, name)
            session.receive(answer, 0)
            with self.assertRaises(Refused) as caught:
                session.send(Cancel(1), 0)
            self.assertEqual(caught.exception.name, "no-such-request")
            session.send(Request(2, b""), 0)

    def test_each_hello_limits_the_requests_of_the_other_side(self) -> None:
        for own, allowed in ((None, 64), (0, 0), (2, 2), (100, 100)):
            session = opened(hello=Hello(requests=own), peer=Hello(requests=3))
            for id in range(1, allowed + 1):
                (action,) = session.receive(support.frame(0x03, 0, id.to_bytes(4, "big")), 0)
                self.assertIsInstance(action, Deliver)
            (action,) = session.receive(support.frame(0x03, 0, b"\xff\0\0\0"), 0)
            self.assertIsInstance(action, Write)
            for id in range(1, 4):
                session.send(Request(id, b""), 0)
            with self.assertRaises(Refused) as caught:
                session.send(Request(4, b""), 0)
            self.assertEqual(caught.exception.name, "try-later")

    def test_only_a_client_says_that_it_is_one_and_two_clients_end(self) -> None:
        self.assertTrue(Session(Role.CLIENT, Hello()).hello.client)
        self.assertFalse(Session(Role.SERVER, Hello(client=True)).hello.client)
        self.assertIn("client", str(opened(peer=Hello(client=True)).peer))
        session = Session(Role.CLIENT, HUB)
        (own,) = session.start(0)
        assert isinstance(own, Write)
        session.receive(own.octets, 0)
        ended = session.end_of_stream(0)[-1]
        assert isinstance(ended, End)
        self.assertEqual(ended.cause, "two-clients")

    def test_nothing_is_sent_before_hello_or_after_close(self) -> None:
        session = Session(Role.CLIENT, HUB)
        session.start(0)
        with self.assertRaises(Refused):
            session.send(Message(b""), 0)
        session.receive(support.hello_frame(), 0)
        session.close(1000, None, 0)
        with self.assertRaises(Refused):
            session.send(Message(b""), 0)

    def test_a_post_is_refused_without_the_hub_profile(self) -> None:
        session = opened(Role.CLIENT, peer=Hello())
        with self.assertRaises(Refused) as caught:
            session.send(Post(0, b""), 0)
        self.assertEqual(caught.exception.name, "unknown-kind")

    def test_time_not_spent_reading_does_not_count_against_the_peer(self) -> None:
        session = opened()
        session.receive(b"\xf5", 1_000)
        session.excuse(60_000)
        session.tick(61_500)
        self.assertTrue(session.is_open)
        pings = b"".join(support.frame(0x06, 0, b"1") for _ in range(60))
        session.receive(support.frame(0x07, 0)[1:] + pings, 61_500)
        self.assertTrue(session.is_open, "60 PINGs that waited unread for 60 seconds are not a flood")
        session.receive(pings, 61_500)
        self.assertFalse(session.is_open)

    def test_the_line_of_a_foreign_server_is_quoted(self) -> None:
        session = Session(Role.CLIENT, HUB)
        session.start(0)
        session.receive(b"SSH-2.0-OpenSSH_9.2\r\n", 0)
        session.tick(5_000)
        ended = session.end_of_stream(5_000)[-1]
        assert isinstance(ended, End) and isinstance(ended.fault, Fault)
        self.assertEqual(ended.cause, "hello-timeout")
        self.assertIn('it sent "SSH-2.0-OpenSSH_9.2\\x0d\\x0a"', str(ended.fault))

    def test_the_peers_hello_is_reported(self) -> None:
        session = Session(Role.CLIENT, HUB)
        session.start(0)
        peer = Hello(hub=True, name="hub")
        self.assertEqual(session.receive(support.hello_frame(peer), 0), [Opened(peer)])
        self.assertTrue(session.has_hub)

    def test_memory_for_skipped_and_discarded_bytes_is_bounded(self) -> None:
        session = Session(Role.CLIENT, HUB)
        session.start(0)
        session.receive(b"x" * 100_000, 0)
        self.assertTrue(session.is_done)
        self.assertEqual(session.receive(b"x" * 100_000, 0), [])


if __name__ == "__main__":
    unittest.main()
