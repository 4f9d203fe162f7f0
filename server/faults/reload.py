"""A reload with a broken file: members are unaffected, the log has the reason, and the next valid file is used."""

import signal
import tempfile
from pathlib import Path

from kit import Hub, Member, Table, until


def run(table: Table, quick: bool) -> None:
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "bookend.toml"
        file.write_text("[limits]\nprivate_frames = 100\n")
        with Hub(arguments=("--config", str(file))) as hub:
            ann = Member(hub.port, "ann")
            for broken, reason in [
                ("[limits]\nmax_boddy = 1\n", "did you mean limits.max_body"),
                ("[limits\n", f"{file}:1:"),
                ('[limits]\nstall = "-1s"\n', "limits.stall"),
                ("\0\x01", f"{file}:1:"),
            ]:
                before = hub.log().count("reload-refused")
                file.write_text(broken)
                hub.signal(signal.SIGHUP)
                taken = until(lambda: hub.log().count("reload-refused") > before)
                line = hub.log().splitlines()[-1]
                table.row(f"the log on {broken!r}"[:46], reason.replace(str(directory), "…"), taken is not None,
                          taken is not None and reason in line)  # fmt: skip
                ann.say()
                bob = Member(hub.port, "bob")
                bob.say()
                received = ann.read_until(lambda: ann.last.get("ann") == ann.sent and "bob" in ann.last)
                table.row("old and new members", "exchange messages", received, received and not ann.wrong)
                ann.last.pop("bob", None)
                bob.socket.close()
            file.write_text("[limits]\nprivate_frames = 50\n")
            hub.signal(signal.SIGHUP)
            taken = until(lambda: "reload changed=" in hub.log())
            table.row("a valid file after them", "is used", taken is not None, taken is not None)
