"""The blocking connection, over a pair of sockets."""

from __future__ import annotations

import selectors
import socket
import threading
import time
import unittest
from contextlib import contextmanager, suppress
from typing import Iterator, List, Optional

import support
from bookend import connection
from bookend.action import Role
from bookend.connection import Connection
from bookend.fault import Fault, PeerClosed, PeerError, Refused
from bookend.frame import Decoder, Encoding, Frame
from bookend.hello import Hello
from bookend.limits import Limits
from bookend.message import AnyMessage, Cancel, Error, Message, Ping, Pong, Request, to_frame
from bookend.text import Text

TIMEOUT = 120.0  # seconds: a test that waits longer fails


def serve(stream: socket.socket, hello: Hello) -> None:
    """Echoes each message, answers requests, refuses the request `no`."""
    with connection.from_socket(stream, Role.SERVER, hello) as peer:
        for message in peer.messages():
            if not isinstance(message, Request):
                peer.send(message)
            elif message.payload == b"no":
                peer.refuse(Fault("policy", "not today"))
            else:
                peer.reply(message.id, message.payload)


@contextmanager
def echoing(hello: Hello = Hello(), server: Hello = Hello()) -> Iterator[Connection]:
    """A connection to a peer that echoes every message."""
    near, far = socket.socketpair()
    thread = threading.Thread(target=serve, args=(far, server))
    thread.start()
    try:
        with connection.from_socket(near, Role.CLIENT, hello) as peer:
            yield peer
    finally:
        thread.join(TIMEOUT)
        assert not thread.is_alive()


class Raw:
    """The other side of a connection, byte by byte."""

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream
        self._stream.settimeout(TIMEOUT)
        self._decoder = Decoder((1 << 31) - 1)

    def send(self, octets: bytes) -> None:
        self._stream.sendall(octets)

    def frame(self) -> Optional[Frame]:
        """The next frame, or None at the end of the stream."""
        frame = self._decoder.next()
        while frame is None:
            octets = self._stream.recv(1 << 16)
            if not octets:
                return None
            self._decoder.feed(octets)
            frame = self._decoder.next()
        return frame

    def shut(self) -> None:
        self._stream.shutdown(socket.SHUT_WR)


@contextmanager
def raw_pair() -> Iterator["tuple[socket.socket, Raw]"]:
    near, far = socket.socketpair()
    with near, far:
        yield near, Raw(far)


_CANCELLED = support.frame(5, 1, b"\0\0\0\1\0\0\0\1\x0f\xaccancelled")


def _kind(frame: Optional[Frame]) -> Optional[int]:
    return frame.kind if frame else None


