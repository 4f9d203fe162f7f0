"""The lines of a terminal: telnet options, corrections and the ends of lines (R9.17, R9.18, R9.42)."""

from __future__ import annotations

IAC, DONT, DO, WONT, WILL, SB, SE = 0xFF, 0xFE, 0xFD, 0xFC, 0xFB, 0xFA, 0xF0
ERASE_CHARACTER, ERASE_LINE = 0xF7, 0xF8
REFUSAL = {WILL: DONT, DO: WONT}
LONGEST = 1024


class Lines:
    """Cuts what a terminal sends into lines."""

    def __init__(self) -> None:
        self.line = bytearray()
        self.after_cr = False
        self.command: list[int] = []  # the telnet command that has begun
        self.reply = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that are complete; a line of more than 1,024 bytes is cut at 1,025."""
        lines = []
        for byte in data:
            if self.command or byte == IAC:
                if not self._telnet(byte):
                    continue
            if self.after_cr and byte in b"\n\x00":
                self.after_cr = False
                continue
            self.after_cr = byte == 0x0D
            if byte in b"\r\n":
                lines.append(bytes(self.line))
                self.line.clear()
            elif byte in b"\x08\x7f":
                self._erase()
            elif len(self.line) <= LONGEST:
                self.line.append(byte)
        return lines

    def take_reply(self) -> bytes:
        """The answers to telnet options."""
        reply, self.reply = self.reply, b""
        return reply

    def _telnet(self, byte: int) -> bool:
        """Takes a byte of a command; returns whether it is the text FF."""
        command = self.command
        command.append(byte)
        if len(command) == 1:
            return False
        if command[1] == SB:
            if len(command) > 3 and command[-2:] == [IAC, SE]:
                command.clear()
            return False
        if command[1] in (WILL, WONT, DO, DONT) and len(command) < 3:
            return False
        if command[1] in REFUSAL:
            self.reply += bytes([IAC, REFUSAL[command[1]], byte])
        elif command[1] == ERASE_CHARACTER:
            self._erase()
        elif command[1] == ERASE_LINE:
            self.line.clear()
        is_text = command == [IAC, IAC]
        command.clear()
        return is_text

    def _erase(self) -> None:
        while self.line and self.line[-1] & 0xC0 == 0x80:
            self.line.pop()
        if self.line:
            self.line.pop()
