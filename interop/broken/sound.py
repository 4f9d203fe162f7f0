"""A peer without a fault: what the broken ones are compared with."""

import peer

if __name__ == "__main__":
    peer.run()
