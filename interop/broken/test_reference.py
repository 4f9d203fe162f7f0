"""The hub of the reference peer does what SPEC 9 says where `bookend conform` does not look: the mistakes are planted in it,
so it must have none of its own. Run with `python3 -m unittest discover interop/broken`."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import mistakes  # noqa: E402
from reference import frame, hello, history, hub, message, port, text  # noqa: E402
from reference.message import CROWD, HERE, JOINED, LEFT  # noqa: E402


class Peer:
    """A member that is told what to send."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.frames = frame.Reader(frame.LONGEST)
        self.started = False

    def send(self, kind: int, payload: bytes = b"", encoding: int = text.UTF8, **fields: int | str) -> None:
        self.writer.write(frame.encode(kind, encoding, message.build(kind, encoding, payload, **fields)))

    def post(self, said: str, to: int = 0) -> None:
        self.send(message.POST, said.encode(), to=to)

    async def next(self) -> message.Message:
        """The next message that is not a PING."""
        while (one := self.frames.next()) is None:
            data = await asyncio.wait_for(self.reader.read(65536), 10)
            assert data, "the stream has ended"
            if not self.started:
                data = data[data.find(b"\xf5") :] if b"\xf5" in data else b""
                self.started = bool(data)
            self.frames.feed(data)
        if one.kind == message.PING:
            self.send(message.PONG, one.body, text.BINARY)
            return await self.next()
        return message.parse(*one) if one.kind != hello.KIND else await self.next()

    async def until_pong(self) -> list[message.Message]:
        """Everything that arrives before the answer to a PING."""
        self.send(message.PING, b"barrier", text.BINARY)
        got = []
        while (one := await self.next()).kind != message.PONG:
            got.append(one)
        return got


def words(got: list[message.Message]) -> list[tuple]:
    """Messages in a form that is easy to compare."""
    return [(one.kind, *one.fields.values(), one.text) for one in got]


