// A connection: a session that owns a byte stream. One class serves every kind of stream, through the interface `Wire`.

import { LIMITS } from "./clock.js";
import { Fault, PeerClosed, PeerError, Refused, codeOf } from "./fault.js";
import { Encoding } from "./frame.js";
import { Hello } from "./hello.js";
import { encodeQuery, parsePage } from "./history.js";
import { reasonText, textOr } from "./message.js";
import { Session } from "./session.js";
import { withoutMarks } from "./text.js";

const MAX_INBOX = 1 << 20; // bytes of messages not yet taken by the application; beyond that, reading stops
const MAX_UNSENT = 1 << 16; // bytes queued for a peer that does not read; beyond that, sending waits and reading stops
const MESSAGE_COST = 256; // memory for an empty message, in bytes
const MAX_ID = 2 ** 32 - 1;
const REQUEST_TIMEOUT = 30_000; // ms

/**
 * One side of a connection. It calls its wire:
 *   write(octets)    writes all bytes, in order;   unsent   the number of bytes not yet written
 *   end()            closes the sending direction after them
 *   destroy()        releases the stream
 *   read(isEnabled)  starts or stops reading
 * The wire calls `received`, `wrote` and `ended`.
 */
export class Connection {
  #wire;
  #session;
  #limits;
  #timer = null;
  #end = null;
  #inbox = [];
  #inboxSize = 0; // bytes
  #taken = null; // the last delivery that `receive` returned
  #delivered = 0; // messages in total
  #actedOn = 0;
  #heldPongs = []; // each waits for the messages before its PING: it confirms that they were acted on (R3.10)
  #waitsForPeer = 0; // number of callers that wait for an answer
  #answers = new Map(); // request id or PONG payload: the waiting caller
  #abandoned = new Set(); // ids of cancelled requests whose answer is dropped when it arrives
  #unseenCancels = new Map(); // id to number of CANCELs in the inbox
  #lastId = 0;
  #waiters = new Set(); // to wake after every change
  #progress = 0; // when bytes were last written, or first queued
  #pausedAt = null; // when reading stopped

  /** Used by `connect`, `fromSocket` and `fromStreams`, which then call `open`. */
  constructor(wire, role, hello = new Hello(), options = {}) {
    this.#wire = wire;
    this.#limits = { ...LIMITS, ...options.limits };
    this.#session = new Session(role, hello, options);
  }

