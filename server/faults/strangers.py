"""Strangers who want to take the hub from others: what each attack costs them, and what it costs everybody else.

Each attack runs from one address and from 26, in a network namespace of its own, against a hub with the defaults.
Meanwhile a member in another room sends PINGs, and at the end somebody from another address joins.
"""

import ctypes
import os
import resource
import socket
import statistics
import subprocess
import tempfile
import threading
import time
import traceback
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Iterator, List, NamedTuple, Optional, Sequence

from cable import ip
from kit import TIMEOUT, Hub, Impossible, Member, Table, frame, hello, post

CLONE_NEWNET = 0x40000000
HUB, VICTIM, NEWCOMER = "192.0.2.1", "198.51.100.1", "198.51.100.2"
ATTACKERS = [f"203.0.113.{number}" for number in range(1, 27)]
BODY = 1 << 20
FILES = 4096  # the hub may open so many, a common limit of services


class Attack:
    """The sockets of the attacker, and how many bytes it has sent."""

    def __init__(self, hub: Hub, addresses: Sequence[str], seconds: float) -> None:
        self.hub, self.addresses, self.seconds = hub, addresses, seconds
        self.sockets: List[socket.socket] = []
        self.sent = self.refused = self.connections = 0
        self.note = ""

    def connect(self, number: int, octets: bytes = b"") -> Optional[socket.socket]:
        """From the address of that number, in turn. None if the hub refuses it."""
        stream = socket.socket()
        stream.settimeout(0.5)
        try:
            stream.bind((self.addresses[number % len(self.addresses)], 0))
            stream.connect((HUB, self.hub.port))
            stream.sendall(octets)
        except OSError:
            self.refused += 1
            stream.close()
            return None
        self.connections += 1
        self.sent += len(octets)
        self.sockets.append(stream)
        return stream

    def end(self) -> None:
        for stream in self.sockets:
            stream.close()


class Others(NamedTuple):
    """What everybody else saw."""

    p50: float
    p99: float
    cpu: float
    memory: float
    newcomer: Optional[float]


def silent(attack: Attack) -> None:
    """Connections that send nothing"""
    for number in range(300):
        attack.connect(number)
    time.sleep(attack.seconds)


def silent_unix(attack: Attack) -> None:
    """Unix sockets that send nothing"""
    for _ in range(300):
        stream = socket.socket(socket.AF_UNIX)
        stream.settimeout(0.5)
        try:
            stream.connect(attack.hub.unix)
            attack.connections += 1
        except OSError:
            attack.refused += 1
        attack.sockets.append(stream)
    time.sleep(attack.seconds)


def members(attack: Attack) -> None:
    """Members that stay, and say nothing more"""
    end = time.monotonic() + attack.seconds
    for number in range(FILES):
        attack.connect(number, hello(f"m{number}"))
        time.sleep(max(0.0, min(attack.seconds / FILES, end - time.monotonic())))


