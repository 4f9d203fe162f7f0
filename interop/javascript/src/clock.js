// The deadlines of a session, and floods (SPEC sections 7 and 8). The caller passes the time in, in milliseconds.

import { Fault } from "./fault.js";
import { Kind } from "./message.js";

/** The configurable limits; times in milliseconds. */
export const LIMITS = Object.freeze({
  hello: 5_000, // until the peer's HELLO has arrived (R7.10)
  header: 5_000, // from the first byte of a header to its last (R7.11)
  body: 5_000, // from a header to its END (R7.12)
  bodyPerKib: 1_000, // added to body for each 1,024 bytes of length
  drain: 2_000, // from this side's CLOSE to the end of the stream (R7.6)
  drainBytes: 1 << 16,
  beforeHello: 1 << 12, // bytes of body (R4.18)
  pings: 10, // in pingPeriod without another frame (R8.3)
  pingPeriod: 10_000,
  empties: 1_000, // frames of length 0 in emptyPeriod (R8.4)
  emptyPeriod: 1_000,
  stall: 10_000, // without progress in writing: the peer is a slow consumer
});

/** Holds the deadlines of a session. */
export class Clock {
  #limits;
  #helloDue = Infinity;
  #headerDue = Infinity;
  #bodyDue = Infinity;
  #drainDue = Infinity;
  #idleTimeout = Infinity; // longest allowed silence of the peer
  #pingInterval = Infinity; // longest allowed silence of this side
  #lastReceived = 0;
  #lastSent = 0;

  constructor(limits) {
    this.#limits = limits;
  }

  /** The stream is connected: a HELLO must arrive. */
  start(now) {
    this.#helloDue = now + this.#limits.hello;
  }

  /** Starts both keepalives, in seconds; 0 = no promise. They count from now (R7.1). */
  open(keepalive, peerKeepalive, now) {
    this.#helloDue = Infinity;
    this.#lastSent = now;
    this.#pingInterval = keepalive * 1_000 || Infinity;
    this.#idleTimeout = peerKeepalive * 2_000 || Infinity;
  }

  /** CLOSE was sent: only the deadline for the end of the stream remains. */
  close(now) {
    this.#helloDue = this.#headerDue = this.#bodyDue = this.#idleTimeout = this.#pingInterval = Infinity;
    this.#drainDue = now + this.#limits.drain;
  }

  /** Bytes were received. */
  received(now) {
    this.#lastReceived = now;
  }

  /** Bytes were written. */
  sent(now) {
    this.#lastSent = now;
  }

  /** The first byte of a header has arrived. A second call for the same header changes nothing. */
  frameBegins(now) {
    if (this.#headerDue === Infinity) this.#headerDue = now + this.#limits.header;
  }

  /** The header has arrived. A second call for the same header changes nothing. */
  headerEnds(length, now) {
    if (this.#bodyDue !== Infinity) return;
    this.#bodyDue = now + this.#limits.body + Math.floor((length * this.#limits.bodyPerKib) / 1024);
  }

  /** The frame is complete. */
  frameEnds() {
    this.#headerDue = this.#bodyDue = Infinity;
  }

  /** Extends the peer's deadlines by the time for which the driver did not read. */
  excuse(duration) {
    this.#lastReceived += duration;
    this.#helloDue += duration;
    this.#headerDue += duration;
    this.#bodyDue += duration;
  }

  /** Returns the earliest task and its time. */
  nextDue() {
    return this.#dues().reduce((first, due) => (due.time < first.time ? due : first));
  }

  /** Returns a task that is due, or null. Faults come before a PING: a dead peer needs no PING. */
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
      { time: this.#lastReceived + this.#idleTimeout, what: "idle" },
      { time: this.#lastSent + this.#pingInterval, what: "ping" },
    ];
  }
}

/** Detects floods by the times at which frames arrive. */
export class Flood {
  #pings;
  #empties;

  constructor(limits) {
    this.#pings = new Window(limits.pings, limits.pingPeriod);
    this.#empties = new Window(limits.empties, limits.emptyPeriod);
  }

  /** Throws Fault ping-flood or empty-flood. */
  check(frame, now) {
    if (frame.kind === Kind.PING) {
      if (!this.#pings.admits(now)) throw new Fault("ping-flood", `more than ${this.#pings}`);
    } else if (frame.kind !== Kind.PONG) {
      this.#pings.clear();
    }
    if (frame.body.length === 0 && !this.#empties.admits(now)) throw new Fault("empty-flood", `more than ${this.#empties}`);
  }

  /** Admits extra frames for the time for which the driver did not read: they arrive together and are not a flood. */
  excuse(duration) {
    this.#pings.excuse(duration);
    this.#empties.excuse(duration);
  }
}

/** Admits at most `count` events in any `period`. */
class Window {
  #times = [];
  #next = 0; // index of the oldest time, once there are `count`
  #spare = 0; // extra events to admit, because they may have waited unread

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
