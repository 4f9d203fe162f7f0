// What is due when in a session, and what comes too often (SPEC sections 7 and 8). Times are milliseconds from outside.

import { Fault } from "./fault.js";
import { Kind } from "./message.js";

/** The numbers that a configuration may change; times in milliseconds. */
export const LIMITS = Object.freeze({
  hello: 5_000, // until the peer's HELLO is there (R7.10)
  header: 5_000, // from the first byte of a header to its last (R7.11)
  body: 5_000, // from a header to its END (R7.12)
  bodyPerKib: 1_000, // and so much more for each 1,024 bytes of length
  drain: 2_000, // from the own CLOSE to the end of the stream (R7.6)
  drainBytes: 1 << 16,
  beforeHello: 1 << 12, // bytes of body (R4.18)
  requests: 64, // unanswered in one direction (R3.16)
  pings: 10, // in pingPeriod without another frame (R8.3)
  pingPeriod: 10_000,
  empties: 1_000, // frames of length 0 in emptyPeriod (R8.4)
  emptyPeriod: 1_000,
  stall: 10_000, // without progress in writing: the peer is a slow consumer
});

/** Remembers when things happened and says what follows from it. */
export class Clock {
  #limits;
  #helloDue = Infinity;
  #headerDue = Infinity;
  #bodyDue = Infinity;
  #drainDue = Infinity;
  #idle = Infinity; // longest silence of the peer
  #quiet = Infinity; // longest silence of this side
  #heard = 0;
  #wrote = 0;

  constructor(limits) {
    this.#limits = limits;
  }

  /** The connection stands: a HELLO must come. */
  start(now) {
    this.#helloDue = now + this.#limits.hello;
  }

  /** HELLOs are exchanged, keepalives in seconds; 0 = no promise. What is promised counts from now (R7.1). */
  open(keepalive, peerKeepalive, now) {
    this.#helloDue = Infinity;
    this.#wrote = now;
    this.#quiet = keepalive * 1_000 || Infinity;
    this.#idle = peerKeepalive * 2_000 || Infinity;
  }

  /** CLOSE was sent: nothing counts any more but the end of the stream. */
  close(now) {
    this.#helloDue = this.#headerDue = this.#bodyDue = this.#idle = this.#quiet = Infinity;
    this.#drainDue = now + this.#limits.drain;
  }

  /** Bytes have come. */
  hear(now) {
    this.#heard = now;
  }

  /** Bytes have left. */
  write(now) {
    this.#wrote = now;
  }

  /** The first byte of a header is there; said again for the same header, it changes nothing. */
  frameBegins(now) {
    if (this.#headerDue === Infinity) this.#headerDue = now + this.#limits.header;
  }

  /** The header is there; said again for the same header, it changes nothing. */
  headerEnds(length, now) {
    if (this.#bodyDue !== Infinity) return;
    this.#bodyDue = now + this.#limits.body + Math.floor((length * this.#limits.bodyPerKib) / 1024);
  }

  /** The frame is there. */
  frameEnds() {
    this.#headerDue = this.#bodyDue = Infinity;
  }

  /** The driver did not read for so long: the peer is not to blame. */
  excuse(duration) {
    this.#heard += duration;
    this.#helloDue += duration;
    this.#headerDue += duration;
    this.#bodyDue += duration;
  }

  /** What is due first, and when. */
  nextDue() {
    return this.#dues().reduce((first, due) => (due.time < first.time ? due : first));
  }

  /** What is due now or was before, a fault before a PING: whoever is gone need not be asked. Null if nothing is. */
  overdue(now) {
    const dues = this.#dues().filter((due) => due.time <= now);
    const faults = dues.filter((due) => due.what !== "ping");
    const [first, ...others] = faults.length > 0 ? faults : dues;
    return others.reduce((earliest, due) => (due.time < earliest.time ? due : earliest), first) ?? null;
  }

  #dues() {
    return [
      { time: this.#drainDue, what: "drain" },
      { time: this.#helloDue, what: "hello-timeout" },
      { time: this.#bodyDue === Infinity ? this.#headerDue : this.#bodyDue, what: "frame-timeout" },
      { time: this.#heard + this.#idle, what: "idle" },
      { time: this.#wrote + this.#quiet, what: "ping" },
    ];
  }
}

/** Judges each frame of a peer by when it came. */
export class Flood {
  #pings;
  #empties;

  constructor(limits) {
    this.#pings = new Window(limits.pings, limits.pingPeriod);
    this.#empties = new Window(limits.empties, limits.emptyPeriod);
  }

  /** Throws Fault ping-flood or empty-flood. */
  judge(frame, now) {
    if (frame.kind === Kind.PING) {
      if (!this.#pings.admits(now)) throw new Fault("ping-flood", `more than ${this.#pings}`);
    } else if (frame.kind !== Kind.PONG) {
      this.#pings.clear();
    }
    if (frame.body.length === 0 && !this.#empties.admits(now)) throw new Fault("empty-flood", `more than ${this.#empties}`);
  }

  /** The driver did not read for a while: what piled up comes at once and is no flood. */
  excuse(duration) {
    this.#pings.excuse(duration);
    this.#empties.excuse(duration);
  }
}

/** Admits `count` events in any `period`. */
class Window {
  #times = [];
  #next = 0; // the oldest time's place, once there are `count`
  #spare = 0; // events that are admitted because they may have waited

  constructor(count, period) {
    this.count = count;
    this.period = period;
  }

  toString() {
    return `${this.count} in ${this.period} ms`;
  }

  admits(now) {
    if (this.#times.length === this.count && now - this.#times[this.#next] < this.period) {
      if (this.#spare < 1) return false;
      this.#spare -= 1;
    }
    this.#times[this.#next] = now;
    this.#next = (this.#next + 1) % this.count;
    return true;
  }

  clear() {
    this.#times = [];
    this.#next = 0;
  }

  excuse(duration) {
    this.#spare += Math.floor((duration * this.count) / this.period);
  }
}
