// A connection over a pair of web streams: WebTransport, Node's Duplex.toWeb, anything with `readable` and `writable`.

import { Connection } from "./connection.js";

/**
 * Takes over a pair of byte streams and exchanges HELLOs. Rejects with Fault.
 * @param role "client" or "server"
 */
export function overStreams({ readable, writable }, role, hello, options) {
  const wire = new StreamWire(readable.getReader(), writable.getWriter());
  wire.connection = new Connection(wire, role, hello, options);
  wire.pump();
  return wire.connection.open();
}

class StreamWire {
  #reader;
  #writer;
  #isWanted = true;
  #resume = null;
  #isBroken = false; // nothing can be written any more
  #isGone = false;

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
        this.#isBroken = true; // what the peer said last may still be read
        this.unsent = 0;
      },
    );
  }

  end() {
    this.#writer.close().catch(() => {});
  }

  destroy() {
    if (this.#isGone) return;
    this.#isGone = true;
    this.read(true);
    this.#reader.cancel().catch(() => {});
    // Closing waits for what is being written, and a peer who does not read would be waited for.
    if (this.unsent > 0) this.#writer.abort().catch(() => {});
  }

  read(isWanted) {
    this.#isWanted = isWanted;
    if (isWanted) this.#resume?.();
  }

  async pump() {
    try {
      for (;;) {
        if (!this.#isWanted) await new Promise((resume) => (this.#resume = resume));
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
