"""A chat client on standard input and output.

Each line of input is posted to the room, and `/to ID text` to one member. Messages that arrive are printed, one a line.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import selectors
import socket
import sys
from dataclasses import dataclass
from io import BufferedReader
from typing import Callable, List, NoReturn, Optional, Sequence, Tuple, cast

from . import aio, connection
from .endpoint import Sendable
from .fault import Fault, PeerError, Refused
from .frame import Encoding
from .hello import Hello
from .lines import Lines
from .message import AnyMessage, Delivery, Error, Message, Request, Welcome
from .show import as_json, plain
from .text import Payload, decode, payload, printable

_PREFERRED = {
    "as-sent": 0,
    "ascii": int(Encoding.ASCII),
    "utf-8": int(Encoding.UTF_8),
    "utf-16be": int(Encoding.UTF_16BE),
    "utf-16le": int(Encoding.UTF_16LE),
}
_NO_REQUESTS = Fault("policy", "this is a chat client, which answers no requests")
_MEMBER = re.compile("[0-9]{1,10}")
_SOFTWARE = "bookend-python 0.1.0"


def main(arguments: Optional[Sequence[str]] = None) -> NoReturn:
    """Exits with 0 on success, 1 after a fault, 2 for a wrong option."""
    parsed = _parser().parse_args(arguments)
    host, port = parsed.address
    try:
        chat = Chat(_options(parsed))
        if parsed.asyncio:
            asyncio.run(_run_asyncio(chat, host, port))
        else:
            _run_blocking(chat, host, port)
    except Fault as fault:
        _fail(str(fault))
    except BrokenPipeError:
        sys.exit(1)  # the reader of standard output is gone
    except OSError as error:
        _fail(f"{host}:{port}: {error}; does a hub listen there?")
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(chat.status)


@dataclass(frozen=True)
class Options:
    """The command line."""

    hello: Hello
    count: Optional[int]  # deliveries until the end
    json: bool
    sends: List[Payload]  # posted once joined


class Chat:
    """What to print and what to post, the same over both kinds of connection."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.status = 0  # of the process
        self._member = 0
        self._count = 0

    @property
    def is_complete(self) -> bool:
        """Whether the requested number of deliveries has arrived."""
        return self._count == self.options.count

    def show(self, message: AnyMessage) -> None:
        """Prints a message."""
        if isinstance(message, Welcome):
            self._member = message.member
        elif isinstance(message, Error):
            self.report(PeerError(message.code, message.reason.value))
        elif isinstance(message, (Delivery, Message)):
            self._count += 1
        line = as_json(message) if self.options.json else plain(message, self._member)
        if line is not None:
            sys.stdout.buffer.write(line.encode("utf-8") + b"\n")
            sys.stdout.buffer.flush()

    def report(self, fault: Fault) -> None:
        """Reports a fault that does not end the chat."""
        self.status = 1
        _print_error(str(fault))


def _post_of(line: bytes) -> Tuple[str, int]:
    """The text of a line of input and the member that it is for; 0 = everyone. Raises Refused."""
    try:
        text = decode(line, Encoding.UTF_8).value
    except Fault as fault:
        raise Refused(fault.name, f"{fault.detail} of a line of input") from None
    if not text.startswith("/to "):
        return text, 0
    _, member, *words = text.split(" ", 2)
    if not (_MEMBER.fullmatch(member) and 0 < int(member) < 1 << 32):
        raise Refused("no-such-member", "write /to ID text, where ID is a member's number")
    return " ".join(words), int(member)


def _lines(wake: Callable[[], None]) -> Lines:
    return Lines(cast(BufferedReader, sys.stdin.buffer).raw.read, wake)


# Over a blocking connection


def _run_blocking(chat: Chat, host: str, port: int) -> None:
    wake_receiver, wake_sender = socket.socketpair()  # a selector can wait for a socket on every system

    def wake() -> None:
        try:
            wake_sender.send(b"\0")
        except OSError:
            pass  # the chat is over

    with wake_receiver, wake_sender, connection.connect(host, port, chat.options.hello) as peer:
        with selectors.DefaultSelector() as selector:
            selector.register(peer, selectors.EVENT_READ)
            selector.register(wake_receiver, selectors.EVENT_READ)
            _talk(chat, peer, _lines(wake), selector, wake_receiver)


def _talk(
    chat: Chat,
    peer: connection.Connection,
    lines: Lines,
    selector: selectors.BaseSelector,
    wake_receiver: socket.socket,
) -> None:
    """Shows and posts until the input ends, all deliveries have arrived or the hub closes."""
    if not peer.has_hub:
        _begin(chat, peer, lines)
    while not chat.is_complete:
        is_idle = False
        try:
            message = peer.receive(timeout=0)
            if message is None:
                return
            chat.show(message)
            if isinstance(message, Welcome):
                _begin(chat, peer, lines)
            elif isinstance(message, Request):
                peer.refuse(_NO_REQUESTS)
        except TimeoutError:
            is_idle = True
        line = lines.take()
        if line is not None:
            try:
                _post(peer, *_post_of(line))
            except Refused as fault:
                chat.report(fault)
        elif is_idle and lines.is_over and chat.options.count is None:
            for message in peer.until_pong():
                chat.show(message)
            return
        elif is_idle:
            for key, _ in selector.select(peer.poll_timeout()):
                if key.fileobj is wake_receiver:
                    wake_receiver.recv(1 << 10)


