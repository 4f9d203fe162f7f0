"""What a hub has kept (SPEC section 9, History)."""

from __future__ import annotations

import asyncio
import unittest

import support  # noqa: F401 (makes the package importable)
from bookend import aio, connect
from bookend.fault import Fault, PeerError
from bookend.hello import Hello
from bookend.history import Page, Query
from bookend.message import Delivery
from bookend.text import Text
from hub import Hub

HELLO = Hello(hub=True, name="ann")


class HistoryTest(unittest.TestCase):
    def test_a_client_walks_back_to_the_first_message(self) -> None:
        with Hub() as hub, connect("127.0.0.1", port_of(hub), HELLO) as peer:
            for number in range(1, 6):
                peer.post(f"message {number}")
            for message in peer.messages():
                if isinstance(message, Delivery) and message.seq == 5:
                    break
            pages = [peer.history(count=2)]
            while pages[-1].lost_before is None:
                pages.append(peer.history(pages[-1].deliveries[0].seq, 2))
            self.assertEqual([[entry.seq for entry in page.deliveries] for page in pages], [[4, 5], [2, 3], [1]])
            self.assertEqual([entry.seq for entry in peer.search("message 3").deliveries], [3])

    def test_a_client_with_asyncio_asks_too(self) -> None:
        async def run(port: int) -> Page:
            async with await aio.connect("127.0.0.1", port, HELLO) as peer:
                return await peer.history()

        with Hub() as hub:
            self.assertEqual(asyncio.run(run(port_of(hub))), Page((), 0))

    def test_what_is_not_a_query_is_refused(self) -> None:
        with Hub() as hub, connect("127.0.0.1", port_of(hub), HELLO) as peer:
            with self.assertRaises(PeerError):
                peer.request(b"\x01")

    def test_a_query_that_cannot_be_sent_is_not_made(self) -> None:
        for count, before, text in ((0, 1, None), (1 << 32, 1, None), (1, -1, None), (1, 1, ""), (1, 1, "ü" * 129)):
            with self.assertRaises(ValueError):
                Query(count, before, text)

    def test_text_is_neither_a_query_nor_a_page(self) -> None:
        self.assertIsNone(Query.parse(Text("x" * 13)))
        with self.assertRaises(Fault):
            Page.parse(Text(""))


def port_of(hub: Hub) -> int:
    return int(hub.address.partition(":")[2])


if __name__ == "__main__":
    unittest.main()
