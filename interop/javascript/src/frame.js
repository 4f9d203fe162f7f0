// Frames: bytes in, frames out (SPEC section 2).

import { hexByte, wrongLength, wrongStart } from "./diagnosis.js";
import { Fault } from "./fault.js";

/** The fourth byte of a header: how a payload's text is encoded. */
export const Encoding = Object.freeze({ BINARY: 0, ASCII: 1, UTF_8: 2, UTF_16BE: 3, UTF_16LE: 4 });

export const HEADER = 8; // bytes
export const MAX_LENGTH = 0x7fffffff; // bytes of body, whatever the limit in force (R2.6)

const START = [0xf5, 0xf8];
const END = [0xf8, 0xf5];
const OVERHEAD = HEADER + END.length;
const KEPT_BUFFER = 1 << 16; // bytes: a longer buffer is given back once it is empty

/** The bytes of a frame. Throws Fault: too-long. */
export function encodeFrame({ kind, encoding, body }) {
  if (body.length > MAX_LENGTH) throw new Fault("too-long", `${body.length} bytes`);
  const octets = new Uint8Array(OVERHEAD + body.length);
  octets.set([...START, kind, encoding]);
  new DataView(octets.buffer).setUint32(4, body.length);
  octets.set(body, HEADER);
  octets.set(END, HEADER + body.length);
  return octets;
}

/**
 * Turns bytes into frames, however they were cut.
 *
 * `feed` what was read, then call `next` until it returns null.
 * Memory follows what has arrived, never what a length claims. A fault is sticky:
 * `next` throws it again and again, because nothing behind it is a frame.
 */
export class Decoder {
  #buffer = new Uint8Array(0);
  #from = 0; // of the next frame, in the buffer
  #to = 0; // behind what has arrived, in the buffer
  #start = 0; // offset of the next frame in the stream
  #judged = 0; // offset behind the last byte that decided anything
  #fault = null;

  /** @param limit bytes of body, the limit in force; it may change between frames */
  constructor(limit) {
    this.limit = limit;
  }

  /** Adds bytes that have arrived. */
  feed(octets) {
    if (this.#from === this.#to && this.#buffer.length > KEPT_BUFFER) this.#buffer = new Uint8Array(0);
    const pending = this.pending;
    const wanted = pending + octets.length;
    if (this.#to + octets.length > this.#buffer.length) {
      // Half of the buffer stays free, so that each byte is moved a few times at most.
      const roomy = wanted * 2 <= this.#buffer.length ? this.#buffer : new Uint8Array(wanted * 2);
      roomy.set(this.#buffer.subarray(this.#from, this.#to));
      this.#buffer = roomy;
      this.#from = 0;
      this.#to = pending;
    }
    this.#buffer.set(octets, this.#to);
    this.#to += octets.length;
  }

  /**
   * Kind, encoding and length of the frame that comes next, or null while its header is not complete.
   * Throws Fault: bad-start, unknown-encoding, too-long.
   */
  header() {
    if (this.#fault !== null) throw this.#fault;
    const octets = this.#buffer.subarray(this.#from, this.#to);
    for (let at = 0; at < START.length && at < octets.length; at++) {
      if (octets[at] !== START[at]) throw this.#fail("bad-start", at, wrongStart(at, octets[at]));
    }
    if (octets.length >= 4 && octets[3] > Encoding.UTF_16LE) {
      throw this.#fail("unknown-encoding", 3, `found ${hexByte(octets[3])}`);
    }
    if (octets.length < HEADER) return null;
    const length = new DataView(octets.buffer, octets.byteOffset).getUint32(4);
    if (length > Math.min(this.limit, MAX_LENGTH)) {
      throw this.#fail("too-long", 4, wrongLength(length, this.limit), 4);
    }
    return { kind: octets[2], encoding: octets[3], length };
  }

  /**
   * The first `count` bytes of body of the frame that comes next, as far as they have arrived.
   * Not verified: END has not been seen. Only for faults that must be named early (R4.7).
   */
  body(count) {
    const header = this.header();
    const end = header === null ? HEADER : HEADER + Math.min(count, header.length);
    return this.#buffer.subarray(this.#from, this.#to).slice(HEADER, end);
  }

  /**
   * The next frame, or null while it is not complete. Its body is a copy of its own.
   * Throws Fault: bad-start, unknown-encoding, too-long, bad-end.
   */
  next() {
    const header = this.header();
    if (header === null) return null;
    const octets = this.#buffer.subarray(this.#from, this.#to);
    const behind = HEADER + header.length;
    for (let at = 0; at < END.length && behind + at < octets.length; at++) {
      if (octets[behind + at] !== END[at]) {
        const detail = `found ${hexByte(octets[behind + at])} behind ${header.length} bytes of body`;
        throw this.#fail("bad-end", behind + at, detail);
      }
    }
    if (octets.length < behind + END.length) return null;
    this.#from += behind + END.length;
    this.#start += behind + END.length;
    this.#judged = this.#start;
    if (this.#from === this.#to) this.#from = this.#to = 0;
    return { kind: header.kind, encoding: header.encoding, body: octets.slice(HEADER, behind) };
  }

  /** Makes a fault sticky that the caller found in the first `judged` bytes of the next frame; returns it. */
  abandon(fault, judged) {
    this.#judged = this.#start + judged;
    this.#fault = fault;
    return fault;
  }

  /** How many bytes of the next frame have arrived; 0 between frames. */
  get pending() {
    return this.#to - this.#from;
  }

  /** How many bytes have arrived behind the last one that decided anything. */
  get unused() {
    return this.#start + this.pending - this.#judged;
  }

  #fail(name, at, detail, width = 1) {
    return this.abandon(new Fault(name, detail, this.#start + at), at + width);
  }
}
