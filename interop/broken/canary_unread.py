"""Broken: magic and canary are not compared."""

import peer
from bookend import hello

peer.replace(hello.judge_prefix, lambda body: None)

if __name__ == "__main__":
    peer.run()
