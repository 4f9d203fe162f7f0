"""Captures for tshark: TCP segments of any number of streams on 127.0.0.1."""

from __future__ import annotations

import struct
from typing import BinaryIO, Dict, Tuple

PORT = 3990
RAW_IP = 101
MSS = 60_000


class Capture:
    """A file in pcap format. Packets are one millisecond apart."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.packets = 0
        self.next: Dict[Tuple[int, int], int] = {}
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 1 << 18, RAW_IP))

    def connect(self, client: int) -> None:
        """The TCP handshake, so that tshark sees the start of the stream."""
        self.segment(client, PORT, b"", syn=True)
        self.segment(PORT, client, b"", syn=True)

    def to_server(self, client: int, data: bytes) -> None:
        for start in range(0, len(data), MSS):
            self.segment(client, PORT, data[start : start + MSS])

    def to_client(self, client: int, data: bytes) -> None:
        for start in range(0, len(data), MSS):
            self.segment(PORT, client, data[start : start + MSS])

    def segment(self, source: int, target: int, data: bytes, syn: bool = False) -> None:
        seq = self.next.get((source, target), 1000)
        ack = self.next.get((target, source), 0)
        self.next[source, target] = seq + len(data) + syn
        flags = (0x02 if syn else 0x18) | (0x10 if ack else 0)
        tcp = struct.pack(">HHIIBBHHH", source, target, seq, ack, 5 << 4, flags, 65535, 0, 0)
        loopback = b"\x7f\0\0\1"
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40 + len(data), 0, 0, 64, 6, 0, loopback, loopback)
        packet = ip + tcp + data
        self.packets += 1
        seconds, micros = divmod(self.packets * 1000, 1_000_000)
        self.file.write(struct.pack("<IIII", seconds, micros, len(packet), len(packet)) + packet)
