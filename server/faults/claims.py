"""Peers claim bodies that never arrive: nothing is reserved for them."""

from kit import Hub, Member, Table


def run(table: Table, quick: bool) -> None:
    count, claim = (50, 64 << 20) if quick else (400, 256 << 20)
    with Hub(f"limits.max_body={claim}", "limits.body_rate=1GiB") as hub:
        members = [Member(hub.port, f"member-{number}") for number in range(count)]
        before = hub.memory("VmData")
        for member in members:
            member.socket.sendall(b"\xf5\xf8\x12\x02" + claim.to_bytes(4, "big") + b"\0\0\0\0x")
        witness = Member(hub.port, "witness")
        witness.say()
        witness.read_until(lambda: witness.received == 1, 10)
        # 64 KiB may be reserved for each (R8.1); threads and the allocator add some
        most = count * 64 + (32 << 10)
        grown = hub.memory("VmData") - before
        table.row(f"reserved for {count} claims of {claim >> 20} MiB", f"at most {most} KiB", f"{grown} KiB", grown <= most)
