"""Loss, delay, a tiny MTU, and peers that fall silent: others lose nothing, and the silent peers are detected.

The hub is in a network namespace. Members that stay reach it over a bad line. The silent peers, in a namespace of their
own, lose every packet from one moment on, as when a cable is pulled: no FIN, no RST.
"""

import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from cable import Cable, ip
from kit import Hub, Member, Table, until

HUB, SILENT = f"bookend-hub-{os.getpid()}", f"bookend-silent-{os.getpid()}"
KEEPALIVE = 2  # seconds
SILENT_PEERS = """
import socket, sys, time
sys.path.insert(0, sys.argv[1])
from kit import Member
port = int(sys.argv[2])
framed = Member(port, "framed", host="10.203.2.1", keepalive=2)
person = socket.create_connection(("10.203.2.1", port))
person.sendall(b"/name person\\r\\n/join attic\\r\\n")
reader = socket.create_connection(("10.203.2.1", port))
reader.sendall(b"/name reader\\r\\n")
print("in", flush=True)
for _ in range(40):
    time.sleep(1.5)
    framed.ping()
"""


def lay_cables(stack: ExitStack) -> "tuple[Cable, Cable]":
    for namespace in (HUB, SILENT):
        ip("netns", "add", namespace)
        stack.callback(subprocess.run, ["ip", "netns", "delete", namespace], check=False)
    near = Cable(f"bkn{os.getpid()}", ((HUB, "10.203.1.1"), ("", "10.203.1.2")), mtu=296, loss=0.03,
                 delay=0.02, jitter=0.005)  # fmt: skip
    stack.callback(near.close)
    far = Cable(f"bkf{os.getpid()}", ((HUB, "10.203.2.1"), (SILENT, "10.203.2.2")), mtu=1500)
    stack.callback(far.close)
    return near, far


def run(table: Table, quick: bool) -> None:
    count = 100 if quick else 2000
    with ExitStack() as stack:
        near, far = lay_cables(stack)
        hub = stack.enter_context(Hub(
            f"limits.probe={KEEPALIVE}s", "limits.stall=20s", arguments=("--public",), listen="0.0.0.0:0",
            before=("ip", "netns", "exec", HUB)))  # fmt: skip
        staying = [Member(hub.port, f"member-{number}", host="10.203.1.1") for number in range(3)]
        for member in staying:
            member.read_in_background()
        silent = subprocess.Popen(
            ["ip", "netns", "exec", SILENT, sys.executable, "-c", SILENT_PEERS, str(Path(__file__).parent), str(hub.port)],
            stdout=subprocess.PIPE, text=True)  # fmt: skip
        stack.callback(silent.wait)
        stack.callback(silent.kill)
        assert silent.stdout is not None
        if silent.stdout.readline() != "in\n":
            raise RuntimeError("the silent peers did not join")
        joined = until(lambda: hub.log().count("join ") >= 7)
        table.row("the peers that will be silent", "have joined", joined is not None, joined is not None)
        table.row("so far", "one moved to another room", left(hub), left(hub) == 1)

        far.pulled = True
        start = time.monotonic()
        gone = {}

        def all_gone() -> bool:
            lines = [line for line in hub.log().splitlines() if " leave " in line]
            for name, room in [("framed", "lobby"), ("person", "attic"), ("reader", "lobby")]:
                if any(f'name="{name}"' in line and f'room="{room}"' in line for line in lines):
                    gone.setdefault(name, time.monotonic() - start)
            return len(gone) == 3

        for number in range(count):
            for member in staying:
                member.say("x" * 600)
            all_gone()
            time.sleep(0.01)
        until(all_gone)
        for name, what in [("framed", "a framed peer"), ("person", "a terminal in an empty room"), ("reader", "a terminal in a busy room")]:
            most = 5 * KEEPALIVE  # twice the keepalive is due; TCP alone needs a quarter of an hour
            table.row(f"{what} that falls silent", f"closed within {most} s", f"{gone.get(name, 999):.1f} s",
                      gone.get(name, 999) <= most)  # fmt: skip
        table.row("packets lost on the bad line", "some", f"{near.lost} of {near.carried}", near.lost > 0)
        goal = len(staying) * count
        until(lambda: all(member.received + member.missed >= goal for member in staying))
        for member in staying:
            table.row(f"{member.name} receives, over the bad line", f"{goal}, in order", member.wrong or member.received,
                      member.received == goal and not member.wrong)  # fmt: skip


def left(hub: Hub) -> int:
    return hub.log().count(" leave ")
