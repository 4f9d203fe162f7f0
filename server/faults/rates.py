"""Members that send as fast as they can, and members that read slowly: others are unaffected, nobody is cut off."""

import socket
import statistics
import threading
import time

from kit import Hub, Member, Table, best, frame, hello, post

FLOOD = post("x" * 20) * 3000
MOST = 2000  # messages per second of one member, so that this program can count them
KEPT = (16_000, 64_000)  # bytes per second


def run(table: Table, quick: bool) -> None:
    flooded(table, 8 if quick else 20)
    slow(table, 15 if quick else 40)


def round_trip(member: Member, seconds: float) -> float:
    """The median of the seconds until a PING, and the member's own message, come back."""
    answers, end = [], time.monotonic() + seconds
    while not answers or time.monotonic() < end:
        sent, goal = time.monotonic(), member.pongs + 1
        member.ping()
        member.say()  # pings alone would be a flood
        member.read_until(lambda: member.pongs >= goal and member.last.get(member.name) == member.sent)
        answers.append(time.monotonic() - sent)
        time.sleep(0.02)
    return statistics.median(answers)


def flooded(table: Table, seconds: int) -> None:
    with Hub(f"limits.messages_per_second={MOST}", "limits.burst=1s") as hub:
        witness, elsewhere = Member(hub.port, "witness"), Member(hub.port, "elsewhere", room="elsewhere")
        witness.read_in_background()
        floods = [Member(hub.port, f"flood-{number}") for number in range(2)]
        alone = round_trip(elsewhere, seconds / 4)
        over = False

        def flood(member: Member) -> None:
            while not over and not member.ended:
                try:
                    member.socket.sendall(FLOOD)
                except OSError:
                    return

        start = time.monotonic()
        for member in floods:
            member.read_in_background()
            threading.Thread(target=flood, args=(member,), daemon=True).start()
        time.sleep(seconds / 2)  # the burst is over then
        cpu, measured = hub.cpu(), time.monotonic()
        during = best(3, lambda: round_trip(elsewhere, seconds), most := 10 * alone + 0.1)
        cpu = (hub.cpu() - cpu) / (time.monotonic() - measured)
        # Since the beginning: what a busy machine delivers late is not a higher rate.
        count = witness.received + witness.missed
        allowed = 2.1 * MOST * (time.monotonic() - start + 1)
        over = True
        table.row("messages of two floods", f"at most {allowed:.0f}", count, MOST < count < allowed)
        table.row("PING in another room, the median", f"within {most * 1000:.0f} ms", f"{during * 1000:.1f} ms, {alone * 1000:.1f} ms before",
                  during <= most)  # fmt: skip
        table.row("the hub's load", "less than a core", f"{cpu:.2f}", cpu < 1)
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
