"""A hub with a history is killed, loses its power, or has a full disk: nothing that was confirmed is lost.

The hub runs with powerloss.c preloaded where its files matter: what it had synced is known, and the rest is lost in part.
"""

import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
from collections import defaultdict
from contextlib import nullcontext
from pathlib import Path
from typing import Callable, ContextManager, Dict, Iterable, List, Optional, Set, Tuple

from kit import (CLOSE, DELIVERY, ERROR, GAP, PING, PONG, TIMEOUT, WELCOME, Hub, Impossible, Table, frame, hello, post,
                 until)  # fmt: skip

REQUEST, REPLY = 0x03, 0x04
CLIENTS = 10
ROOMS = ["lobby", "zweiter Raum", "lobby"]
SEED = int(os.environ.get("HISTORY_SEED", "1"))


def essence(text: str) -> str:
    """What is remembered of a text: all but the fill at its end, and its length. The texts of a soak are gigabytes."""
    return f"{text.rstrip('x')}{len(text)}"


class Truth:
    """What the clients know, over all restarts of the hub."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.seen: Dict[str, Dict[int, str]] = defaultdict(dict)  # by room and number: the essence
        self.confirmed: Dict[str, Set[str]] = defaultdict(set)  # by room
        self.wrong: List[str] = []
        self.missed = 0

    def see(self, room: str, seq: int, text: str) -> None:
        text = essence(text)
        with self.lock:
            known = self.seen[room].setdefault(seq, text)
            if known != text:
                self.wrong.append(f"number {seq} was given twice: {known!r}, {text!r}")


class Client:
    """Talks, asks for confirmations, and resumes after each restart."""

    def __init__(self, number: int, truth: Truth) -> None:
        self.name, self.room, self.truth = f"client-{number}", ROOMS[number % len(ROOMS)], truth
        self.last: Optional[int] = None  # the last number that it knows of
        self.said = self.pings = 0
        self.unconfirmed: Dict[int, List[str]] = {}  # by the number of the PING after them

    def connect(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), TIMEOUT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.input, self.greeted, self.ended = bytearray(), False, False
        self.unconfirmed.clear()
        self.frames, self.sent = 0, {}  # the number of the last frame, and the texts by the number of their frame
        self.replies: List[bytes] = []
        self.errors: List[str] = []
        self.welcome: Optional[int] = None
        self.socket.sendall(hello(self.name, room=self.room, resume=self.last))
        while self.welcome is None and not self.ended:
            self.read(TIMEOUT)

    def talk(self, chance: random.Random) -> None:
        """Until the connection ends."""
        while not self.ended:
            try:
                self.say(chance.choice([1, 1, 3, 30]), chance.choice([5, 50, 500, 5000]))
            except OSError:
                self.ended = True
            pause = time.monotonic() + chance.uniform(0, 0.02)
            while not self.ended and (time.monotonic() < pause or len(self.unconfirmed) > 8):
                self.read(0.005)
        self.drain()
        self.socket.close()

    def say(self, count: int, length: int) -> None:
        texts = []
        for _ in range(count):
            self.said += 1
            self.frames += 1
            texts.append(f"{self.name} {self.said} " + "x" * length)
            self.sent[self.frames] = texts[-1]
        self.pings += 1
        self.frames += 1
        self.unconfirmed[self.pings] = texts
        self.socket.sendall(b"".join(map(post, texts)) + frame(PING, struct.pack(">I", self.pings)))

    def drain(self) -> None:
        """What the hub sent before it died."""
        while self.read(0.2):
            pass

    def read_for(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not self.ended and time.monotonic() < end:
            self.read(0.05)

    def read(self, timeout: float) -> bool:
        self.socket.settimeout(timeout)
        try:
            more = self.socket.recv(1 << 18)
        except TimeoutError:
            return False
        except OSError:
            more = b""
        if not more:
            self.ended = True
            return False
        self.input += more
        at = 0
        if not self.greeted:
            at = self.input.find(b"\n") + 1
            self.greeted = at > 0
        while self.greeted and len(self.input) >= at + 8:
            end = at + 10 + int.from_bytes(self.input[at + 4 : at + 8], "big")
            if len(self.input) < end:
                break
            self.judge(self.input[at + 2], bytes(self.input[at + 8 : end - 2]))
            at = end
        del self.input[:at]
        return True

    def judge(self, kind: int, body: bytes) -> None:
        if kind == WELCOME:
            self.welcome = struct.unpack(">Q", body[4:12])[0]
            self.last = self.welcome - 1 if self.last is None else self.last
        elif kind == GAP:
            missed = struct.unpack(">Q", body)[0]
            self.truth.missed += missed
            self.last += missed
        elif kind == DELIVERY:
            seq, text = delivered(body)
            if self.last is not None and seq != self.last + 1:
                self.truth.wrong.append(f"{self.name}: {seq} after {self.last} without a GAP")
            self.last = seq
            self.truth.see(self.room, seq, text)
        elif kind == PONG:
            with self.truth.lock:
                for number in [number for number in self.unconfirmed if number <= struct.unpack(">I", body)[0]]:
                    self.truth.confirmed[self.room].update(map(essence, self.unconfirmed.pop(number)))
        elif kind == REPLY:
            self.replies.append(body[4:])
        elif kind == ERROR:
            self.errors.append(body[10:].decode("utf-8", "replace"))
            refused = self.sent.get(int.from_bytes(body[4:8], "big"))
            for texts in self.unconfirmed.values():
                if refused in texts:
                    texts.remove(refused)
        elif kind == CLOSE:
            self.ended = True

    def page(self, before: int) -> bytes:
        """The payload of the answer to a request for the 200 messages before a number."""
        self.socket.sendall(frame(REQUEST, struct.pack(">IBQI", 1, 1, before, 200)))
        while not self.replies and not self.errors and not self.ended:
            self.read(TIMEOUT)
        if not self.replies:
            raise RuntimeError(f"no page: {self.errors}")
        return self.replies.pop()


def delivered(body: bytes) -> Tuple[int, str]:
    return struct.unpack(">Q", body[8:16])[0], body[25 + body[24] :].decode()


def frames(octets: bytes):
    at = 0
    while at < len(octets):
        end = at + 10 + int.from_bytes(octets[at + 4 : at + 8], "big")
        yield octets[at + 2], octets[at + 8 : end - 2]
        at = end


def kept(port: int, room: str, truth: Truth) -> Dict[int, str]:
    """Everything that the hub keeps of a room, page by page, with every number accounted for."""
    reader = Client(0, truth)
    reader.name, reader.room = "reader", room
    reader.connect(port)
    stored: Dict[int, str] = {}
    before, is_first, expected = (1 << 64) - 1, False, reader.welcome
    while not is_first:
        page = list(frames(reader.page(before)))
        is_first = page[0][0] == GAP
        at, texts = None, {}
        for kind, body in page[1:] if is_first else page:
            if kind == GAP:
                at = at + struct.unpack(">Q", body)[0] if at is not None else at
            else:
                seq, text = delivered(body)
                if at is not None and seq != at:
                    truth.wrong.append(f"a page of {room}: {seq}, not {at}")
                texts[seq], at = essence(text), seq + 1
        if at is not None and at != expected:
            truth.wrong.append(f"a page of {room} ends before {at}, not before {expected}")
        stored.update(texts)
        if texts:
            before = expected = min(texts)
    reader.socket.close()
    return stored


# ---- the files after a loss of power


class Disk:
    """The files of a hub, and what it has done to them since they were saved."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log, self.saved = folder / "files", folder / "log", folder / "saved"
        self.boot, self.fail = folder / "boot", folder / "fail"
        self.folder.mkdir()
        self.fail.write_text("")
        self.boots = 0
        library = folder / "powerloss.so"
        source = Path(__file__).with_name("powerloss.c")
        compiled = subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=False)
        if compiled.returncode:
            raise Impossible("powerloss.c needs a C compiler")
        self.environment = {"LD_PRELOAD": library, "POWERLOSS_FOLDER": self.folder, "POWERLOSS_LOG": self.log,
                            "POWERLOSS_BOOT": self.boot, "POWERLOSS_FAIL": self.fail}  # fmt: skip
        self.power_on()

    def power_on(self) -> None:
        self.boots += 1
        self.boot.write_text(f"{self.boots:08x}-0000-4000-8000-000000000000\n")

    def save(self) -> None:
        """The files are on stable storage as they are."""
        shutil.rmtree(self.saved, ignore_errors=True)
        shutil.copytree(self.folder, self.saved)
        self.log.unlink(missing_ok=True)

    def lose_power(self, chance: random.Random) -> str:
        """Leaves what was synced, and a part of the rest. Returns how the rest was lost."""
        how = chance.choice(["all", "a tail", "a tail", "some", "some", "data, not lengths", "none"])
        content = {path.name: bytearray(path.read_bytes()) for path in self.saved.iterdir() if not path.name.endswith("-shm")}
        records = list(self.records())
        certain = synced_records(records)
        uncertain = [number for number, _ in enumerate(records) if number not in certain]
        cut = chance.choice(uncertain) if uncertain else 0
        for number, (operation, name, offset, octets) in enumerate(records):
            if number not in certain and operation == "W":
                octets = what_is_left(octets, how, number - cut, chance)
            elif number not in certain and how in ("all", "a tail") and (how == "all" or number > cut):
                continue
            if octets is not None:
                change(content, operation, name, offset, octets)
        # The same inode: a file that was copied has another one, which the hub notices.
        for path in self.folder.iterdir():
            if path.name not in content and not path.name.endswith("-lock"):
                path.unlink()
        for name, octets in content.items():
            with open(self.folder / name, "r+b" if (self.folder / name).exists() else "w+b") as file:
                file.truncate(0)
                file.write(octets)
        self.power_on()
        return how

    def records(self):
        octets, at = (self.log.read_bytes() if self.log.exists() else b""), 0
        while at + 16 <= len(octets):
            operation, path, _, length, offset = struct.unpack_from("=BBHIQ", octets, at)
            at += 16
            name = Path(octets[at : at + path].decode()).name
            yield chr(operation), name, offset, octets[at + path : at + path + length]
            at += path + length


