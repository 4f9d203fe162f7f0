"""One machine takes all the connections that it may: members are unaffected, others and the operator still get in."""

import os
import socket
import statistics
import tempfile
import time

from kit import TIMEOUT, Hub, Member, Table, best, until

FILES = 128
SHARE = (FILES - 64) * 3 // 4  # 64 descriptors are reserved, and this machine may have three quarters of the rest


def greeting(stream: socket.socket) -> str:
    stream.settimeout(TIMEOUT)
    try:
        return stream.recv(200).decode("ascii", "replace")
    except OSError as error:
        return repr(error)


def healthz(path: str) -> str:
    with socket.socket(socket.AF_UNIX) as operator:
        operator.settimeout(TIMEOUT)
        operator.connect(path)
        operator.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        return greeting(operator)


def round_trip(ann: Member, bob: Member, seconds: float) -> float:
    """The median of the seconds that a message takes from one member to the other."""
    trips, end = [], time.monotonic() + seconds
    while not trips or time.monotonic() < end:
        sent_at = time.monotonic()
        ann.say()
        if not bob.read_until(lambda: bob.last.get("ann") == ann.sent):
            raise RuntimeError("a message has not arrived")
        trips.append(time.monotonic() - sent_at)
        time.sleep(0.02)
    return statistics.median(trips)


def joins(hub: Hub, bob: Member) -> float:
    """Seconds until a member that joins is heard by another."""
    start = time.monotonic()
    bob.last.pop("late", None)
    late = Member(hub.port, "late")
    late.say()
    if not bob.read_until(lambda: bob.last.get(late.name) == 1):
        raise RuntimeError("a new member is not heard")
    late.socket.close()
    return time.monotonic() - start


def run(table: Table, quick: bool) -> None:
    seconds = 2 if quick else 10
    with tempfile.TemporaryDirectory() as folder, Hub(
        "door.waiting_per_address=1000", f"admin.listen=unix:{folder}/admin.sock", files=FILES) as hub:  # fmt: skip
        admin = os.path.join(folder, "admin.sock")
        ann, bob = Member(hub.port, "ann"), Member(hub.port, "bob")
        before = round_trip(ann, bob, seconds / 2)
        alone = hub.files()
        crowd = [socket.create_connection(("127.0.0.1", hub.port)) for _ in range(2 * FILES)]
        refused = sum("too many connections from this address" in greeting(stream) for stream in crowd)
        table.row("refused in words", 2 * FILES - SHARE + 2, refused, refused == 2 * FILES - SHARE + 2)
        table.row("descriptors in use", f"at most {FILES - 16}", hub.files(), hub.files() <= FILES - 16)
        answer = healthz(admin)
        table.row("the operator gets in", "200", answer[9:12], answer.startswith("HTTP/1.1 200"))
        with socket.socket() as other:
            other.bind(("127.0.0.9", 0))
            other.connect(("127.0.0.1", hub.port))
            shown = greeting(other).strip()
            table.row("another address gets in", "a greeting", shown, shown.endswith(" GMT"))
        cpu, start = hub.cpu(), time.monotonic()
        during = best(3, lambda: round_trip(ann, bob, seconds), most := 10 * before + 0.02)
        cpu = (hub.cpu() - cpu) / (time.monotonic() - start)
        table.row("members receive from each other", "all", f"{bob.received} of {ann.sent}",
                  bob.received == ann.sent and not bob.wrong)  # fmt: skip
        table.row("the median of their times", f"at most {most * 1000:.0f} ms", f"{during * 1000:.1f} ms, {before * 1000:.1f} ms before",
                  during <= most)  # fmt: skip
        table.row("CPU, of one core", "at most 0.3", f"{cpu:.2f}", cpu <= 0.3)
        failures = hub.log().count("accept-failed")
        table.row("failures to accept", "0", failures, failures == 0)
        for stream in crowd:
            stream.close()
        until(lambda: hub.files() <= alone)
        joined = best(3, lambda: joins(hub, bob), 3)
        table.row("a new member, when the crowd has left", "joins within 3 s", f"{joined:.2f} s", joined < 3)
