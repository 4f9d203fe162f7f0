// Bookend over Node's sockets: TCP, Unix sockets and TLS.

import net from "node:net";

import { Connection } from "./src/connection.js";

const CONNECT_TIMEOUT = 10_000; // ms

/**
 * Connects to a server and exchanges HELLOs. Rejects with the socket's error or with Fault.
 * @param where the options of net.connect: { host, port } or { path }
 */
export async function connect(where, hello, options) {
  const socket = net.connect({ ...where, allowHalfOpen: true });
  await new Promise((resolve, reject) => {
    const timer = setTimeout(() => socket.destroy(new Error(`no connection within ${CONNECT_TIMEOUT} ms`)), CONNECT_TIMEOUT);
    socket.once("connect", resolve).once("error", reject).once("close", () => clearTimeout(timer));
    socket.once("connect", () => clearTimeout(timer));
  });
  return fromSocket(socket, "client", hello, options);
}

/**
 * Takes over a connected socket, created with `allowHalfOpen`, and exchanges HELLOs. Rejects with Fault.
 * @param role "client" or "server"
 */
export function fromSocket(socket, role, hello, options) {
  const wire = new SocketWire(socket);
  const connection = new Connection(wire, role, hello, options);
  if (socket instanceof net.Socket) socket.setNoDelay(true);
  let detail = "";
  socket.on("data", (octets) => connection.received(octets));
  socket.on("end", () => connection.ended());
  socket.on("error", (error) => (detail = error.message));
  socket.on("close", () => connection.ended(detail));
  wire.onWrote = () => connection.wrote();
  return connection.open();
}

class SocketWire {
  #socket;

  constructor(socket) {
    this.#socket = socket;
    this.unsent = 0;
    this.onWrote = null;
  }

  write(octets) {
    if (!this.#socket.writable) return;
    this.unsent += octets.length;
    this.#socket.write(octets, (error) => {
      this.unsent -= octets.length;
      if (!error) this.onWrote();
    });
  }

  end() {
    this.#socket.end();
  }

  destroy() {
    // Node closes a socket that has ended in both directions once everything is written. A stalled socket is destroyed.
    if (this.unsent > 0 && !this.#socket.writableEnded) this.#socket.destroy();
    else this.#socket.destroySoon();
  }

  read(isEnabled) {
    if (isEnabled) this.#socket.resume();
    else this.#socket.pause();
  }
}
