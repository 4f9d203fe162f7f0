"""SIGTERM under full load: every message that was accepted before is delivered, and the hub ends in time.

A message is accepted if a PING after it was answered: the hub handles frames in order.
"""

import signal
import threading
import time

from kit import Hub, Member, Table, until

BATCH = 50
DEADLINE = 60  # seconds: a hub that ends before it has given nobody up


def run(table: Table, quick: bool) -> None:
    rounds, publishers, readers = (2, 3, 5) if quick else (10, 4, 20)
    for number in range(rounds):
        with Hub("room.log=256MiB", f"shut_down.deadline={DEADLINE}s") as hub:
            listening = [Member(hub.port, f"reader-{index}") for index in range(readers)]
            speaking = [Member(hub.port, f"speaker-{index}") for index in range(publishers)]
            slow = Member(hub.port, "slow", buffer=4096)  # reads only after the signal: much waits for it in the hub
            threads = [member.read_in_background() for member in listening + speaking]
            accepted = {member.name: 0 for member in speaking}

            def speak(member: Member) -> None:
                try:
                    while not member.ended:
                        for _ in range(BATCH):
                            member.say("x" * 2000)
                        answered = member.pongs
                        member.ping()
                        if until(lambda: member.pongs > answered or member.ended) is None or member.pongs == answered:
                            return
                        accepted[member.name] = member.sent
                except OSError:
                    return

            threads += [threading.Thread(target=speak, args=(member,), daemon=True) for member in speaking]
            for thread in threads[-publishers:]:
                thread.start()
            time.sleep(1.0)
            before = dict(accepted)
            hub.signal(signal.SIGTERM)
            listening.append(slow)
            threads.append(slow.read_in_background())
            start = time.monotonic()
            status = hub.process.wait(2 * DEADLINE)
            taken = time.monotonic() - start
            for thread in threads:
                thread.join(DEADLINE)
            table.row(f"round {number + 1}: status, and time to the end", f"0 within {DEADLINE} s", f"{status}, {taken:.1f} s",
                      status == 0 and taken < DEADLINE)  # fmt: skip
            late = [(member.name, name) for member in listening for name, least in before.items()
                    if member.last.get(name, 0) < least]  # fmt: skip
            wrong = [member.wrong for member in listening if member.wrong]
            codes = {member.close_code for member in listening}
            lost = sum(member.missed for member in listening)
            table.row(f"{sum(before.values())} accepted x {readers + 1} readers", "delivered to each, in order",
                      late or wrong or f"all, {lost} missed", not late and not wrong and sum(before.values()) > 0)  # fmt: skip
            table.row("the last frame of each member", "CLOSE 1001", codes, codes == {1001})
