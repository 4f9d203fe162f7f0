"""No descriptor is left: members are unaffected, the hub neither spins nor ends, and recovers."""

import socket
import time

from kit import Hub, Member, Table, until

FILES = 40


def run(table: Table, quick: bool) -> None:
    seconds = 2 if quick else 10
    with Hub("door.waiting_per_address=1000", files=FILES) as hub:
        ann, bob = Member(hub.port, "ann"), Member(hub.port, "bob")
        crowd = [socket.create_connection(("127.0.0.1", hub.port)) for _ in range(2 * FILES)]
        full = until(lambda: "accept-failed" in hub.log(), 10)
        table.row("the log reports it", "accept-failed", full is not None, full is not None)
        failures, cpu = hub.log().count("accept-failed"), hub.cpu()
        start, worst = time.monotonic(), 0.0
        while time.monotonic() - start < seconds:
            sent_at = time.monotonic()
            ann.say()
            if not bob.read_until(lambda: bob.last.get("ann") == ann.sent, 5):
                break
            worst = max(worst, time.monotonic() - sent_at)
            time.sleep(0.02)
        table.row("members receive from each other", "all, within 0.5 s", f"{bob.received} of {ann.sent}, {worst:.3f} s",
                  bob.received == ann.sent and not bob.wrong and worst < 0.5)  # fmt: skip
        failures, cpu = hub.log().count("accept-failed") - failures, hub.cpu() - cpu
        table.row("failures in a second", "at most 11", failures / seconds, failures <= 11 * seconds)
        table.row("CPU, of one core", "at most 0.3", f"{cpu / seconds:.2f}", cpu / seconds <= 0.3)
        for stream in crowd:
            stream.close()
        start = time.monotonic()
        late = Member(hub.port, "late")
        late.say()
        received = bob.read_until(lambda: "late" in bob.last, 5)
        table.row("a new member, when descriptors are free", "joins within 3 s", f"{time.monotonic() - start:.2f} s",
                  received and time.monotonic() - start < 3)  # fmt: skip