def resumes(attack: Attack) -> None:
    """HELLOs that ask for 8 MiB, in ASCII, with a small max body"""
    filler = Member(attack.hub.port, "filler", host=HUB, source=VICTIM, room="full")
    for _ in range(8):
        filler.socket.sendall(post("\u00e9" * (BODY // 2 - 4000)))
        filler.read_until(lambda: filler.received > 0)
        filler.received = 0
    end, number = time.monotonic() + attack.seconds, 0
    octets = hello("r", room="full", preferred=1, max_body=1024, resume=0)
    while time.monotonic() < end:
        number += 1
        stream = attack.connect(number, octets)
        if stream:
            stream.close()
            attack.sockets.pop()
        time.sleep(1 / (25 * len(attack.addresses)))
    filler.socket.close()


def rooms(attack: Attack) -> None:
    """Each connection fills a room of its own"""
    for number in range(60):
        stream = attack.connect(number, hello(f"o{number}", room=f"own-{number}"))
        if not stream:
            continue
        threading.Thread(target=swallow, args=(stream,), daemon=True).start()
        try:
            for _ in range(9):
                stream.sendall(post("x" * (BODY - 64)))
                attack.sent += BODY
        except OSError:
            attack.refused += 1
    time.sleep(1)


def flood(attack: Attack) -> None:
    """Members that post as fast as they can, to a telnet user"""
    terminal = socket.create_connection((HUB, attack.hub.port), source_address=(VICTIM, 0))
    terminal.sendall(b"hello\r\n")
    heard = [0]

    def count() -> None:
        try:
            while octets := terminal.recv(1 << 18):
                heard[0] += octets.count(b"\n")
        except OSError:
            pass

    threading.Thread(target=count, daemon=True).start()
    end, batch = time.monotonic() + attack.seconds, post("x" * 20) * 3000
    threads = []
    for number in range(max(2, len(attack.addresses))):
        stream = attack.connect(number, hello(f"f{number}"))
        if not stream:
            continue
        threading.Thread(target=swallow, args=(stream,), daemon=True).start()

        def pour(stream: socket.socket = stream) -> None:
            stream.settimeout(0.5)
            while time.monotonic() < end:
                try:
                    attack.sent += stream.send(batch)
                except socket.timeout:
                    pass
                except OSError:
                    return

        threads.append(threading.Thread(target=pour, daemon=True))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    attack.note = f"the telnet user received {heard[0] / attack.seconds:,.0f} lines/s"
    terminal.close()


def wrong_tokens(attack: Attack) -> None:
    """Wrong tokens, and a right one from the same address"""
    end, number = time.monotonic() + attack.seconds, 0
    while time.monotonic() < end:
        number += 1
        stream = attack.connect(number, hello("w", token=b"wrong-%d" % number))
        if stream and number > 200:
            attack.sockets.pop(0).close()
        time.sleep(0.01)
    stream = attack.connect(0, hello("right", token=attack.hub.token))
    answer = b""
    if stream:
        stream.settimeout(TIMEOUT)
    try:
        while stream and b"\xf5\xf8\x10" not in answer:
            more = stream.recv(4096)
            if not more:
                break
            answer += more
    except OSError:
        pass
    attack.note = "the right token " + ("is admitted" if b"\xf5\xf8\x10" in answer else "is refused")


def idle_admin(attack: Attack) -> None:
    """Idle clients of the admin service"""
    host, port = attack.hub.admin.rsplit(":", 1)
    for _ in range(64):
        stream = socket.create_connection((host, int(port)))
        stream.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        attack.connections += 1
        attack.sockets.append(stream)
    time.sleep(0.5)
    start, answer = time.monotonic(), b""
    with socket.create_connection((host, int(port))) as probe:
        probe.settimeout(TIMEOUT)
        try:
            probe.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = probe.recv(4096)
        except OSError:
            pass
    taken = time.monotonic() - start
    attack.note = f"/healthz {answer.split(b' ')[1].decode() if answer else 'gives no answer'} after {taken:.2f} s"


def swallow(stream: socket.socket) -> None:
    try:
        while stream.recv(1 << 20):
            pass
    except (OSError, socket.timeout):
        pass


ATTACKS: List[Callable[[Attack], None]] = [
    silent, silent_unix, members, resumes, rooms, flood, wrong_tokens, idle_admin]  # fmt: skip
GOOD_NOTES = {wrong_tokens: "is admitted", idle_admin: "/healthz 200"}
JOINS = 3.0  # seconds, at most
MEMORY = 400  # MiB: room.memory, and what connections and the allocator hold


@contextmanager
def started(attack: Callable[[Attack], None]) -> Iterator[Hub]:
    """A hub with the defaults, and what the attack needs."""
    with tempfile.TemporaryDirectory() as folder:
        settings, arguments = ["admin.listen=127.0.0.1:0"], ("--public",)
        token = b""
        if attack is silent_unix:
            arguments += ("--listen", f"unix:{folder}/hub")
        if attack is wrong_tokens:
            made = subprocess.run([os.environ["BOOKEND_SERVER"], "token", "ann"], capture_output=True, check=True)
            Path(folder, "tokens").write_bytes(made.stdout)
            token = made.stderr.strip().split()[-1]
            settings += [f"access.tokens={folder}/tokens", "access.anonymous=write"]
        with Hub(*settings, arguments=arguments, listen=f"{HUB}:0", files=FILES) as hub:
            hub.unix, hub.token, hub.admin = f"{folder}/hub", token, admin_place(hub)
            yield hub


def admin_place(hub: Hub) -> str:
    assert hub.process.stdout is not None
    while line := hub.process.stdout.readline():
        if "admin" in line:
            return line.split()[-1].removeprefix("http://")
    raise RuntimeError("no admin service")


def measured(hub: Hub, attack: Attack, run: Callable[[Attack], None]) -> Others:
    """Runs the attack while a member in another room sends PINGs."""
    victim = Member(hub.port, "victim", host=HUB, source=VICTIM, room="quiet")
    cpu, memory, start = hub.cpu(), hub.memory(), time.monotonic()
    thread = threading.Thread(target=run, args=(attack,), daemon=True)
    thread.start()
    trips = []
    while thread.is_alive() and not victim.ended:
        sent_at, pongs = time.monotonic(), victim.pongs
        victim.ping()
        victim.read_until(lambda: victim.pongs > pongs)
        trips.append((time.monotonic() - sent_at) * 1000)
        time.sleep(0.02)
    thread.join()
    cpu = (hub.cpu() - cpu) / (time.monotonic() - start)
    trips.sort()
    return Others(statistics.median(trips), trips[int(len(trips) * 0.99)], cpu, (hub.memory() - memory) / 1024, quickest(hub))


def joins(hub: Hub) -> Optional[float]:
    """Seconds until somebody from another address is a member; None if refused."""
    start = time.monotonic()
    try:
        member = Member(hub.port, "newcomer", host=HUB, source=NEWCOMER, room="new")
    except (OSError, RuntimeError):
        return None
    member.socket.close()
    return time.monotonic() - start


def quickest(hub: Hub) -> Optional[float]:
    """The quickest of three newcomers, if the first one is slow; None if one is refused."""
    tries = []
    while len(tries) < 3 and (not tries or min(tries) >= JOINS):
        seconds = joins(hub)
        if seconds is None:
            return None
        tries.append(seconds)
    return min(tries)


def attacked(table: Table, run: Callable[[Attack], None], addresses: Sequence[str], seconds: float) -> None:
    with started(run) as hub:
        attack = Attack(hub, addresses, seconds)
        others = measured(hub, attack, run)
        attack.end()
    joined = "refused" if others.newcomer is None else f"{others.newcomer:.2f} s"
    seen = (f"{joined}, p50 {others.p50:.1f} ms, p99 {others.p99:.1f} ms, CPU {others.cpu:.2f}, {others.memory:+.0f} MiB; "
            f"the attacker made {attack.connections} connections and sent {attack.sent / 1024:,.0f} KiB")  # fmt: skip
    if attack.note:
        seen += f"; {attack.note}"
    holds = others.newcomer is not None and others.newcomer < JOINS and others.memory < MEMORY
    holds = holds and GOOD_NOTES.get(run, "") in attack.note
    table.row(f"{run.__doc__}, {len(addresses)} address{'es' if len(addresses) > 1 else ''}",
              "a newcomer joins", seen, holds)  # fmt: skip


def in_namespace(table: Table, quick: bool) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    ip("link", "set", "lo", "up")
    for address in [HUB, VICTIM, NEWCOMER, *ATTACKERS]:
        ip("address", "add", f"{address}/32", "dev", "lo")
    seconds = 3.0 if quick else 10.0
    for attack in ATTACKS:
        one_only = attack in (silent_unix, idle_admin)
        for addresses in [ATTACKERS[:1]] if quick or one_only else [ATTACKERS[:1], ATTACKERS]:
            attacked(table, attack, addresses, seconds)


def run(table: Table, quick: bool) -> None:
    """In a child process, because a process does not return from a network namespace."""
    child = os.fork()
    if child == 0:
        status = 255
        try:
            if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
                raise Impossible(f"a network namespace: {os.strerror(ctypes.get_errno())}")
            in_namespace(table, quick)
            status = min(table.failed, 100)
        except Impossible as reason:
            print(f"  NOT TRIED: {reason}", flush=True)
        except Exception:
            traceback.print_exc()
        finally:
            os._exit(status)
    failed = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if failed == 255:
        raise Impossible("see above")
    table.failed += failed
