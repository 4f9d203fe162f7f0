"""Members that send as fast as they can, and members that read slowly: others are unaffected, nobody is cut off."""

import socket
import threading
import time

from kit import Hub, Member, Table, frame, hello, post

FLOOD = post("x" * 20) * 3000
MOST = 2000  # messages per second of one member, so that this program can count them
KEPT = (16_000, 64_000)  # bytes per second


def run(table: Table, quick: bool) -> None:
    flooded(table, 8 if quick else 20)
    slow(table, 15 if quick else 40)


def flooded(table: Table, seconds: int) -> None:
    with Hub(f"limits.messages_per_second={MOST}", "limits.burst=1s") as hub:
        witness, elsewhere = Member(hub.port, "witness"), Member(hub.port, "elsewhere", room="elsewhere")
        witness.read_in_background()
        floods = [Member(hub.port, f"flood-{number}") for number in range(2)]
        over = False

        def flood(member: Member) -> None:
            while not over and not member.ended:
                try:
                    member.socket.sendall(FLOOD)
                except OSError:
                    return

        for member in floods:
            member.read_in_background()
            threading.Thread(target=flood, args=(member,), daemon=True).start()
        time.sleep(seconds / 2)  # the burst is over then
        cpu, before, start, answers = hub.cpu(), witness.received + witness.missed, time.monotonic(), []
        while time.monotonic() < start + seconds:
            sent = time.monotonic()
            elsewhere.ping()
            elsewhere.say()  # pings alone would be a flood
            goal = elsewhere.pongs + 1
            elsewhere.read_until(lambda: elsewhere.pongs >= goal and elsewhere.last.get("elsewhere") == elsewhere.sent)
            answers.append(time.monotonic() - sent)
            time.sleep(0.02)
        took = time.monotonic() - start
        rate = (witness.received + witness.missed - before) / took
        over = True
        slowest = sorted(answers)[len(answers) * 99 // 100] * 1000
        table.row("messages of two floods, per second", f"at most {2 * MOST}", f"{rate:.0f}", MOST < rate < 2.1 * MOST)
        table.row("PING in another room, 99 of 100", "within 250 ms", f"{slowest:.1f} ms", slowest < 250)
        table.row("the hub's load", "less than a core", f"{(hub.cpu() - cpu) / took:.2f}", hub.cpu() - cpu < took)
        ended = [member.close_code for member in floods + [witness] if member.ended]
        table.row("members that were closed", "none", ended or "none", not ended)
        table.row("held back, in the log", "2", hub.log().count("throttle"), hub.log().count("throttle") == 2)
        for member in floods:
            member.socket.close()


def slow(table: Table, seconds: int) -> None:
    with Hub("room.log=64MiB") as hub:
        sender = Member(hub.port, "sender")
        sender.read_in_background()
        readers = [socket.create_connection(("127.0.0.1", hub.port)) for _ in KEPT]
        for reader, rate in zip(readers, KEPT):
            reader.sendall(hello(f"reader-{rate}"))
        time.sleep(0.5)
        for _ in range(12):
            sender.socket.sendall(frame(0x12, b"\0\0\0\0" + bytes(1 << 20)[:-64], 2))
        start, taken = time.monotonic(), [0] * len(KEPT)
        while time.monotonic() < start + seconds:
            for number, (reader, rate) in enumerate(zip(readers, KEPT)):
                due = int((time.monotonic() - start) * rate) - taken[number]
                reader.setblocking(False)
                try:
                    taken[number] += len(reader.recv(due)) if due > 0 else 0
                except (BlockingIOError, ConnectionResetError):
                    pass
            time.sleep(0.05)
        for rate, count in zip(KEPT, taken):
            cut = f"reader-{rate}" in [line.split("name=")[1].strip().strip('"') for line in hub.log().splitlines()
                                       if " leave " in line and "name=" in line]  # fmt: skip
            table.row(f"a reader of {rate // 1000} kB/s", f"is kept for {seconds} s", "closed" if cut else "kept", not cut)
            table.row("it has read", "without a pause", f"{count // 1000} kB", count > 0.8 * rate * seconds)
        table.row("slow consumers in the log", "none", hub.log().count("slow-consumer"), "slow-consumer" not in hub.log())