class ConnectionTest(unittest.TestCase):
    def test_messages_are_echoed_unchanged(self) -> None:
        with echoing(server=Hello(preferred=3)) as peer:
            self.assertEqual(peer.peer.preferred, 3)
            peer.send_text("grüß")
            peer.send_binary(b"\xf5\xf8\xf8\xf5")
            peer.send(Message(Text("as it is", Encoding.ASCII)))
            received = [peer.receive(TIMEOUT) for _ in range(3)]
        texts: List[Optional[AnyMessage]] = [
            Message(Text("grüß", Encoding.UTF_16BE)),
            Message(b"\xf5\xf8\xf8\xf5"),
            Message(Text("as it is", Encoding.ASCII)),
        ]
        self.assertEqual(received, texts)

    def test_text_that_ascii_cannot_carry_is_sent_as_utf_8(self) -> None:
        with echoing(server=Hello(preferred=1)) as peer:
            peer.send_text("gruss")
            peer.send_text("grüß")
            received = [peer.receive(TIMEOUT) for _ in range(2)]
        self.assertEqual(received, [Message(Text("gruss", Encoding.ASCII)), Message(Text("grüß"))])

    def test_requests_are_answered_or_refused(self) -> None:
        with echoing() as peer:
            self.assertEqual(peer.request("time?"), Text("time?"))
            with self.assertRaises(PeerError) as caught:
                peer.request(b"no")
            self.assertEqual((caught.exception.name, caught.exception.detail), ("policy", "not today"))
            self.assertEqual(peer.request(b""), b"")

    def test_a_request_that_times_out_is_cancelled_and_its_late_answer_dropped(self) -> None:
        for late in (support.frame(4, 0, b"\0\0\0\1late"), support.frame(4, 2, b"\0\0\0\1\xff"), _CANCELLED):
            with raw_pair() as (near, raw):
                raw.send(support.hello_frame(Hello(requests=1)))
                peer = connection.from_socket(near, Role.CLIENT)
                with self.assertRaises(TimeoutError):
                    peer.request(b"", timeout=0)
                self.assertEqual([_kind(raw.frame()) for _ in range(2)], [1, 3])
                self.assertEqual(raw.frame(), to_frame(Cancel(1)))
                raw.send(late + support.frame(2, 0, b"next"))
                self.assertEqual(peer.receive(TIMEOUT), Message(b"next"))
                raw.send(support.frame(4, 0, b"\0\0\0\2again"))
                self.assertEqual(peer.request(b"", TIMEOUT), b"again")

    def test_a_cancelled_request_needs_no_answer(self) -> None:
        with raw_pair() as (near, raw):
            raw.send(support.hello_frame() + support.frame(3, 0, b"\0\0\0\7") + support.frame(3, 0, b"\0\0\0\x08"))
            peer = connection.from_socket(near, Role.SERVER)
            self.assertEqual([peer.receive(TIMEOUT) for _ in range(2)], [Request(7, b""), Request(8, b"")])
            cancels = b"".join(support.frame(0x81, 0, bytes((0, 0, 0, id))) for id in (7, 8))
            raw.send(cancels + support.frame(7, 0, b"\0\0\0\1"))
            peer.barrier(TIMEOUT)
            peer.reply(7, b"")  # nobody has told the application yet
            peer.refuse(Fault("policy"))
            self.assertEqual([peer.receive(TIMEOUT) for _ in range(2)], [Cancel(7), Cancel(8)])
            with self.assertRaises(Refused) as caught:
                peer.reply(7, b"")
            self.assertEqual(caught.exception.name, "no-such-request")
            self.assertEqual([_kind(raw.frame()) for _ in range(4)], [1, 6, 5, 5])

    def test_the_id_of_an_unanswered_request_is_not_used_again(self) -> None:
        with raw_pair() as (near, raw):
            raw.send(support.hello_frame())
            peer = connection.from_socket(near, Role.CLIENT)
            peer.send(Request(1, b""))
            raw.send(support.frame(4, 0, b"\0\0\0\2two"))
            self.assertEqual(peer.request(b"", TIMEOUT), b"two")

    def test_a_request_of_send_can_be_cancelled(self) -> None:
        with raw_pair() as (near, raw):
            raw.send(support.hello_frame())
            peer = connection.from_socket(near, Role.CLIENT)
            with self.assertRaises(Refused):
                peer.cancel(7)
            peer.send(Request(7, b""))
            peer.cancel(7)
            self.assertEqual([_kind(raw.frame()) for _ in range(3)], [1, 3, 0x81])
            raw.send(support.frame(5, 1, b"\0\0\0\7\0\0\0\1\x0f\xaccancelled"))
            error = peer.receive(TIMEOUT)
            assert isinstance(error, Error)
            self.assertEqual((error.id, error.code), (7, 4012))

    def test_a_barrier_yields_the_messages_before_it(self) -> None:
        with echoing() as peer:
            for number in range(5):
                peer.send_binary(bytes((number,)))
            self.assertEqual(list(peer.until_pong(TIMEOUT)), [Message(bytes((number,))) for number in range(5)])
            peer.barrier(TIMEOUT)

    def test_a_barrier_that_times_out_is_forgotten(self) -> None:
        with raw_pair() as (near, raw):
            raw.send(support.hello_frame())
            peer = connection.from_socket(near, Role.SERVER)
            with self.assertRaises(TimeoutError):
                peer.barrier(0)
            raw.frame()  # HELLO
            ping = raw.frame()
            assert ping is not None
            peer.send(Ping(b"own"))
            raw.send(support.frame(7, 0, ping.body) + support.frame(7, 0, b"own"))
            self.assertEqual(peer.receive(TIMEOUT), Pong(b"own"))

    def test_both_sides_may_send_more_than_the_socket_buffers_hold(self) -> None:
        big = Hello(max_body=1 << 23)
        near, far = socket.socketpair()
        octets = bytes(range(256)) * (1 << 14)
        received: List[Optional[AnyMessage]] = []

        def talk(stream: socket.socket, role: Role) -> None:
            with connection.from_socket(stream, role, big) as peer:
                peer.send_binary(octets)
                received.append(peer.receive(TIMEOUT))
                peer.barrier(TIMEOUT)

        threads = [threading.Thread(target=talk, args=pair) for pair in ((near, Role.CLIENT), (far, Role.SERVER))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(TIMEOUT)
        self.assertEqual(received, [Message(octets)] * 2)

    def test_keepalive_pings_are_sent_while_waiting(self) -> None:
        with raw_pair() as (near, raw):
            raw.send(support.hello_frame())
            with self.assertRaises(TimeoutError):
                peer = connection.from_socket(near, Role.CLIENT, Hello(keepalive=1))
                peer.receive(1.5)
            self.assertEqual(raw.frame(), Frame(1, Encoding.BINARY, Hello(keepalive=1, client=True).body()))
            self.assertEqual(raw.frame(), to_frame(Ping()))
            raw.shut()
            with self.assertRaises(Fault) as caught:
                peer.receive(TIMEOUT)
            self.assertEqual(caught.exception.name, "no-close")

    def test_a_pong_waits_until_the_application_has_acted(self) -> None:
        with raw_pair() as (near, raw):
            refused = support.frame(3, 0, b"\0\0\0\7")
            raw.send(support.hello_frame() + refused + b"".join(support.frame(6, 0, bytes((n,))) for n in range(5)))
            peer = connection.from_socket(near, Role.SERVER)
            self.assertEqual(peer.receive(TIMEOUT), Request(7, b""))
            peer.refuse(Fault("policy"))
            raw.send(support.frame(8, 1, b"\x03\xe8"))
            raw.shut()
            self.assertIsNone(peer.receive(TIMEOUT))
            raw.frame()  # HELLO
            frames = [raw.frame() for _ in range(4)]
            assert frames[0] is not None and frames[3] is not None
            self.assertEqual((frames[0].kind, frames[0].body[:4]), (5, b"\0\0\0\7"))
            self.assertEqual(frames[1:3], [to_frame(Pong(b"\0")), to_frame(Pong(b"\4"))])
            self.assertEqual(frames[3].kind, 8)

    def test_a_fault_reaches_the_peer_before_the_stream_ends(self) -> None:
        with raw_pair() as (near, raw):
            raw.send(support.hello_frame() + support.frame(2, 2, b"hi") + b"\0" * 1000)
            peer = connection.from_socket(near, Role.SERVER)
            self.assertEqual(peer.receive(TIMEOUT), Message(Text("hi")))
            raw.shut()
            for _ in range(2):
                with self.assertRaises(Fault) as caught:
                    peer.receive(TIMEOUT)
                self.assertEqual((caught.exception.name, caught.exception.code), ("bad-start", 4000))
            raw.frame()  # HELLO
            close = raw.frame()
            assert close is not None
            self.assertEqual((close.kind, close.body[:11]), (8, b"\x0f\xa0bad-start"))
            self.assertIsNone(raw.frame())
            with self.assertRaises(Fault):
                peer.send_text("too late")

    def test_poll_timeout_detects_a_peer_that_stops(self) -> None:
        # [R7.3] [R7.11]
        quiet = Hello(keepalive=0)
        for what, hello, octets in (("idle", Hello(keepalive=1), b""), ("frame-timeout", quiet, b"\xf5")):
            with self.subTest(what), raw_pair() as (near, raw):
                raw.send(support.hello_frame(hello) + octets)
                peer = connection.from_socket(near, Role.CLIENT, quiet, limits=Limits(header=100, drain=50))
                until = time.monotonic() + TIMEOUT
                with selectors.DefaultSelector() as selector, self.assertRaises(Fault) as caught:
                    selector.register(peer, selectors.EVENT_READ)
                    while time.monotonic() < until:
                        with suppress(TimeoutError):
                            peer.receive(timeout=0)
                        selector.select(peer.poll_timeout())
                self.assertEqual(caught.exception.name, what)

    def test_a_close_from_the_peer_is_reported(self) -> None:
        for code, reason in ((1000, b"normal"), (1013, b"try-later: full"), (3000, b"mine")):
            with raw_pair() as (near, raw):
                raw.send(support.hello_frame() + support.frame(8, 1, code.to_bytes(2, "big") + reason))
                raw.shut()
                peer = connection.from_socket(near, Role.CLIENT)
                if code == 1000:
                    self.assertEqual(list(peer.messages()), [])
                else:
                    with self.assertRaises(PeerClosed) as caught:
                        list(peer.messages())
                    self.assertEqual(caught.exception.code, code)
                peer.close()

    def test_a_handshake_that_fails_closes_the_socket(self) -> None:
        with raw_pair() as (near, raw):
            raw.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            raw.shut()
            with self.assertRaises(Fault) as caught:
                connection.from_socket(near, Role.SERVER)
            self.assertEqual(caught.exception.name, "bad-start")
            self.assertEqual(near.fileno(), -1)
        with raw_pair() as (near, raw):
            with self.assertRaises(Fault) as caught:
                connection.from_socket(near, Role.CLIENT, limits=Limits(hello=50, drain=50))
            self.assertEqual(caught.exception.name, "hello-timeout")

    def test_a_peer_that_does_not_read_is_a_slow_consumer(self) -> None:
        with raw_pair() as (near, raw):
            raw.send(support.hello_frame(Hello(max_body=1 << 30)))
            peer = connection.from_socket(near, Role.CLIENT, limits=Limits(stall=100))
            with self.assertRaises(Fault) as caught:
                peer.send_binary(bytes(1 << 24))
            self.assertEqual(caught.exception.name, "slow-consumer")
            self.assertEqual(near.fileno(), -1)

    def test_an_illegal_message_is_refused_and_the_connection_stays_open(self) -> None:
        with echoing(server=Hello(max_body=1024, accepted=7)) as peer:
            for message, name in (
                (Message(bytes(1025)), "too-long"),
                (Message(Text("a", Encoding.UTF_16BE)), "encoding-refused"),
            ):
                with self.assertRaises(Refused) as caught:
                    peer.send(message)
                self.assertEqual(caught.exception.name, name)
            with self.assertRaises(Refused):
                peer.post("no hub here")
            peer.send_binary(bytes(1024))
            self.assertEqual(peer.receive(TIMEOUT), Message(bytes(1024)))

    def test_a_request_fails_when_unread_messages_fill_the_inbox(self) -> None:
        with raw_pair() as (near, raw):
            raw.send(support.hello_frame())
            peer = connection.from_socket(near, Role.SERVER)
            flood = threading.Thread(target=send_until_refused, args=(raw, support.frame(2, 0, bytes(1 << 16))))
            flood.start()
            with self.assertRaises(Refused) as caught:
                peer.request("never answered", TIMEOUT)
            self.assertEqual(caught.exception.name, "try-later")
            self.assertEqual(peer.receive(TIMEOUT), Message(bytes(1 << 16)))
            near.close()
            flood.join(TIMEOUT)
            self.assertFalse(flood.is_alive())

    def test_a_broken_stream_is_reported(self) -> None:
        with raw_pair() as (near, raw):
            raw.send(support.hello_frame())
            peer = connection.from_socket(near, Role.SERVER)
            raw._stream.close()
            with self.assertRaises(Fault) as caught:
                for _ in range(100):
                    peer.send_binary(bytes(1 << 16))
            self.assertEqual(caught.exception.name, "no-close")


def send_until_refused(raw: Raw, octets: bytes) -> None:
    try:
        for _ in range(1 << 8):
            raw.send(octets)
    except OSError:
        pass  # the test is over


if __name__ == "__main__":
    unittest.main()