def _begin(chat: Chat, peer: connection.Connection, lines: Lines) -> None:
    for value in chat.options.sends:
        _post(peer, value, 0)
    lines.start()


def _post(peer: connection.Connection, value: Sendable, to: int) -> None:
    if to or peer.has_hub:
        peer.post(value, to)
    elif isinstance(value, str):
        peer.send_text(value)
    else:
        peer.send(Message(value))


# Over asyncio


async def _run_asyncio(chat: Chat, host: str, port: int) -> None:
    async with await aio.connect(host, port, chat.options.hello) as peer:
        joined = asyncio.Event()
        if not peer.has_hub:
            joined.set()
        tasks = (
            asyncio.ensure_future(_show_all(chat, peer, joined)),
            asyncio.ensure_future(_post_all(chat, peer, joined)),
        )
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result


async def _show_all(chat: Chat, peer: aio.Connection, joined: asyncio.Event) -> None:
    async for message in peer.messages():
        chat.show(message)
        if isinstance(message, Welcome):
            joined.set()
        elif isinstance(message, Request):
            await peer.refuse(_NO_REQUESTS)
        if chat.is_complete:
            return


async def _post_all(chat: Chat, peer: aio.Connection, joined: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    input_ready = asyncio.Event()

    def wake() -> None:
        try:
            loop.call_soon_threadsafe(input_ready.set)
        except RuntimeError:
            pass  # the chat is over

    await joined.wait()
    for value in chat.options.sends:
        await _post_asyncio(peer, value, 0)
    lines = _lines(wake)
    lines.start()
    while not lines.is_over:
        input_ready.clear()
        line = lines.take()
        if line is None:
            if not lines.is_over:
                await input_ready.wait()
            continue
        try:
            await _post_asyncio(peer, *_post_of(line))
        except Refused as fault:
            chat.report(fault)
    if chat.options.count is None:
        await peer.barrier()
    else:
        await loop.create_future()  # cancelled when all deliveries have arrived


async def _post_asyncio(peer: aio.Connection, value: Sendable, to: int) -> None:
    if to or peer.has_hub:
        await peer.post(value, to)
    elif isinstance(value, str):
        await peer.send_text(value)
    else:
        await peer.send(Message(value))


# The command line


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bookend.chat", description=__doc__)
    parser.add_argument("address", metavar="HOST:PORT", type=_address)
    parser.add_argument("--name", help="your name in the room (default: the hub chooses one)")
    parser.add_argument("--room", help="the room to join (default: the hub's lobby)")
    parser.add_argument("--resume", type=_seq, metavar="SEQ", help="receive what was said after the message with that number first")
    parser.add_argument("--encoding", choices=_PREFERRED, default="utf-8", help="encoding in which the hub should send text (default: utf-8)")
    parser.add_argument("--asyncio", action="store_true", help="use asyncio instead of a blocking socket")
    parser.add_argument("--count", type=_count, metavar="N", help="exit after N deliveries instead of at the end of the input")
    parser.add_argument("--json", action="store_true", help="print each message as a JSON object")
    parser.add_argument(
        "--send-hex",
        nargs=2,
        action="append",
        default=[],
        metavar=("ENC", "HEX"),
        help="after joining, post the bytes HEX in encoding ENC, 0 to 4; may be repeated",
    )
    return parser


def _options(parsed: argparse.Namespace) -> Options:
    """The options. Raises Fault for a HELLO or payload that must not be sent."""
    hello = Hello(
        preferred=_PREFERRED[parsed.encoding],
        hub=True,
        name=parsed.name,
        room=parsed.room,
        resume=parsed.resume,
        software=_SOFTWARE,
    )
    try:
        sends = [payload(bytes.fromhex(octets), Encoding(int(number))) for number, octets in parsed.send_hex]
    except ValueError as error:
        _parser().error(f"argument --send-hex: {error}")
    return Options(hello, parsed.count, parsed.json, sends)


def _address(word: str) -> Tuple[str, int]:
    host, colon, port = word.rpartition(":")
    if not colon or not port.isdigit():
        raise argparse.ArgumentTypeError(f"{word} is not of the form HOST:PORT")
    return host.strip("[]"), int(port)


def _count(word: str) -> int:
    if not word.isdigit() or int(word) == 0:
        raise argparse.ArgumentTypeError(f"{word} is not a number of at least 1")
    return int(word)


def _seq(word: str) -> int:
    if not (word.isdigit() and word.isascii() and int(word) < 1 << 64):
        raise argparse.ArgumentTypeError(f"{word} is not the number of a message")
    return int(word)


def _print_error(line: str) -> None:
    sys.stderr.buffer.write(printable(line).encode("utf-8", "replace") + b"\n")
    sys.stderr.buffer.flush()


def _fail(line: str) -> NoReturn:
    _print_error(line)
    sys.exit(1)


if __name__ == "__main__":
    main()
