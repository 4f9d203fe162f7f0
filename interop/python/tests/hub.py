"""A minimal hub for the chat's tests: one room, text delivered as it was sent."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Dict, List, Optional

import support  # noqa: F401
from bookend import aio
from bookend.action import Role
from bookend.fault import Fault
from bookend.hello import Hello
from bookend.frame import encode
from bookend.history import Query
from bookend.message import AnyMessage, Delivery, Event, Gap, Post, Presence, Request, Welcome, to_frame
from bookend.text import Text


class Hub:
    """Listens on a free port while the `with` block runs."""

    def __init__(self) -> None:
        self.address = ""
        self._joined = 0  # members in total
        self._members: Dict[int, aio.Connection] = {}
        self._names: Dict[int, str] = {}
        self._seq = 0
        self._kept: List[Delivery] = []
        self._stop: Optional[asyncio.Event] = None
        self._listening = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    def __enter__(self) -> Hub:
        self._thread.start()
        assert self._listening.wait(20)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._stop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(20)
        assert not self._thread.is_alive()

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)
            self.address = "127.0.0.1:%d" % listener.getsockname()[1]
            self._listening.set()
            accepting = asyncio.ensure_future(self._accept(listener))
            await self._stop.wait()
            accepting.cancel()
            await asyncio.gather(accepting, return_exceptions=True)
        for peer in list(self._members.values()):
            await peer.close(1001)

    async def _accept(self, listener: socket.socket) -> None:
        serving: "List[asyncio.Task[None]]" = []
        while True:
            stream, _ = await self._loop.sock_accept(listener)
            serving.append(asyncio.ensure_future(self._serve(stream)))

    async def _serve(self, stream: socket.socket) -> None:
        await self._loop.sock_sendall(stream, b"Test hub, a line for people\r\n")
        peer = await aio.from_socket(stream, Role.SERVER, Hello(hub=True))
        self._joined += 1
        member, name = self._joined, peer.peer.name or "nobody"
        await peer.send(Welcome(member, self._seq + 1, Text("hi")))
        await self._send_to_all(Presence(member, Event.JOINED, Text(name)))
        self._members[member], self._names[member] = peer, name
        for other in self._members:
            await peer.send(Presence(other, Event.HERE, Text(self._names[other])))
        if peer.peer.resume is not None:
            for missed in self._kept[peer.peer.resume :]:
                await peer.send(missed)
        try:
            async for message in peer.messages():
                if isinstance(message, Post):
                    await self._deliver(peer, member, name, message)
                elif isinstance(message, Request):
                    await self._tell(peer, message)
        except Fault:
            pass  # the peer is gone
        del self._members[member]
        await self._send_to_all(Presence(member, Event.LEFT, Text(name)))
        await peer.close()

    async def _tell(self, peer: aio.Connection, request: Request) -> None:
        query = Query.parse(request.payload)
        if query is None:
            await peer.refuse(Fault("policy", "not a query"))
            return
        earlier = [kept for kept in self._kept if kept.seq < query.before and (query.text or "") in str(kept.payload)]
        page: List[AnyMessage] = [Gap(0)] if len(earlier) <= query.count else []
        page += earlier[-query.count :]
        await peer.reply(request.id, b"".join(encode(to_frame(entry)) for entry in page))

    async def _deliver(self, peer: aio.Connection, member: int, name: str, post: Post) -> None:
        if post.to == 0:
            self._seq += 1
            self._kept.append(Delivery(member, 0, self._seq, 1795390321000, name, post.payload))
            await self._send_to_all(self._kept[-1])
        elif post.to in self._members:
            await self._members[post.to].send(Delivery(member, post.to, 0, 1795390321000, name, post.payload))
        else:
            await peer.refuse(Fault("no-such-member", str(post.to)))

    async def _send_to_all(self, message: AnyMessage) -> None:
        for peer in list(self._members.values()):
            try:
                await peer.send(message)
            except Fault:
                pass  # the peer is gone