def synced_records(records) -> Set[int]:
    """The numbers of the records that a sync of the same file covers which began after them and has ended."""
    certain: Set[int] = set()
    waiting: Dict[str, List[int]] = defaultdict(list)
    begun: Dict[str, List[List[int]]] = defaultdict(list)
    for number, (operation, name, _, _) in enumerate(records):
        if operation == "B":
            begun[name].append(list(waiting[name]))
        elif operation == "S":
            covered = begun[name].pop(0)
            certain.update(covered)
            waiting[name] = [other for other in waiting[name] if other not in set(covered)]
        else:
            waiting[name].append(number)
    return certain


def what_is_left(octets: bytes, how: str, after_cut: int, chance: random.Random) -> Optional[bytes]:
    """Of one write that was not synced."""
    torn = octets[: chance.randrange(0, len(octets) + 1, 512)] if len(octets) > 512 else octets
    if how == "all":
        return None
    if how == "a tail":
        return octets if after_cut < 0 else torn if after_cut == 0 else None
    if how == "some":
        return chance.choice([octets, None, torn])
    if how == "data, not lengths":
        return chance.choice([octets, bytes(len(octets))])
    return octets


def change(content: Dict[str, bytearray], operation: str, name: str, offset: int, octets: bytes) -> None:
    if operation == "U":
        content.pop(name, None)
    elif operation in "WT":
        file = content.setdefault(name, bytearray())
        if operation == "T":
            del file[offset:]
            file.extend(bytes(offset - len(file)))
        else:
            file.extend(bytes(max(0, offset - len(file))))
            file[offset : offset + len(octets)] = octets


