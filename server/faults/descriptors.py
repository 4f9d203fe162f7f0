"""One machine takes all the connections that it may: members are unaffected, others and the operator still get in."""

import os
import socket
import tempfile
import time

from kit import Hub, Member, Table, until

FILES = 128
SHARE = (FILES - 64) * 3 // 4  # 64 descriptors are reserved, and this machine may have three quarters of the rest


def greeting(stream: socket.socket) -> str:
    stream.settimeout(5)
    try:
        return stream.recv(200).decode("ascii", "replace")
    except OSError as error:
        return repr(error)


def healthz(path: str) -> str:
    with socket.socket(socket.AF_UNIX) as operator:
        operator.settimeout(5)
        operator.connect(path)
        operator.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        return greeting(operator)


def run(table: Table, quick: bool) -> None:
    seconds = 2 if quick else 10
    with tempfile.TemporaryDirectory() as folder, Hub(
        "door.waiting_per_address=1000", f"admin.listen=unix:{folder}/admin.sock", files=FILES) as hub:  # fmt: skip
        admin = os.path.join(folder, "admin.sock")
        ann, bob = Member(hub.port, "ann"), Member(hub.port, "bob")
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
        cpu, start, worst = hub.cpu(), time.monotonic(), 0.0
        while time.monotonic() - start < seconds:
            sent_at = time.monotonic()
            ann.say()
            if not bob.read_until(lambda: bob.last.get("ann") == ann.sent, 5):
                break
            worst = max(worst, time.monotonic() - sent_at)
            time.sleep(0.02)
        table.row("members receive from each other", "all, within 0.5 s", f"{bob.received} of {ann.sent}, {worst:.3f} s",
                  bob.received == ann.sent and not bob.wrong and worst < 0.5)  # fmt: skip
        cpu = hub.cpu() - cpu
        table.row("CPU, of one core", "at most 0.3", f"{cpu / seconds:.2f}", cpu / seconds <= 0.3)
        failures = hub.log().count("accept-failed")
        table.row("failures to accept", "0", failures, failures == 0)
        for stream in crowd:
            stream.close()
        until(lambda: hub.files() <= alone, 10)
        start = time.monotonic()
        late = Member(hub.port, "late")
        late.say()
        received = bob.read_until(lambda: "late" in bob.last, 5)
        table.row("a new member, when the crowd has left", "joins within 3 s", f"{time.monotonic() - start:.2f} s",
                  received and time.monotonic() - start < 3)  # fmt: skip
