"""The asyncio connection, over a pair of sockets."""

from __future__ import annotations

import asyncio
import socket
import unittest
from contextlib import asynccontextmanager
from typing import AsyncIterator, List, Optional, Tuple

import support
from bookend import aio
from bookend.action import Role
from bookend.aio import Connection
from bookend.fault import Fault, PeerClosed, PeerError, Refused
from bookend.frame import Encoding, Frame
from bookend.hello import Hello
from bookend.limits import Limits
from bookend.message import AnyMessage, Cancel, Message, Ping, Pong, Request, to_frame
from bookend.text import Text

TIMEOUT = 120.0  # seconds: a test that waits longer fails


async def serve(stream: socket.socket, hello: Hello) -> None:
    """Echoes each message, answers requests, refuses the request `no`."""
    async with await aio.from_socket(stream, Role.SERVER, hello) as peer:
        async for message in peer.messages():
            if not isinstance(message, Request):
                await peer.send(message)
            elif message.payload == b"no":
                await peer.refuse(Fault("policy", "not today"))
            else:
                await peer.reply(message.id, message.payload)


@asynccontextmanager
async def echoing(hello: Hello = Hello(), server: Hello = Hello()) -> AsyncIterator[Connection]:
    """A connection to a peer that echoes every message."""
    near, far = socket.socketpair()
    server_task = asyncio.ensure_future(serve(far, server))
    async with await aio.from_socket(near, Role.CLIENT, hello) as peer:
        yield peer
    await asyncio.wait_for(server_task, TIMEOUT)