# ---- the rows of the table


class HistoryHub(Hub):
    def __init__(self, disk: Disk, *settings: str, rate: int = 1_000_000) -> None:
        before = ("env", *(f"{name}={value}" for name, value in disk.environment.items()))
        super().__init__(f"history.path={disk.folder / 'history.db'}", "history.bytes=0", "history.total=0",
                         f"limits.messages_per_second={rate}", *settings, before=before)  # fmt: skip


def run(table: Table, quick: bool) -> None:
    print(f"  seed {SEED} (HISTORY_SEED)", flush=True)
    rounds = range(6 if quick else 100)
    restarts(table, rounds, ["kill"])
    restarts(table, rounds, ["power"])
    restarts(table, rounds, ["kill", "power", "term"], disturbed=True)
    full_disk(table)
    failed_sync(table)


def restarts(table: Table, rounds: Iterable[object], ends: List[str], disturbed: bool = False, longest: float = 0.6, rate: int = 1_000_000,
             beside: Callable[[Hub], ContextManager[object]] = nullcontext) -> None:  # fmt: skip
    """The hub ends in each round, after `longest` seconds at most, while ten clients talk and `beside` does what it does.

    With `disturbed`, its disk fails now and then, too. It accepts `rate` messages a second from each peer.
    """
    chance, truth, losses = random.Random(f"{SEED} {ends}"), Truth(), defaultdict(int)
    clients = [Client(number, truth) for number in range(CLIENTS)]
    with tempfile.TemporaryDirectory() as folder:
        disk = Disk(Path(folder))
        count = 0
        for count, _ in enumerate(rounds, 1):
            disk.save()
            end = chance.choice(ends)
            with HistoryHub(disk, rate=rate) as hub, beside(hub):
                threads = [threading.Thread(target=one_session, args=(client, hub.port, chance.random())) for client in clients]
                for thread in threads:
                    thread.start()
                time.sleep(chance.uniform(0.05, longest))
                if disturbed and chance.random() < 0.5:
                    disk.fail.write_text(chance.choice(["space", "sync"]))
                    time.sleep(chance.uniform(0.05, 1.5))
                    if end == "term" or chance.random() < 0.5:
                        disk.fail.write_text("")
                        time.sleep(chance.uniform(0.05, 1.5))
                hub.signal(signal.SIGTERM if end == "term" else signal.SIGKILL)
                hub.process.wait()
                for thread in threads:
                    thread.join(TIMEOUT)
                truth.wrong += [line for line in hub.log().splitlines() if "panicked" in line]
            disk.fail.write_text("")
            if end == "power":
                losses[disk.lose_power(chance)] += 1
        disk.save()
        with HistoryHub(disk) as hub:
            for client in clients:
                client.connect(hub.port)
                client.drain()
                client.socket.close()
            stored = {room: kept(hub.port, room, truth) for room in set(ROOMS)}
    what = f"{count} x {' or '.join(ends)}{', a failing disk' if disturbed else ''}"
    confirmed = [text for room in stored for text in truth.confirmed[room] - set(stored[room].values())]
    lost = [seq for room in stored for seq in truth.seen[room] if seq not in stored[room]]
    other = [seq for room in stored for seq, text in truth.seen[room].items() if stored[room].get(seq, text) != text]
    all_confirmed, seen = sum(map(len, truth.confirmed.values())), sum(map(len, truth.seen.values()))
    table.row(f"{what}: confirmed and lost", "0", f"{len(confirmed)} of {all_confirmed}", not confirmed and all_confirmed > 10 * count)
    if "power" in ends:
        print(f"        what was not synced was lost so: {dict(losses)}; {len(lost)} seen and not confirmed")
    else:
        table.row(f"{what}: seen and lost", "0", f"{len(lost)} of {seen}", not lost)
        table.row(f"{what}: told as missed", "0", truth.missed, truth.missed == 0)
    table.row(f"{what}: seen and replaced", "0", len(other), not other)
    table.row(f"{what}: numbers twice, holes without GAP", "none", truth.wrong[:3] or "none", not truth.wrong)