  /** Exchanges HELLOs over a connected stream and resolves to this. Rejects with the Fault. */
  async open() {
    this.#apply(this.#session.start(now()));
    await this.#until(() => this.#session.peer !== null);
    if (this.#session.peer === null) this.#throwIfEnded();
    return this;
  }

  /** The other side's HELLO. */
  get peer() {
    return this.#session.peer;
  }

  /** Whether both sides support the hub profile. */
  get hasHub() {
    return this.#session.hasHub;
  }

  /** Sends a message, and waits while too many bytes are queued. Rejects with Refused, or the Fault that ended the connection. */
  async send(message) {
    this.#send(message);
    await this.#until(() => this.#wire.unsent <= MAX_UNSENT);
    this.#throwIfEnded();
  }

  /** Sends a MESSAGE: a string (in the encoding that the peer prefers), Text, or bytes. */
  async sendMessage(value) {
    await this.send({ type: "message", payload: this.#payload(value) });
  }

  /** Sends a POST to a member of the room, or to everyone. */
  async post(value, to = 0) {
    await this.send({ type: "post", to, payload: this.#payload(value) });
  }

  /**
   * Sends a REQUEST and resolves to the payload of its REPLY. After `timeout` ms, or when the AbortSignal `signal` aborts,
   * it sends a CANCEL.
   * Rejects with PeerError if an ERROR answers it, Fault bad-text, Refused try-later after `timeout` ms, the reason of the
   * signal, or the Fault that ended the connection.
   */
  async request(value, timeout = REQUEST_TIMEOUT, { signal } = {}) {
    signal?.throwIfAborted();
    const id = this.#nextId();
    this.#send({ type: "request", id, payload: this.#payload(value) });
    return this.#answer(`request ${id}`, timeout, () => this.#abandon(id), signal);
  }

  /**
   * Resolves to the last `count` messages that the hub has kept of the room and whose seq is less than `before`
   * (`parsePage`). Rejects as `request` does: with a PeerError policy if the hub keeps nothing.
   */
  async history({ before, count } = {}, timeout = REQUEST_TIMEOUT) {
    return parsePage(await this.request(encodeQuery({ before, count }), timeout));
  }

  /** Resolves to the last ones of these messages that contain a text, in upper or lower case. */
  async search(text, { before, count } = {}, timeout = REQUEST_TIMEOUT) {
    return parsePage(await this.request(encodeQuery({ before, count, text }), timeout));
  }

  /**
   * Sends a CANCEL for a REQUEST that `send` sent; a REPLY or an ERROR cancelled still arrives. Rejects with Refused
   * no-such-request if the REQUEST is not unanswered.
   */
  async cancel(id) {
    await this.send({ type: "cancel", id });
  }

  /** Resolves once the peer has acted on everything sent before. */
  async barrier(timeout = REQUEST_TIMEOUT) {
    const payload = Uint8Array.from(new Uint8Array(new Uint32Array([this.#nextId()]).buffer));
    this.#send({ type: "ping", payload });
    await this.#answer(`pong ${payload}`, timeout, () => this.#session.forgetPing(payload));
  }

  /** Answers the REQUEST with this id. Does nothing if the peer has cancelled it and `receive` has not said so yet. */
  async reply(id, value) {
    if (!this.#unseenCancels.has(id)) await this.send({ type: "reply", id, payload: this.#payload(value) });
  }

  /** Answers the last message that `receive` returned with an ERROR, unless it is a REQUEST that was cancelled. */
  async refuse(fault) {
    const code = codeOf(fault.name);
    if (this.#taken === null) throw new Refused("protocol-error", "no message was received");
    if (code === null) throw new Refused("protocol-error", `${fault.name} has no code`);
    const { message, number } = this.#taken;
    const id = message.type === "request" ? message.id : 0;
    const reason = reasonText(fault.reason, this.peer.preferred || Encoding.UTF_8);
    if (!this.#unseenCancels.has(id)) await this.send({ type: "error", id, frame: number, code, reason });
  }

  /** Resolves to the next message, or null once the connection has closed normally. Rejects with the Fault that ended it. */
  async receive() {
    this.#acknowledge();
    await this.#until(() => this.#inbox.length > 0);
    const delivery = this.#inbox.shift();
    if (delivery === undefined) {
      const fault = this.#end.fault;
      if (fault !== null && !(fault instanceof PeerClosed && fault.code === 1000)) throw fault;
      return null;
    }
    this.#taken = delivery;
    this.#inboxSize -= sizeOf(delivery);
    if (delivery.message.type === "cancel") this.#countUnseen(delivery.message.id, -1);
    this.#settle();
    return delivery.message;
  }

  /** Yields all messages until the connection closes normally. */
  async *[Symbol.asyncIterator]() {
    for (let message = await this.receive(); message !== null; message = await this.receive()) yield message;
  }

  /** Sends CLOSE, unless one was sent already, and resolves once the stream is released. */
  async close(code = 1000, reason = null) {
    this.#apply(this.#session.close(code, reason, now()));
    await this.#until(() => this.#session.isDone);
  }

  // Events from the wire

  /** Bytes were received. */
  received(octets) {
    this.#apply(this.#session.receive(octets, now()));
  }

  /** Bytes were written. */
  wrote() {
    this.#progress = now();
    this.#session.wrote(now());
    this.#settle();
  }

  /** No more bytes will arrive; `detail` is the transport's explanation. */
  ended(detail = "") {
    if (!this.#session.isDone) this.#apply(this.#session.endOfStream(now(), detail));
  }

  // Inside

  #send(message) {
    this.#throwIfEnded();
    this.#apply(this.#session.send(message, now()));
  }

  #apply(actions) {
    for (const action of actions) this.#do(action);
    this.#settle();
  }

  #do(action) {
    if (action.do === "write" && action.kind === 0x07) this.#holdPong(action.octets);
    else if (action.do === "write") this.#write(action.octets);
    else if (action.do === "deliver") this.#deliver(action);
    else if (action.do === "unreadable") this.#unreadable(action);
    else if (action.do === "half-close") this.#wire.end();
    else if (action.do === "end") this.#end = action;
  }

  #write(octets) {
    if (this.#wire.unsent === 0) this.#progress = now();
    this.#wire.write(octets);
  }

  #deliver(delivery) {
    const { message } = delivery;
    const isAnswer = message.type === "reply" || message.type === "error";
    if (isAnswer && this.#abandoned.delete(message.id)) return;
    const caller = this.#answers.get(message.type === "pong" ? `pong ${message.payload}` : `request ${message.id}`);
    if (caller !== undefined && message.type === "error") {
      caller.reject(new PeerError(message.code, message.reason.value, message.id, message.frame));
    } else if (caller !== undefined && (message.type === "pong" || message.type === "reply")) {
      caller.resolve(message.payload);
    } else {
      this.#inbox.push(delivery);
      this.#inboxSize += sizeOf(delivery);
      this.#delivered += 1;
      if (message.type === "cancel") this.#countUnseen(message.id, 1);
    }
  }

  #unreadable({ id, fault }) {
    this.#abandoned.delete(id);
    this.#answers.get(`request ${id}`)?.reject(fault);
  }

  #countUnseen(id, change) {
    const count = (this.#unseenCancels.get(id) ?? 0) + change;
    if (count > 0) this.#unseenCancels.set(id, count);
    else this.#unseenCancels.delete(id);
  }

  #holdPong(octets) {
    // Of several PONGs only the last is needed (R3.9). The first is kept so that it is not delayed again and again.
    if (this.#heldPongs.length === 2) this.#heldPongs.pop();
    this.#heldPongs.push({ after: this.#delivered, octets });
    this.#releasePongs();
  }

  /** Records that the application has acted on all messages that it took. */
  #acknowledge() {
    this.#actedOn = this.#delivered - this.#inbox.length;
    this.#releasePongs();
  }

  #releasePongs() {
    // A side that waits for an answer sends its PONGs immediately: otherwise two sides could wait for each other forever.
    while (this.#heldPongs.length > 0 && (this.#waitsForPeer > 0 || this.#heldPongs[0].after <= this.#actedOn)) {
      const { octets } = this.#heldPongs.shift();
      if (this.#session.isOpen) this.#write(octets);
    }
  }

  /** Cancels a request whose answer is no longer awaited, unless it has arrived. */
  #abandon(id) {
    if (!this.#session.isOpen || !this.#session.isUnanswered(id)) return;
    this.#abandoned.add(id);
    this.#send({ type: "cancel", id });
  }

  async #answer(key, timeout, forget, signal) {
    this.#waitsForPeer += 1;
    this.#releasePongs();
    let timer, abort;
    try {
      return await new Promise((resolve, reject) => {
        this.#answers.set(key, { resolve, reject });
        abort = () => reject(signal.reason);
        signal?.addEventListener("abort", abort);
        timer = setTimeout(() => reject(new Refused("try-later", `no answer to ${key} in ${timeout} ms`)), timeout);
      });
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      forget();
      this.#answers.delete(key);
      this.#waitsForPeer -= 1;
    }
  }

  #payload(value) {
    // A leading U+FEFF would be a byte order mark. Remove it (R5.5).
    return typeof value === "string" ? textOr(withoutMarks(value), this.peer.preferred || Encoding.UTF_8) : value;
  }

  /** Returns an id that no unanswered request has. */
  #nextId() {
    do this.#lastId = (this.#lastId % MAX_ID) + 1;
    while (this.#session.isUnanswered(this.#lastId));
    return this.#lastId;
  }

  /** Throws the fault that ended the session, or Refused if it was closed normally. */
  #throwIfEnded() {
    if (this.#end !== null) throw this.#end.fault ?? new Refused("normal", "the connection is closed");
  }

  /** Resolves when a condition holds or the session is done. */
  async #until(holds) {
    while (!holds() && !this.#session.isDone) await new Promise((wake) => this.#waiters.add(wake));
  }

  /** Updates reading and the timer, wakes all waiters, and releases the stream if the session is done. */
  #settle() {
    const session = this.#session;
    const reads = !session.isOpen || (this.#inboxSize < MAX_INBOX && this.#wire.unsent < MAX_UNSENT);
    if (!reads) {
      this.#pausedAt ??= now();
    } else if (this.#pausedAt !== null) {
      session.excuse(now() - this.#pausedAt);
      this.#pausedAt = null;
    }
    this.#wire.read(reads);
    this.#setTimer();
    for (const wake of this.#waiters) wake();
    this.#waiters.clear();
    if (!session.isDone) return;
    this.#wire.destroy();
    const fault = this.#end?.fault ?? new Refused("normal", "the connection is closed");
    for (const { reject } of this.#answers.values()) reject(fault);
  }

  #setTimer() {
    clearTimeout(this.#timer);
    const stall = this.#wire.unsent > 0 ? this.#progress + this.#limits.stall : Infinity;
    const due = Math.min(this.#session.deadline(), stall);
    if (due === Infinity || this.#session.isDone) return;
    this.#timer = setTimeout(() => this.#tick(), Math.max(0, due - now()));
  }

  #tick() {
    const stalled = this.#wire.unsent > 0 && now() >= this.#progress + this.#limits.stall;
    if (stalled) {
      const detail = `no progress for ${this.#limits.stall} ms`;
      this.#apply(this.#session.abort(new Fault("slow-consumer", detail)));
      return;
    }
    if (this.#pausedAt !== null) {
      this.#session.excuse(now() - this.#pausedAt);
      this.#pausedAt = now();
    }
    this.#apply(this.#session.tick(now()));
  }
}

function sizeOf({ frame }) {
  return frame.body.length + MESSAGE_COST;
}

// Whole milliseconds of a monotonic clock.
function now() {
  return Math.floor(performance.now());
}
