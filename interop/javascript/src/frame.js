// Frames: bytes in, frames out (SPEC section 2).

import { hexByte, wrongLength, wrongStart } from "./diagnosis.js";
import { Fault } from "./fault.js";

/** The fourth byte of a header: how a payload's text is encoded. */
export const Encoding = Object.freeze({ BINARY: 0, ASCII: 1, UTF_8: 2, UTF_16BE: 3, UTF_16LE: 4 });

export const HEADER = 8; // bytes
export const MAX_LENGTH = 0x7fffffff; // longest possible body, in bytes (R2.6)

const START = [0xf5, 0xf8];
const END = [0xf8, 0xf5];
const OVERHEAD = HEADER + END.length;
const KEPT_BUFFER = 1 << 16; // a longer buffer is released once it is empty

/** Returns the bytes of a frame. Throws Fault too-long. */
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
 * Turns bytes into frames, wherever reads split them.
 *
 * `feed` what was read, then call `next` until it returns null.
 * Memory grows with the bytes that have arrived, never with a claimed length. A fault is sticky:
 * every later call of `next` throws it again, because frames after it cannot be found.
 */
export class Decoder {
  #buffer = new Uint8Array(0);
  #from = 0; // start of the next frame in the buffer
  #to = 0; // end of the received bytes in the buffer
  #start = 0; // offset of the next frame in the stream
  #examined = 0; // offset in the stream after the last byte that was examined
  #fault = null;

  /** @param limit the longest allowed body, in bytes; it may change between frames */
  constructor(limit) {
    this.limit = limit;
  }

  /** Adds bytes that have arrived. */
  feed(octets) {
    if (this.#from === this.#to && this.#buffer.length > KEPT_BUFFER) this.#buffer = new Uint8Array(0);
    const pending = this.pending;
    const wanted = pending + octets.length;
    if (this.#to + octets.length > this.#buffer.length) {
      // Half of the new buffer is free, so that each byte is moved only a few times.
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
   * Returns the kind, encoding and length of the next frame, or null while its header is not complete.
   * Throws Fault bad-start, unknown-encoding or too-long.
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
   * Returns at most `count` bytes of the next frame's body, as far as they have arrived.
   * They are not verified, because END has not arrived. Use them only for faults that must be reported early (R4.7).
   */
  body(count) {
    const header = this.header();
    const end = header === null ? HEADER : HEADER + Math.min(count, header.length);
    return this.#buffer.subarray(this.#from, this.#to).slice(HEADER, end);
  }

  /**
   * Returns the next frame, or null while it is not complete. Its body is a copy.
   * Throws Fault bad-start, unknown-encoding, too-long or bad-end.
   */
  next() {
    const header = this.header();
    if (header === null) return null;
    const octets = this.#buffer.subarray(this.#from, this.#to);
    const end = HEADER + header.length;
    for (let at = 0; at < END.length && end + at < octets.length; at++) {
      if (octets[end + at] !== END[at]) {
        const detail = `found ${hexByte(octets[end + at])} after ${header.length} bytes of body`;
        throw this.#fail("bad-end", end + at, detail);
      }
    }
    if (octets.length < end + END.length) return null;
    this.#from += end + END.length;
    this.#start += end + END.length;
    this.#examined = this.#start;
    if (this.#from === this.#to) this.#from = this.#to = 0;
    return { kind: header.kind, encoding: header.encoding, body: octets.slice(HEADER, end) };
  }

  /** Makes a fault in the first `examined` bytes of the next frame sticky, and returns it. */
  fail(fault, examined) {
    this.#examined = this.#start + examined;
    this.#fault = fault;
    return fault;
  }

  /** The number of bytes of the next frame that have arrived; 0 between frames. */
  get pending() {
    return this.#to - this.#from;
  }

  /** The number of bytes that have arrived after the last one that was examined. */
  get unused() {
    return this.#start + this.pending - this.#examined;
  }

  #fail(name, at, detail, width = 1) {
    return this.fail(new Fault(name, detail, this.#start + at), at + width);
  }
}