def one_session(client: Client, port: int, seed: float) -> None:
    try:
        client.connect(port)
        if client.errors:
            client.truth.wrong.append(f"{client.name} {client.last}: {client.errors}")
        client.talk(random.Random(seed))
    except Exception as error:  # an exception is a failure
        if not isinstance(error, OSError):
            client.truth.wrong.append(f"{client.name}: {type(error).__name__}: {error}")


def full_disk(table: Table) -> None:
    """No space: what is refused is not delivered, and what was accepted is written when there is space again."""
    with tempfile.TemporaryDirectory() as folder:
        disk, truth = Disk(Path(folder)), Truth()
        disk.save()
        with HistoryHub(disk) as hub:
            client = Client(0, truth)
            client.connect(hub.port)
            said(client)
            disk.fail.write_text("space")
            client.say(1, 5)
            refused = until(lambda: bool(client.errors) or nudge(client), 20)
            seen = len(truth.seen[client.room])
            client.read(0.3)
            table.row("a full disk", "ERROR try-later", client.errors[:1], refused is not None and client.errors[0].startswith("try-later"))
            table.row("a full disk: delivered without being kept", "0", len(truth.seen[client.room]) - seen,
                      len(truth.seen[client.room]) == seen)  # fmt: skip
            disk.fail.write_text("")
            healed = until(lambda: said(client), 20)
            table.row("space again: a message is confirmed", "within seconds", healed, healed is not None)
            hub.signal(signal.SIGKILL)
            hub.process.wait()
        with HistoryHub(disk) as hub:
            stored = kept(hub.port, client.room, truth)
        lost = truth.confirmed[client.room] - set(stored.values())
        table.row("a full disk, then killed: confirmed and lost", "0", len(lost), not lost and not truth.wrong)


