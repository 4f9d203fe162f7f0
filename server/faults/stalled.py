"""A member stops reading while much is sent: others are unaffected, memory is flat, the gap is exact."""

import time

from kit import Hub, Member, Table, best, until

SIZE = 16 << 10
LOG = 8 << 10  # the log of a room, in KiB


def run(table: Table, quick: bool) -> None:
    count = 1500 if quick else 32_000
    with Hub("limits.stall=10m", "limits.messages_per_second=0", "limits.bytes_per_second=0") as hub:
        readers = [Member(hub.port, f"reader-{number}") for number in range(3)]
        for reader in readers:
            reader.read_in_background()
        sender = Member(hub.port, "sender")
        sender.read_in_background()

        def taken() -> float:
            start, goal = time.monotonic(), sender.sent + count
            for _ in range(count):
                sender.say("x" * SIZE)
            until(lambda: all(reader.received + reader.missed >= goal for reader in readers))
            return time.monotonic() - start

        before = taken()
        stalled = Member(hub.port, "stalled", buffer=4096)
        memory = hub.memory("VmHWM")
        after = best(3, taken, before / 0.6)
        sent = sender.sent - count
        grown = hub.memory("VmHWM") - memory
        gone_by = sent * SIZE / 1e6
        table.row(f"rate of the others while {gone_by:.0f} MB are sent", "at least 0.6 of before",
                  f"{before / after:.2f} ({count / before:.0f} and {count / after:.0f}/s)", before / after > 0.6)  # fmt: skip
        table.row("the hub's peak memory grows", f"at most {LOG + 8192} KiB", f"{grown} KiB", grown <= LOG + 8192)
        for reader in readers:
            table.row(f"{reader.name}: lost, doubled, reordered", "none", reader.wrong or "none",
                      not reader.wrong and reader.received + reader.missed == sender.sent)  # fmt: skip
        stalled.read_until(lambda: stalled.received + stalled.missed >= sent)
        table.row("the stalled member, after reading: received + missed", str(sent),
                  f"{stalled.received} + {stalled.missed}", stalled.received + stalled.missed == sent)  # fmt: skip
        table.row("its gap", "some, none doubled", stalled.wrong or stalled.missed, stalled.missed > 0 and not stalled.wrong)
    with Hub("limits.stall=1s") as hub:
        never = Member(hub.port, "never", buffer=4096)
        sender = Member(hub.port, "sender")
        sender.read_in_background()
        for _ in range(1000):
            sender.say("x" * SIZE)
        closed = until(lambda: "slow-consumer" in hub.log())
        never.socket.close()
        table.row("a member that never reads is closed 4006", "soon after 1 s", closed, closed is not None)
