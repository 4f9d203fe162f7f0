"""A cable between two network namespaces, whose packets this program carries: it delays, loses, and can be pulled.

It is a pair of TUN devices. Unlike `tc netem`, it needs no kernel module but tun.
"""

import fcntl
import heapq
import os
import random
import select
import struct
import subprocess
import threading
import time
from typing import List, Tuple

from kit import Impossible

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000


def ip(*arguments: str) -> None:
    try:
        result = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    except FileNotFoundError:
        raise Impossible("the program ip is missing; install iproute2") from None
    if result.returncode:
        raise Impossible(f"ip {' '.join(arguments)}: {result.stderr.strip()}")


class Cable:
    """Each end is a namespace ('' for this one) and an address."""

    def __init__(self, name: str, ends: Tuple[Tuple[str, str], Tuple[str, str]], *, mtu: int, loss: float = 0.0,
                 delay: float = 0.0, jitter: float = 0.0) -> None:  # fmt: skip
        self.loss, self.delay, self.jitter = loss, delay, jitter
        self.pulled = self.closed = False
        self.carried = self.lost = 0
        self.files = [self.lay(f"{name}{number}", *end, ends[1 - number][1], mtu) for number, end in enumerate(ends)]
        self.thread = threading.Thread(target=self.carry, daemon=True)
        self.thread.start()

    def lay(self, device: str, namespace: str, own: str, other: str, mtu: int) -> int:
        try:
            file = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            fcntl.ioctl(file, TUNSETIFF, struct.pack("16sH22x", device.encode(), IFF_TUN | IFF_NO_PI))
        except OSError as error:
            raise Impossible(f"/dev/net/tun: {error}") from None
        inside = ["-n", namespace] if namespace else []
        if namespace:
            ip("link", "set", device, "netns", namespace)
        ip(*inside, "address", "add", own, "peer", other, "dev", device)
        ip(*inside, "link", "set", device, "mtu", str(mtu), "up")
        return file

    def carry(self) -> None:
        chance = random.Random(1)
        waiting: List[Tuple[float, int, int, bytes]] = []  # time, number, end, packet
        number = 0
        while not self.closed:
            now = time.monotonic()
            timeout = min(0.1, max(0.0, waiting[0][0] - now)) if waiting else 0.1
            for file in select.select(self.files, [], [], timeout)[0]:
                packet = os.read(file, 1 << 16)
                if self.pulled or chance.random() < self.loss:
                    self.lost += 1
                    continue
                number += 1
                due = time.monotonic() + self.delay + chance.uniform(-self.jitter, self.jitter)
                heapq.heappush(waiting, (due, number, self.files[1 - self.files.index(file)], packet))
            while waiting and waiting[0][0] <= time.monotonic():
                _, _, file, packet = heapq.heappop(waiting)
                self.carried += 1
                try:
                    os.write(file, packet)
                except OSError:
                    self.lost += 1

    def close(self) -> None:
        self.closed = True
        self.thread.join(5)
        for file in self.files:
            os.close(file)