class Raw:
    """The other side of a connection, byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    def send(self, octets: bytes) -> None:
        self.writer.write(octets)

    async def frame(self) -> Optional[Frame]:
        """The next frame, or None at the end of the stream."""
        header = await asyncio.wait_for(self._reader.read(1), TIMEOUT)
        if not header:
            return None
        header += await self._reader.readexactly(7)
        body = await self._reader.readexactly(int.from_bytes(header[4:], "big"))
        await self._reader.readexactly(2)
        return Frame(header[2], Encoding(header[3]), body)


@asynccontextmanager
async def raw_pair() -> AsyncIterator[Tuple[socket.socket, Raw]]:
    near, far = socket.socketpair()
    raw = Raw(*await asyncio.open_connection(sock=far))
    with near:
        yield near, raw
        raw.writer.close()
        try:
            await raw.writer.wait_closed()
        except OSError:
            pass  # the connection under test closed first


class AioTest(unittest.IsolatedAsyncioTestCase):
    async def test_messages_are_echoed_unchanged(self) -> None:
        async with echoing(server=Hello(preferred=3)) as peer:
            self.assertEqual(peer.peer.preferred, 3)
            await peer.send_text("grüß")
            await peer.send_binary(b"\xf5\xf8\xf8\xf5")
            received = [await peer.receive(TIMEOUT) for _ in range(2)]
        expected: List[Optional[AnyMessage]] = [
            Message(Text("grüß", Encoding.UTF_16BE)),
            Message(b"\xf5\xf8\xf8\xf5"),
        ]
        self.assertEqual(received, expected)

    async def test_requests_run_concurrently(self) -> None:
        async with echoing() as peer:
            questions = [f"question {number}" for number in range(20)]
            answers = await asyncio.gather(*(peer.request(question, TIMEOUT) for question in questions))
            self.assertEqual(answers, [Text(question) for question in questions])
            with self.assertRaises(PeerError) as caught:
                await peer.request(b"no")
            self.assertEqual((caught.exception.name, caught.exception.detail), ("policy", "not today"))

    async def test_a_barrier_ends_after_everything_sent_before_it(self) -> None:
        async with echoing() as peer:
            for number in range(5):
                await peer.send_binary(bytes((number,)))
            await peer.barrier(TIMEOUT)
            received = [await peer.receive(0) for _ in range(5)]
        self.assertEqual(received, [Message(bytes((number,))) for number in range(5)])

    async def test_both_sides_may_send_more_than_the_socket_buffers_hold(self) -> None:
        big = Hello(max_body=1 << 23)
        octets = bytes(range(256)) * (1 << 14)

        async def talk(stream: socket.socket, role: Role) -> Optional[AnyMessage]:
            async with await aio.from_socket(stream, role, big) as peer:
                await peer.send_binary(octets)
                received = await peer.receive(TIMEOUT)
                await peer.barrier(TIMEOUT)
                return received

        near, far = socket.socketpair()
        received = await asyncio.gather(talk(near, Role.CLIENT), talk(far, Role.SERVER))
        self.assertEqual(received, [Message(octets)] * 2)

    async def test_keepalive_pings_are_sent_while_no_task_uses_the_connection(self) -> None:
        async with raw_pair() as (near, raw):
            raw.send(support.hello_frame())
            peer = await aio.from_socket(near, Role.CLIENT, Hello(keepalive=1))
            self.assertEqual(await raw.frame(), Frame(1, Encoding.BINARY, Hello(keepalive=1, client=True).body()))
            self.assertEqual(await raw.frame(), to_frame(Ping()))
            raw.writer.write_eof()
            with self.assertRaises(Fault) as caught:
                await peer.receive(TIMEOUT)
            self.assertEqual(caught.exception.name, "no-close")

    async def test_a_pong_waits_until_the_application_has_acted(self) -> None:
        async with raw_pair() as (near, raw):
            refused = support.frame(3, 0, b"\0\0\0\7")
            raw.send(support.hello_frame() + refused + b"".join(support.frame(6, 0, bytes((n,))) for n in range(5)))
            peer = await aio.from_socket(near, Role.SERVER)
            self.assertEqual(await peer.receive(TIMEOUT), Request(7, b""))
            await peer.refuse(Fault("policy"))
            receiving = asyncio.ensure_future(peer.receive(TIMEOUT))
            await raw.frame()  # HELLO
            kinds_and_bodies = [await raw.frame() for _ in range(3)]
            error = kinds_and_bodies[0]
            assert error is not None
            self.assertEqual((error.kind, error.body[:4]), (5, b"\0\0\0\7"))
            self.assertEqual(kinds_and_bodies[1:], [to_frame(Pong(b"\0")), to_frame(Pong(b"\4"))])
            raw.send(support.frame(8, 1, b"\x03\xe8"))
            raw.writer.write_eof()
            self.assertIsNone(await receiving)
            await peer.close()

    async def test_a_fault_reaches_the_peer_before_the_stream_ends(self) -> None:
        async with raw_pair() as (near, raw):
            raw.send(support.hello_frame() + support.frame(2, 2, b"hi") + b"\0" * 1000)
            raw.writer.write_eof()
            peer = await aio.from_socket(near, Role.SERVER)
            self.assertEqual(await peer.receive(TIMEOUT), Message(Text("hi")))
            for _ in range(2):
                with self.assertRaises(Fault) as caught:
                    await peer.receive(TIMEOUT)
                self.assertEqual((caught.exception.name, caught.exception.code), ("bad-start", 4000))
            await raw.frame()  # HELLO
            close = await raw.frame()
            assert close is not None
            self.assertEqual((close.kind, close.body[:11]), (8, b"\x0f\xa0bad-start"))
            self.assertIsNone(await raw.frame())
            with self.assertRaises(Fault):
                await peer.send_text("too late")

    async def test_a_close_from_the_peer_is_reported(self) -> None:
        for code in (1000, 1013, 3000):
            async with raw_pair() as (near, raw):
                raw.send(support.hello_frame() + support.frame(8, 1, code.to_bytes(2, "big")))
                raw.writer.write_eof()
                peer = await aio.from_socket(near, Role.CLIENT)
                if code == 1000:
                    self.assertIsNone(await peer.receive(TIMEOUT))
                else:
                    with self.assertRaises(PeerClosed) as caught:
                        await peer.receive(TIMEOUT)
                    self.assertEqual(caught.exception.code, code)
                await peer.close()

    async def test_a_handshake_that_fails_closes_the_socket(self) -> None:
        async with raw_pair() as (near, raw):
            raw.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            raw.writer.write_eof()
            with self.assertRaises(Fault) as caught:
                await aio.from_socket(near, Role.SERVER)
            self.assertEqual(caught.exception.name, "bad-start")
        async with raw_pair() as (near, raw):
            with self.assertRaises(Fault) as caught:
                await aio.from_socket(near, Role.CLIENT, limits=Limits(hello=50, drain=50))
            self.assertEqual(caught.exception.name, "hello-timeout")

    async def test_a_peer_that_does_not_read_is_a_slow_consumer(self) -> None:
        near, far = socket.socketpair()
        with far:
            far.sendall(support.hello_frame(Hello(max_body=1 << 30)))
            peer = await aio.from_socket(near, Role.CLIENT, limits=Limits(stall=100))
            with self.assertRaises(Fault) as caught:
                await peer.send_binary(bytes(1 << 24))
            self.assertEqual(caught.exception.name, "slow-consumer")

    async def test_unread_messages_wait_in_the_stream(self) -> None:
        async with raw_pair() as (near, raw):
            raw.send(support.hello_frame())
            peer = await aio.from_socket(near, Role.SERVER)
            octets = bytes(1 << 16)
            sending = asyncio.ensure_future(send_many(raw, support.frame(2, 0, octets), 200))
            with self.assertRaises(asyncio.TimeoutError):
                await asyncio.wait_for(asyncio.shield(sending), 0.3)
            for _ in range(200):
                self.assertEqual(await peer.receive(TIMEOUT), Message(octets))
            await sending
            raw.send(support.frame(8, 1, b"\x03\xe8"))
            raw.writer.write_eof()
            self.assertIsNone(await peer.receive(TIMEOUT))

    async def test_a_cancelled_receive_loses_nothing(self) -> None:
        async with echoing() as peer:
            receiving = asyncio.ensure_future(peer.receive())
            with self.assertRaises(TimeoutError):
                await peer.receive(0)
            receiving.cancel()
            await peer.send_text("hi")
            self.assertEqual(await peer.receive(TIMEOUT), Message(Text("hi")))

    async def test_a_request_that_is_given_up_is_cancelled(self) -> None:
        for cancels in (False, True):
            async with raw_pair() as (near, raw):
                raw.send(support.hello_frame(Hello(requests=1)))
                peer = await aio.from_socket(near, Role.CLIENT)
                await raw.frame()  # HELLO
                requesting = asyncio.ensure_future(peer.request(b"", TIMEOUT if cancels else 0.01))
                self.assertEqual(await raw.frame(), to_frame(Request(1, b"")))
                if cancels:
                    requesting.cancel()
                with self.assertRaises(asyncio.CancelledError if cancels else TimeoutError):
                    await requesting
                self.assertEqual(await raw.frame(), to_frame(Cancel(1)))
                raw.send(support.frame(5, 1, b"\0\0\0\1\0\0\0\1\x0f\xaccancelled") + support.frame(2, 0, b"next"))
                self.assertEqual(await peer.receive(TIMEOUT), Message(b"next"))
                raw.send(support.frame(4, 0, b"\0\0\0\2again") + support.frame(8, 1, b"\x03\xe8"))
                raw.writer.write_eof()
                self.assertEqual(await peer.request(b"", TIMEOUT), b"again")
                await peer.close()

    async def test_a_cancelled_request_needs_no_answer(self) -> None:
        async with raw_pair() as (near, raw):
            raw.send(support.hello_frame() + support.frame(3, 0, b"\0\0\0\7") + support.frame(0x81, 0, b"\0\0\0\7"))
            peer = await aio.from_socket(near, Role.SERVER)
            self.assertEqual(await peer.receive(TIMEOUT), Request(7, b""))
            await raw.frame()  # HELLO
            await raw.frame()  # the ERROR
            await peer.reply(7, b"")  # nobody has told the application yet
            self.assertEqual(await peer.receive(TIMEOUT), Cancel(7))
            with self.assertRaises(Refused):
                await peer.reply(7, b"")
            raw.send(support.frame(8, 1, b"\x03\xe8"))
            raw.writer.write_eof()
            await peer.close()

    async def test_an_illegal_message_is_refused_and_the_connection_stays_open(self) -> None:
        async with echoing(server=Hello(max_body=1024)) as peer:
            with self.assertRaises(Refused) as caught:
                await peer.send_binary(bytes(1025))
            self.assertEqual(caught.exception.name, "too-long")
            await peer.send_binary(bytes(1024))
            self.assertEqual(await peer.receive(TIMEOUT), Message(bytes(1024)))


async def send_many(raw: Raw, octets: bytes, times: int) -> None:
    for _ in range(times):
        raw.send(octets)
        await raw.writer.drain()


if __name__ == "__main__":
    unittest.main()
