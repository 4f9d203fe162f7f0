"""A peer without a fault, with which the broken ones are compared."""

import peer

if __name__ == "__main__":
    peer.run()