class HubTest(unittest.IsolatedAsyncioTestCase):
    async def start(self, **settings: object) -> None:
        self.hub = hub.Hub(hub.Settings(keepalive=0, **settings))
        loop = asyncio.get_running_loop()
        self.listener = await loop.create_server(lambda: port.Port(self.hub), "127.0.0.1", 0)
        self.port = self.listener.sockets[0].getsockname()[1]
        self.writers: list[asyncio.StreamWriter] = []

    async def asyncTearDown(self) -> None:
        for writer in self.writers:
            writer.close()
        self.listener.close()

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.writers.append(writer)
        return reader, writer

    async def join(self, name: str | None = None, **options: object) -> Peer:
        peer = Peer(*await self.connect())
        own = hello.Hello(**{"features": 1, "keepalive": 0, "client": True, "name": name, **options})
        peer.writer.write(frame.encode(hello.KIND, text.BINARY, own.write()))
        peer.first = await peer.next() if own.hub else None
        return peer

    async def test_member_that_lags_is_sent_a_gap_and_the_members(self) -> None:
        await self.start()
        ann, bob = await self.join("ann"), await self.join("bob")
        await ann.until_pong()
        bob.writer.transport.pause_reading()
        for number in range(400):
            ann.send(message.POST, b"x" * 32768, text.BINARY, to=0)
            if number % 20 == 0:
                await ann.until_pong()
        await ann.until_pong()
        cyd = await self.join("cyd")
        await cyd.until_pong()
        bob.writer.transport.resume_reading()
        got: list[message.Message] = []
        while not got or (got[-1].kind, got[-1].text) != (message.PRESENCE, "cyd"):
            got.append(await bob.next())
        kinds = [one.kind for one in got]
        self.assertIn(message.GAP, kinds)
        expected = bob.first["seq"]
        for one in got:
            if one.kind == message.GAP:
                expected += one["missed"]
            elif one.kind == message.DELIVERY:
                self.assertEqual(one["seq"], expected)
                expected += 1
        self.assertEqual(expected, bob.first["seq"] + 400)
        last = got[len(kinds) - kinds[::-1].index(message.GAP) :]
        self.assertEqual([(one["event"], one.text) for one in last], [(HERE, "ann"), (HERE, "bob"), (HERE, "cyd")])

    async def test_crowd_begins_counts_and_ends(self) -> None:
        await self.start(crowd=3)
        peers = [await self.join(f"m{number}") for number in range(3)]
        self.assertEqual([one.text for one in await peers[0].until_pong()], ["m0", "m1", "m2"])
        peers.append(await self.join("m3"))
        self.assertEqual([(one["event"], one["member"], one.text) for one in await peers[3].until_pong()], [(CROWD, 4, "lobby"), (HERE, 4, "m3")])
        self.assertEqual([(one["event"], one["member"], one.text) for one in await peers[0].until_pong()], [(CROWD, 4, "lobby")])
        peers.append(await self.join("m4"))
        self.assertEqual([(one["event"], one["member"]) for one in await peers[4].until_pong()], [(CROWD, 5), (HERE, 5)])
        one = await peers[0].next()  # after a second
        self.assertEqual((one["event"], one["member"]), (CROWD, 5))
        for peer in peers[3:]:
            peer.send(message.CLOSE, encoding=text.ASCII, code=1000)
            while (await peer.next()).kind != message.CLOSE:
                pass
        got = await peers[0].until_pong()
        while len(got) < 3:
            got += await peers[0].until_pong()
        self.assertEqual([(one["event"], one.text) for one in got[-3:]], [(HERE, "m0"), (HERE, "m1"), (HERE, "m2")])

    async def test_resume_is_answered_with_what_is_kept(self) -> None:
        await self.start(keep=2)
        ann = await self.join("ann")
        for said in "abcd":
            ann.post(said)
        await ann.until_pong()
        first = ann.first["seq"]
        back = await self.join("bob", resume=first)
        got = (await back.until_pong())[2:]
        self.assertEqual([(one.kind, one.fields.get("seq") or one["missed"]) for one in got], [(message.GAP, 1), (message.DELIVERY, first + 2), (message.DELIVERY, first + 3)])
        for last in (first - 1, first + 4):
            refused = (await (await self.join(resume=last)).until_pong())[-1]
            self.assertEqual((refused.kind, refused["code"], refused["frame"]), (message.ERROR, 4009, 0))
        whole = (await (await self.join(resume=0)).until_pong())[-3:]
        self.assertEqual(whole[0]["missed"], 2)

    async def test_pages_account_for_every_number(self) -> None:
        await self.start(keep=40)
        ann = await self.join("ann", max_body=1024)
        big = await self.join("big")
        for number in range(50):
            big.post("x" * (2000 if number % 7 == 0 else 100))
        await big.until_pong()
        await ann.until_pong()
        before, seen, lost = 2**64 - 1, [], 0
        for id in range(1, 50):
            ann.send(message.REQUEST, history.Query(before, 5, None).write(), text.BINARY, id=id)
            while (one := await ann.next()).kind != message.REPLY:
                pass
            entries = history.parse_page(one.payload)
            seqs = [entry["seq"] for entry in entries if entry.kind == message.DELIVERY]
            lost += sum(entry["missed"] for entry in entries if entry.kind == message.GAP)
            seen = seqs + seen
            if entries[0].kind == message.GAP:
                break
            before = seqs[0]
        self.assertEqual((len(seen) + lost, sorted(seen)), (50, seen))
        self.assertEqual(len(seen), 40 - 6)

    async def test_name_that_becomes_free_is_given_back(self) -> None:
        await self.start()
        ann, twin, cyd = await self.join("ann"), await self.join("Ann"), await self.join("cyd")
        self.assertEqual([one.text for one in await twin.until_pong()], ["ann", "Ann-2", "cyd"])
        await cyd.until_pong()
        ann.send(message.CLOSE, encoding=text.ASCII, code=1000)
        self.assertEqual(words([await cyd.next() for _ in range(3)]), [(0x11, 1, LEFT, "ann"), (0x11, 2, LEFT, "Ann-2"), (0x11, 2, JOINED, "Ann")])

    async def test_post_to_a_silent_member_is_answered_with_try_later(self) -> None:
        await self.start()
        ann, bob = await self.join("ann"), await self.join("bob")
        ann.post("psst", to=2)
        got = [one for one in await ann.until_pong() if one.kind == message.ERROR]  # bob's PONG is not sent
        self.assertEqual([(one["code"], one["frame"]) for one in got], [(1013, 1)])
        ann.post("again", to=2)
        self.assertEqual([one.text for one in await bob.until_pong()][-2:], ["psst", "again"])
        self.assertEqual([one.kind for one in await ann.until_pong()], [])

    async def test_tokens_decide_who_enters_reads_and_writes(self) -> None:
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write('[[token]]\ntoken = "w"\nrooms = ["*"]\nrights = ["write"]\n[[token]]\ntoken = "r"\nrooms = ["lobby"]\nrights = ["read"]\n')
            file.flush()
            await self.start(tokens=file.name)
            reads, writes = await self.join("reads", token=b"r"), await self.join("writes", token=b"w", resume=0)
            reads.post("no")
            writes.post("yes")
            self.assertEqual([one["code"] for one in await writes.until_pong() if one.kind == message.ERROR], [4009])
            got = [one for one in await reads.until_pong() if one.kind in (message.ERROR, message.DELIVERY)]
            self.assertEqual(sorted(one.text for one in got), ["policy", "yes"])
            refused = await self.join("nobody")
            self.assertEqual((refused.first.kind, refused.first["code"]), (message.CLOSE, 1008))

    async def test_terminal_speaks_and_is_told(self) -> None:
        await self.start()
        ann = await self.join("ann: ")
        reader, writer = await self.connect()
        self.assertRegex(await reader.readline(), rb"^Bookend .*UTC\r\n$")
        writer.write(b"\xff\xfd\x01helly\x08o\r\0")
        self.assertEqual((await ann.next(), await ann.next(), (await ann.next()).text)[2], "hello")
        ann.post("a\nb")
        self.assertEqual(await reader.readline(), b"\xff\xfc\x01* you are guest-2\r\n")
        self.assertEqual(await reader.readline(), b"guest-2: hello\r\n")
        self.assertEqual(await reader.readline(), b"ann\\u{3a}: a\\u{a}b\r\n")

    async def test_hello_after_other_bytes_is_refused(self) -> None:
        await self.start()
        ann = await self.join("ann")
        reader, writer = await self.connect()
        await reader.readline()
        writer.write(b"hi\n" + frame.encode(hello.KIND, text.BINARY, hello.Hello().write()))
        self.assertRegex(await reader.readline(), b"bad-start")
        self.assertEqual([one.kind for one in await ann.until_pong()], [message.PRESENCE])

    async def test_plain_member_is_sent_messages(self) -> None:
        await self.start()
        ann, plain = await self.join("*"), await self.join("plain", features=0, preferred=text.ASCII, max_body=1024)
        ann.post("grüß")
        ann.post("x" * 2000)
        await ann.until_pong()
        self.assertEqual([one.text for one in await plain.until_pong()], ["\\u{2a}-2: gr\\u{fc}\\u{df}", "* you missed 1 messages"])


class TableTest(unittest.TestCase):
    def test_every_mistake_can_be_planted(self) -> None:
        planted = mistakes.load()
        for layer, least in {"codec": 25, "session": 35, "hub": 50}.items():
            self.assertGreaterEqual(sum(one.layer == layer for one in planted), least)
        for one in planted:
            for name, source in mistakes.sources(one).items():
                with self.subTest(one.id):
                    compile(source, name, "exec")
                    self.assertNotEqual(source, (mistakes.HERE / "reference" / name).read_text())

    def test_text_that_does_not_occur_exactly_once_is_an_error(self) -> None:
        one = mistakes.load()[0]
        for text_of_file in ("", "a a"):
            with self.assertRaises(mistakes.BadTable):
                mistakes.apply(one, mistakes.Edit("frame.py", "a", "b"), text_of_file)


if __name__ == "__main__":
    unittest.main()
