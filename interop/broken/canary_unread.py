"""Broken: magic and canary are not checked."""

import peer
from bookend import hello

peer.replace(hello.check_prefix, lambda body: None)

if __name__ == "__main__":
    peer.run()
