// A connection over a pair of web streams, such as WebTransport or Node's Duplex.toWeb: any `readable` and `writable`.

import { Connection } from "./connection.js";

/**
 * Takes over a pair of byte streams and exchanges HELLOs. Rejects with Fault.
 * @param role "client" or "server"
 */
export function fromStreams({ readable, writable }, role, hello, options) {
  const wire = new StreamWire(readable.getReader(), writable.getWriter());
  wire.connection = new Connection(wire, role, hello, options);
  wire.pump();
  return wire.connection.open();
}

class StreamWire {
  #reader;
  #writer;
  #isEnabled = true;
  #resume = null;
  #isBroken = false; // writing has failed
  #isDestroyed = false;

  constructor(reader, writer) {
    this.#reader = reader;
    this.#writer = writer;
    this.connection = null;
    this.unsent = 0;
  }

  write(octets) {
    if (this.#isBroken) return;
    this.unsent += octets.length;
    this.#writer.write(octets).then(
      () => {
        this.unsent -= octets.length;
        this.connection.wrote();
      },
      () => {
        this.#isBroken = true; // the peer's last messages can still be read
        this.unsent = 0;
      },
    );
  }

  end() {
    this.#writer.close().catch(() => {});
  }

  destroy() {
    if (this.#isDestroyed) return;
    this.#isDestroyed = true;
    this.read(true);
    this.#reader.cancel().catch(() => {});
    // Closing would wait for pending writes, forever if the peer does not read.
    if (this.unsent > 0) this.#writer.abort().catch(() => {});
  }

  read(isEnabled) {
    this.#isEnabled = isEnabled;
    if (isEnabled) this.#resume?.();
  }

  async pump() {
    try {
      for (;;) {
        if (!this.#isEnabled) await new Promise((resume) => (this.#resume = resume));
        const { done, value } = await this.#reader.read();
        if (done) break;
        this.connection.received(value);
      }
      this.connection.ended();
    } catch (error) {
      this.connection.ended(String(error?.message ?? error));
    }
  }
}
