#!/usr/bin/env python3
"""A tunnel that the kernel lacks: passes IP packets between a TUN device and a raw socket of the system's own IP stack.

usage: tunnel.py DEVICE LOCAL REMOTE {gre|ipip|mpls}
"""

import fcntl
import os
import select
import socket
import struct
import sys

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000
HEADERS = {  # IP protocol, and what precedes the IP packet
    "gre": (47, bytes.fromhex("2000 0800 0000004d")),
    "ipip": (4, b""),
    "mpls": (137, bytes.fromhex("0001 0040 0002 0140")),
}

device, local, remote, kind = sys.argv[1:]
protocol, header = HEADERS[kind]
tun = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH", device.encode(), IFF_TUN | IFF_NO_PI))
outer = socket.socket(socket.AF_INET, socket.SOCK_RAW, protocol)
outer.bind((local, 0))
print("ready", flush=True)
while True:
    for ready in select.select([tun, outer], [], [])[0]:
        if ready == tun:
            outer.sendto(header + os.read(tun, 65536), (remote, 0))
        else:
            packet = outer.recv(65536)
            inner = packet[4 * (packet[0] & 15):]
            if inner.startswith(header):
                os.write(tun, inner[len(header):])