def failed_sync(table: Table) -> None:
    """A sync that fails is not tried again: nothing is confirmed until everything has been written anew."""
    with tempfile.TemporaryDirectory() as folder:
        disk, truth = Disk(Path(folder)), Truth()
        disk.save()
        with HistoryHub(disk) as hub:
            client = Client(0, truth)
            client.connect(hub.port)
            said(client)
            disk.fail.write_text("sync")
            client.say(3, 50)
            client.read_for(0.5)
            table.row("a failed sync: confirmed meanwhile", "nothing", len(client.unconfirmed), bool(client.unconfirmed))
            disk.fail.write_text("")
            healed = until(lambda: said(client), 20)
            table.row("syncs again: a message is confirmed", "within seconds", healed, healed is not None)
            hub.signal(signal.SIGKILL)
            hub.process.wait()
            disk.lose_power(random.Random(SEED))
        with HistoryHub(disk) as hub:
            stored = kept(hub.port, client.room, truth)
        lost = truth.confirmed[client.room] - set(stored.values())
        table.row("a failed sync, then no power: confirmed and lost", "0", len(lost), not lost and not truth.wrong)


def said(client: Client) -> bool:
    """Says something, and returns whether it was confirmed without a refusal."""
    client.errors.clear()
    client.say(1, 5)
    number = client.pings
    end = time.monotonic() + 5
    while number in client.unconfirmed and not client.errors and time.monotonic() < end:
        client.read(0.1)
    return number not in client.unconfirmed and not client.errors


def nudge(client: Client) -> bool:
    """Reads, and says something more. False, so that it can be an alternative."""
    client.read(0.1)
    if not client.errors:
        client.say(1, 5)
    return False
